"""Which numbers a value of a target may have, said in its annotation."""

import math
from dataclasses import dataclass
from typing import Annotated, TypeAlias


@dataclass(frozen=True)
class Limits:
    """[lo, hi], or (0, hi] where `lo` is None."""

    is_whole: bool
    lo: float | None
    hi: float
    is_power_of_two: bool = False

    def need(self, value: object) -> str | None:
        """What `value` would have to be, or None when it is that."""
        return None if self._holds(value) else self.says

    def _holds(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int if self.is_whole else int | float):
            return False
        if not math.isfinite(value) or value > self.hi:
            return False
        if self.is_power_of_two and int(value).bit_count() != 1:
            return False
        return value > 0 if self.lo is None else value >= self.lo

    @property
    def says(self) -> str:
        """``a whole number in [1, 64]``."""
        what = "a whole number" if self.is_whole else "a number"
        if self.is_power_of_two:
            what = "a power of two"
        lo = "(0" if self.lo is None else f"[{_short(self.lo)}"
        return f"{what} in {lo}, {_short(self.hi)}]"


def _short(value: float) -> str:
    return f"{value:.0f}" if value == int(value) else f"{value:g}"


Count: TypeAlias = Annotated[int, Limits(True, 1, 1_000_000)]
Cycles: TypeAlias = Annotated[int, Limits(True, 0, 1_000_000)]
Positive: TypeAlias = Annotated[float, Limits(False, None, 1e6)]
Share: TypeAlias = Annotated[float, Limits(False, 0, 1)]
