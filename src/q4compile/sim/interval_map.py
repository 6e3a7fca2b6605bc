"""A value for every byte of a memory, kept as one per interval of equal ones."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Value = TypeVar("Value")


class IntervalMap(Generic[Value]):
    """A function of [0, ∞), first the same value everywhere."""

    def __init__(self, value: Value) -> None:
        self.starts, self.values = [0], [value]

    def pieces(self, start: int, stop: int) -> Iterator[tuple[int, int, Value]]:
        """``(first, last, value)``: [start, stop) in order, in pieces of one value each."""
        k = bisect_right(self.starts, start) - 1
        while k < len(self.starts) and self.starts[k] < stop:
            end = self.starts[k + 1] if k + 1 < len(self.starts) else stop
            yield max(start, self.starts[k]), min(stop, end), self.values[k]
            k += 1

    def set(self, start: int, stop: int, value: Value) -> None:
        """One value for all of [start, stop)."""
        first, last = self._cut(start), self._cut(stop)
        self.starts[first:last], self.values[first:last] = [start], [value]

    def change(self, start: int, stop: int, change: Callable[[Value], Value]) -> None:
        """A new value for each old one in [start, stop); neighbours that are equal then, join."""
        first, last = self._cut(start), self._cut(stop)
        starts: list[int] = []
        values: list[Value] = []
        for k in range(first, last):
            value = change(self.values[k])
            if not values or value != values[-1]:
                starts.append(self.starts[k])
                values.append(value)
        self.starts[first:last], self.values[first:last] = starts, values

    def _cut(self, at: int) -> int:
        """The index of the interval that begins at `at`, made if need be."""
        k = bisect_left(self.starts, at)
        if k == len(self.starts) or self.starts[k] != at:
            self.starts.insert(k, at)
            self.values.insert(k, self.values[k - 1])
        return k
