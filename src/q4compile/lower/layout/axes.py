"""Sizes known only when a program runs, and products of them.

An axis is a name (of a dimension, or of a size that follows from one) or a length. A time reduction
by f makes of T frames T' = ceil(T / f). Where those who make the frames put them side by side,
memory has f · T' frames wherever it would have T.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import prod

from q4compile.isa.program import Expression


@dataclass(frozen=True)
class Axis:
    """A name, or a length; `serial` tells lengths apart, since two axes may be equally long."""

    size: int | str
    serial: int = 0

    def __str__(self) -> str:
        return f"{self.size}"


@dataclass(frozen=True)
class Extent:
    """``times · Π names``: a number of rows, of iterations, or of units between two rows."""

    times: int = 1
    names: tuple[str, ...] = ()
    """Sorted; each is a name that stands in an S register or in expressions."""

    @staticmethod
    def of(size: int | str) -> "Extent":
        """Of one size."""
        return Extent(size) if isinstance(size, int) else Extent(1, (size,))

    def __mul__(self, other: "Extent") -> "Extent":
        return Extent(self.times * other.times, tuple(sorted(self.names + other.names)))

    @property
    def constant(self) -> int | None:
        """The number, if no name takes part."""
        return None if self.names else self.times

    @property
    def expression(self) -> Expression:
        """What the host evaluates."""
        return Expression(self.names, self.times)

    def scaled(self, factor: int) -> "Extent":
        """`factor` times it."""
        return Extent(self.times * factor, self.names)

    def value(self, sizes: Mapping[str, int]) -> int:
        """The number for these sizes."""
        return self.times * prod(sizes[name] for name in self.names)

    def __str__(self) -> str:
        factors = [str(self.times)] if self.times != 1 or not self.names else []
        return " · ".join([*factors, *self.names])


@dataclass(frozen=True)
class Reduction:
    """``size = ceil(of / factor)``."""

    size: str
    of: str
    factor: int


@dataclass(frozen=True)
class Windowed:
    """``size = ceil(of / stride) + plus``: frames with some around them, or windows over frames."""

    size: str
    of: str
    stride: int
    plus: int

    def value(self, of: int) -> int:
        """The number for so many frames."""
        return -(-of // self.stride) + self.plus


@dataclass
class Sizes:
    """The names of one component: dimensions in the order of the ports, then what follows."""

    dimensions: list[str] = field(default_factory=list)
    windowed: dict[str, Windowed] = field(default_factory=dict)
    """By their own names."""
    around: dict[str, Windowed] = field(default_factory=dict)
    """Frames with some around them, by their own names: rows in memory that nobody counts."""
    reductions: dict[str, Reduction] = field(default_factory=dict)
    """By the size that is reduced."""
    filled: set[str] = field(default_factory=set)
    """Sizes of which memory has as many as fill whole rows of what they are reduced to."""

    limits: dict[str, int] = field(default_factory=dict)
    """The most that a size may be, where there is such a number."""

    def add(self, name: str) -> None:
        """A dimension, once."""
        if name not in self.dimensions:
            self.dimensions.append(name)

    def reduced(self, name: str, factor: int) -> str | None:
        """The name of ceil(name / factor); None if another reduction of `name` exists."""
        made = Reduction(f"ceil({name}/{factor})", name, factor)
        found = self.reductions.setdefault(name, made)
        return found.size if found == made else None

    def padded(self, size: int | str, plus: int) -> int | str:
        """``size + plus``: the rows of frames with some around them."""
        if isinstance(size, int):
            return size + plus
        made = Windowed(f"{size}{plus:+d}", size, 1, plus)
        return self.around.setdefault(made.size, made).size

    def windows(self, size: int | str, reach: int, stride: int) -> int | str:
        """``floor((size − reach) / stride) + 1``: windows of `reach` frames."""
        whole, rest = divmod(1 - reach, stride)
        if rest == 0:
            return self.windowed_size(size, stride, whole)
        return self.windowed_size(self.windowed_size(size, 1, 1 - reach), stride, 0)

    def windowed_size(self, of: int | str, stride: int, plus: int) -> int | str:
        """``ceil(of / stride) + plus``, the number or the name."""
        if isinstance(of, int):
            return Windowed("", "", stride, plus).value(of)
        if (stride, plus) == (1, 0):
            return of
        name = of if stride == 1 else f"ceil({of}/{stride})"
        made = Windowed(f"{name}{plus:+d}" if plus else name, of, stride, plus)
        return self.windowed.setdefault(made.size, made).size

    @property
    def derived(self) -> tuple[tuple[str, Expression], ...]:
        """Sizes that follow from others, each behind the one it follows from."""
        left = self._followed()
        found: dict[str, Expression] = {}
        while left:
            ready = [name for name, (of, _, _) in left.items() if of not in left]
            for name in ready:
                of, divide, plus = left.pop(name)
                found[name] = Expression((of,), 1, divide, plus)
        return tuple(found.items())

    def root(self, name: str) -> str:
        """The dimension that a size follows from, and is never larger than."""
        given = {size: of for size, (of, *_) in self._followed().items()}
        while name in given:
            name = given[name]
        return name

    def _followed(self) -> dict[str, tuple[str, int, int]]:
        """Size → ``(of, divide, plus)``."""
        found = {each.size: (each.of, each.factor, 0) for each in self.reductions.values()}
        windows = self.windowed.values()
        return found | {each.size: (each.of, each.stride, each.plus) for each in windows}

    def least(self, name: str) -> int:
        """The smallest number of a dimension for which nothing that follows is below 1."""
        number = 1
        while min(self._following(name, number).values()) < 1:
            number += 1
        return number

    def most(self, name: str, number: int) -> int:
        """The largest number of a dimension, up to `number`, that keeps all sizes to their limits.

        Whatever follows from a dimension grows with it.
        """
        if not self.limits:
            return number

        def goes_beyond(each: int) -> bool:
            sizes = self._following(name, each)
            return any(sizes.get(size, 0) > limit for size, limit in self.limits.items())

        return bisect_left(range(number + 1), True, key=goes_beyond) - 1

    def _following(self, name: str, number: int) -> dict[str, int]:
        found = {name: number}
        for size, expression in self.derived:
            (of,) = expression.product
            if of in found:
                found[size] = expression.value(found)
        return found

    def extent(self, axes: Iterable[Axis]) -> Extent:
        """How many there are in memory, frames that fill up a time reduction included."""
        found = Extent()
        for axis in axes:
            found = found * self._memory(axis.size)
        return found

    def _memory(self, size: int | str) -> Extent:
        if not isinstance(size, str) or size not in self.filled:
            return Extent.of(size)
        reduction = self.reductions[size]
        return self._memory(reduction.size).scaled(reduction.factor)
