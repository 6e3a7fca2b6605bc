"""Cycles of calls that add up: each (component, sizes) is timed once, however often it is called.

executor = TimedExecutor(any executor, CallClock(program, target))
… the search runs …
executor.clock.seconds
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from q4compile.isa.program import Program
from q4compile.isa.target import Target
from q4compile.runtime.executor import Array, Executor, Ports
from q4compile.sim.inputs import dimensions_of
from q4compile.sim.timing.entry_timing import time_entry
from q4compile.sim.timing.result import Timing


@dataclass
class Spent:
    """Sums over all calls of a component."""

    calls: int = 0
    cycles: int = 0
    energy_mj: float = 0.0
    dram_bytes: int = 0
    floor_cycles: int = 0

    def add(self, timing: Timing, calls: int) -> None:
        """So many calls more."""
        self.calls += calls
        self.cycles += calls * timing.cycles
        self.energy_mj += calls * timing.energy.total_mj
        self.dram_bytes += calls * timing.work.dram_bytes
        self.floor_cycles += calls * timing.floor_cycles


@dataclass
class CallClock:
    """What the calls of a program's entries take on its target, one after the other."""

    program: Program
    target: Target
    spent: dict[str, Spent] = field(default_factory=dict)
    timed: dict[tuple[str, tuple[int, ...]], Timing] = field(default_factory=dict)
    """(Entry, sizes) → one call."""

    def __post_init__(self) -> None:
        """Entries that are never called have spent nothing."""
        for entry in self.program.entries:
            self.spent.setdefault(entry.name, Spent())

    def account(self, entry_name: str, feeds: Mapping[str, Array]) -> Timing:
        """One more call on these arrays, which are not read but for their shapes and numbers' kind.

        Raises:
            DataError: Q570 to Q577, arrays that the entry does not take.
        """
        entry = self.program.entry(entry_name)
        arrays = {name: np.asarray(each) for name, each in feeds.items()}
        return self.account_sizes(entry_name, dimensions_of(entry, arrays, self.program.name))

    def account_sizes(self, entry_name: str, sizes: Mapping[str, int], calls: int = 1) -> Timing:
        """So many calls more at these sizes; raises what `time_entry` does."""
        key = (entry_name, tuple(size for _, size in sorted(sizes.items())))
        if key not in self.timed:
            self.timed[key] = time_entry(self.program, entry_name, sizes, self.target)
        self.spent[entry_name].add(self.timed[key], calls)
        return self.timed[key]

    @property
    def cycles(self) -> int:
        """Of all calls."""
        return sum(each.cycles for each in self.spent.values())

    @property
    def seconds(self) -> float:
        """Of all calls, at the target's clock."""
        return self.cycles / self.cycles_per_second

    @property
    def cycles_per_second(self) -> float:
        """The target's clock."""
        return self.target.clock_ghz * 1e9

    def figures(self) -> dict[str, float]:
        """``<component>_cycles``, ``_time_ms``, ``_energy_mj``, ``_dram_bytes``: sums."""
        found: dict[str, float] = {}
        for name, spent in self.spent.items():
            found[f"{name}_cycles"] = spent.cycles
            found[f"{name}_time_ms"] = 1e3 * spent.cycles / self.cycles_per_second
            found[f"{name}_energy_mj"] = spent.energy_mj
            found[f"{name}_dram_bytes"] = spent.dram_bytes
        return found


class TimedExecutor:
    """An `Executor` whose calls are accounted for: values by one executor, cycles by a program.

    A program of the same components; the values may come from whatever computes them fastest.
    """

    def __init__(self, executor: Executor, clock: CallClock) -> None:
        self.executor, self.clock = executor, clock

    @property
    def components(self) -> Mapping[str, Ports]:
        """Those of the executor."""
        return self.executor.components

    def run(self, component: str, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """What the executor gives; raises what it raises, and what `CallClock.account` does."""
        self.clock.account(component, feeds)
        return self.executor.run(component, feeds)
