"""What a gate can demand of a figure, each kind as the interval of values it allows.

Limits are decimal numbers as they were written: 0.7 may rise by 0.1 to 0.8, which binary floating
point would refuse by one unit in the last place.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from q4compile.report.figures import Number

INFINITY = Decimal("inf")
Interval: TypeAlias = tuple[Decimal, Decimal]


def exact(number: Number) -> Decimal:
    """The number as it is written, not as binary floating point stores it."""
    return Decimal(repr(number))


def shown(number: Number | Decimal) -> str:
    """Up to 15 significant digits, no trailing zeros."""
    return f"{float(number):.15g}"


@dataclass(frozen=True)
class Kind:
    """One key of a gate: ``allowed(limit, baseline)`` is the interval of values that pass."""

    name: str
    relative: bool
    """True when it needs a baseline and its limit, a width, must not be negative."""
    allowed: Callable[[Decimal, Decimal], Interval]


KINDS = (
    Kind("equals", False, lambda limit, base: (limit, limit)),
    Kind("max", False, lambda limit, base: (-INFINITY, limit)),
    Kind("max_decrease", True, lambda limit, base: (base - limit, INFINITY)),
    Kind(
        "max_decrease_percent",
        True,
        lambda limit, base: (base - abs(base) * limit / 100, INFINITY),
    ),
    Kind("max_increase", True, lambda limit, base: (-INFINITY, base + limit)),
    Kind(
        "max_increase_percent",
        True,
        lambda limit, base: (-INFINITY, base + abs(base) * limit / 100),
    ),
    Kind("min", False, lambda limit, base: (limit, INFINITY)),
)
KIND_NAMED = {kind.name: kind for kind in KINDS}


@dataclass(frozen=True)
class Bound:
    """A kind with its limit: ``max: 11.5``."""

    kind: Kind
    limit: Number

    def __str__(self) -> str:
        return f"{self.kind.name} {shown(self.limit)}"

    def interval(self, base: Number | None) -> Interval:
        """The values that pass; `base` is ignored by an absolute bound.

        Raises:
            ValueError: a relative bound without a baseline.
        """
        if self.kind.relative and base is None:
            raise ValueError(f"{self.kind.name} needs a baseline")
        return self.kind.allowed(exact(self.limit), exact(0 if base is None else base))

    def holds(self, value: Number, base: Number | None) -> bool:
        """Whether `value` lies in the interval."""
        low, high = self.interval(base)
        return low <= exact(value) <= high

    def demand(self, figure: str, base: Number | None) -> str:
        """``figure <= 11.5``, with the baseline it was derived from if there is one."""
        low, high = self.interval(base)
        if low == high:
            text = f"{figure} == {shown(low)}"
        else:
            text = f"{figure} >= {shown(low)}" if high == INFINITY else f"{figure} <= {shown(high)}"
        if not self.kind.relative or base is None:
            return text
        return f"{text} ({self}, baseline {shown(base)})"
