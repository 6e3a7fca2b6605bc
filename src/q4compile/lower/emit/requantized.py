"""The word behind a product: its sums become what is stored, or what a step adds."""

from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import Cvt, Rq
from q4compile.isa.operand import Address, Rows
from q4compile.lower.phases.phases import Multiplied


def requantized(
    product: Multiplied,
    results: Address,
    sums: Address,
    multipliers: Address | None,
    rows: Rows,
    columns: int,
) -> Instruction:
    """``clip(RNE(sums · M) + zero_point, lo, hi)``, or f16(sums), which has no multipliers."""
    if multipliers is None:
        return Cvt(results, sums, rows, columns, wide=True)
    to = product.to
    limits = (to.zero_point, to.lo, to.hi)
    return Rq(results, sums, multipliers, rows, columns, *limits, to.element, wide=True)
