"""Bytes of the constants of a `RowsPhase`, as `rows_plan` lays them out."""

from collections.abc import Iterator

from q4compile.isa.element_type import ElementType
from q4compile.lower.numbers.packing import packed_rows, packed_words
from q4compile.lower.numbers.tables import table_bytes
from q4compile.lower.phases.operations import Lookup, Requantize
from q4compile.lower.phases.phases import Multiplied, RowsPhase
from q4compile.lower.plan.records import filled
from q4compile.lower.plan.row_constants import row_constant
from q4compile.lower.plan.rows_plan import RowsPlan, constant_name


def constant_bytes(phase: RowsPhase, plan: RowsPlan) -> bytes:
    """What the steps read: tables and multipliers."""
    fields = {}
    for step in phase.steps:
        operation, beside = step.operation, row_constant(step)
        if beside is not None:
            fields[constant_name(step)] = beside[1]
        if isinstance(operation, Lookup):
            fields[constant_name(step)] = table_bytes(operation.operator)
        elif isinstance(operation, Requantize):
            fields[constant_name(step)] = packed_words([operation.multiplier])
    return filled(plan.constants, fields)


def tile_bytes(multiplied: Multiplied, plan: RowsPlan) -> bytes:
    """All tiles, core by core; columns that the product does not have are 0."""
    columns, groups = plan.tiling.columns, plan.tiling.groups * plan.tiling.cores
    product = multiplied.product.arranged(columns * groups, range(multiplied.product.rows))
    sums = ElementType.F32 if multiplied.is_float else ElementType.I32

    def tiles() -> Iterator[bytes]:
        for group in range(groups):
            part = slice(group * columns, (group + 1) * columns)
            fields = {
                "weights": packed_rows(product.codes[part], product.element),
                "bias": packed_rows(product.bias[None, part], sums),
            }
            if not multiplied.is_float:
                fields["multipliers"] = product.scaling(part)
            yield filled(plan.tile, fields)

    return b"".join(tiles())
