"""Shape arithmetic as integers: ``Shape → Gather → Mul → Concat`` becomes ``x.shape[0] * 2``.

Exporters compute shapes with tensors. What is known to be a length, or made of lengths, is carried
as source text of integers instead, and written where it is used.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

MOST = 64
"""Numbers of a constant that is written out as integers."""


@dataclass(frozen=True)
class Size:
    """An integer: its source text, whether that is known not to be negative, and what it is.

    `value` is None unless the text is a literal.
    """

    text: str
    natural: bool = True
    value: int | None = None

    @property
    def operand(self) -> str:
        """The text as an operand of ``*`` or ``//``."""
        return (
            self.text if re.fullmatch(r"[\w.]+(\[-?\d+\])?|-\d+", self.text) else f"({self.text})"
        )


@dataclass(frozen=True)
class Sizes:
    """A tensor int64[n], or int64[] if `scalar`, of known length; it lies where `beside` lies."""

    items: tuple[Size, ...]
    scalar: bool
    beside: str

    def tensor(self) -> str:
        """Source text of the tensor."""
        place = f", device={self.beside}.device" if self.beside else ""
        empty = "" if self.items else ", dtype=torch.int64"
        return f"torch.tensor({self.text()}{empty}{place})"

    def text(self) -> str:
        """Source text of the integers: a list, or one integer."""
        return self.items[0].text if self.scalar else listed(self.items)


def listed(items: Sequence[Size]) -> str:
    """``[2, x.shape[0]]``."""
    return f"[{', '.join(item.text for item in items)}]"


def number(value: int) -> Size:
    """A literal."""
    return Size(str(value), value >= 0, value)


def length(tensor: str, axis: int) -> Size:
    """The length of an axis of the variable `tensor`."""
    return Size(f"{tensor}.shape[{axis}]")


def add(left: Size, right: Size) -> Size:
    """left + right."""
    if left.value is not None and right.value is not None:
        return number(left.value + right.value)
    if right.value == 0 or left.value == 0:
        return left if right.value == 0 else right
    if right.value is not None and right.value < 0:
        return Size(f"{left.text} - {-right.value}", False)
    return Size(f"{left.text} + {right.operand}", left.natural and right.natural)


def subtract(left: Size, right: Size) -> Size:
    """left − right."""
    if right.value is not None:
        return add(left, number(-right.value))
    return Size(f"{left.text} - {right.operand}", False)


def multiply(left: Size, right: Size) -> Size:
    """left · right."""
    if left.value is not None and right.value is not None:
        return number(left.value * right.value)
    if right.value == 1 or left.value == 1:
        return left if right.value == 1 else right
    return Size(f"{left.operand} * {right.operand}", left.natural and right.natural)


def divide(left: Size, right: Size) -> Size | None:
    """left / right towards zero; None where that is not Python's ``//``."""
    if not (left.natural and right.natural) or right.value == 0:
        return None
    if left.value is not None and right.value is not None:
        return number(left.value // right.value)
    return left if right.value == 1 else Size(f"{left.operand} // {right.operand}")


def remainder(left: Size, right: Size) -> Size | None:
    """left modulo right, with the sign of `right`."""
    if right.value == 0:
        return None
    return Size(f"{left.operand} % {right.operand}", right.natural)


def smaller(left: Size, right: Size) -> Size:
    """min(left, right)."""
    return Size(f"min({left.text}, {right.text})", left.natural and right.natural)


def larger(left: Size, right: Size) -> Size:
    """max(left, right)."""
    return Size(f"max({left.text}, {right.text})", left.natural or right.natural)


ARITHMETIC = {
    "Add": add,
    "Div": divide,
    "Max": larger,
    "Min": smaller,
    "Mod": remainder,
    "Mul": multiply,
    "Sub": subtract,
}
