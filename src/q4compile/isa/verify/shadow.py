"""For each unit of a memory, which word of each engine has read or written it last.

Words of an engine run in order, so if the last one is over, all are.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from q4compile.isa.effects import Effects
from q4compile.isa.engine import Engine
from q4compile.isa.region import Memory, Region
from q4compile.isa.verify.units import Numbers, Units


@dataclass(frozen=True, eq=False)
class Shadow:
    """Numbers of words in the queues of their engines, 0 for none, int32 [engine, unit]."""

    units: Units
    read: Numbers
    written: Numbers


@dataclass(frozen=True, eq=False, slots=True)
class Cells:
    """What a shadow holds of a region that a word reads, or writes: views, by engine."""

    is_written: bool
    read: tuple[Numbers, ...]
    written: tuple[Numbers, ...]

    def conflict(self, engine: Engine, over: int) -> bool:
        """Whether a word of `engine` behind number `over` must not run at the same time."""
        if np.maximum.reduce(self.written[engine], axis=None) > over:
            return True
        return self.is_written and bool(np.maximum.reduce(self.read[engine], axis=None) > over)

    def mark(self, engine: Engine, number: int) -> None:
        """Word `number` of `engine` has done it."""
        kind = self.written if self.is_written else self.read
        kind[engine][...] = number


def untouched(units: Units) -> Shadow:
    """Before the first word."""
    read, written = (units.zeros(len(Engine)) for _ in range(2))
    return Shadow(units, read, written)


def cells_of(done: Effects, shadows: Mapping[Memory, Shadow]) -> tuple[Cells, ...]:
    """Of all regions that shadows cover: DATA is only read, and the rest is out of bounds."""
    regions = [(each, False) for each in done.reads] + [(each, True) for each in done.writes]
    return tuple(
        _cells(region, shadows[region.memory], is_written)
        for region, is_written in regions
        if shadows[region.memory].units.cover(region)
    )


def _cells(region: Region, shadow: Shadow, is_written: bool) -> Cells:
    read, written = (shadow.units.of(region, each) for each in (shadow.read, shadow.written))
    return Cells(is_written, tuple(read), tuple(written))
