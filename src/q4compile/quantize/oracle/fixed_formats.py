"""How many fraction bits a value of known size has: the most that keep it inside int16."""

from fractions import Fraction

from q4compile.quantize.network import Node
from q4compile.quantize.oracle.refusal import Refusal
from q4compile.quantize.oracle.rounding import INT16
from q4compile.quantize.oracle.tensor import Fixed, Wide

MOST, LEAST = 12, -16
ACTIVATION = Fixed(11)
"""What tables read: pre-activations and the operands of Tanh and Sigmoid."""
GATE = Fixed(15)
"""What tables give."""
WIDE_ACTIVATION, WIDE_CELL = Wide(20), Wide(20)
"""Pre-activations and c of a wide cell."""
HEADROOM = 2
"""Of a cell state over the largest that calibration saw: training and other data come later."""


def finest(bound: Fraction, most: int = MOST) -> Fixed:
    """``fixed(f)`` of the greatest f ≤ `most` for which bound · 2^f ≤ 32767.

    Raises:
        Refusal: Q144 for a bound so large that f would be below −16.
    """
    for f in range(most, LEAST - 1, -1):
        if bound * Fraction(2) ** f <= INT16[1]:
            return Fixed(f)
    need = f"values below 2^{15 - LEAST}"
    raise Refusal("Q144", need, f"a value that may reach {float(bound):.3g}")


def cell_format(node: Node, wide: bool) -> Fixed | Wide:
    """``fixed(fc)`` of an LSTM's cell state: twice the range of calibration, or f = 11 without one.

    Of a `wide` cell ``wide(20)``, whatever its range.

    Raises:
        Refusal: Q144 for a range beyond all reason.
    """
    if wide:
        return WIDE_CELL
    if node.cell_range is None:
        return ACTIVATION
    return finest(HEADROOM * max(abs(Fraction(end)) for end in node.cell_range))
