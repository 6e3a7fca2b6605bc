"""The timing of an entry: cycles, and where each of them went."""

from collections.abc import Mapping
from dataclasses import dataclass

from q4compile.isa.target import Target
from q4compile.sim.timing.cost import LIMITS
from q4compile.sim.timing.energy import Energy
from q4compile.sim.timing.work import Work

STALL_CAUSES = ("issue", "ld", "st", "mx", "vx", "latency", "dram", "cores")
"""Queue empty; a semaphore posted by that engine; latency of results; DRAM busy with others;
other cores not there yet."""


@dataclass(frozen=True)
class EngineTime:
    """What an engine did with its cycles, summed over cores.

    ``busy + Σ stalls + done = cycles · cores``
    """

    busy_cycles: int
    stalls: Mapping[str, int]
    """Cause → cycles."""
    done_cycles: int
    """Behind its last word."""


@dataclass(frozen=True)
class NodeTime:
    """What the words of a node of the source map did, summed over cores."""

    name: str
    cycles: int
    """Those that count as its own: one node for each cycle of each core."""
    limits: Mapping[str, int]
    """The same by what the engine was busy with that they count for (`cost.LIMITS`)."""
    busy_cycles: Mapping[str, int]
    """Engine → cycles."""
    stalls: Mapping[str, Mapping[str, int]]
    """Engine → cause → cycles."""
    work: Work
    energy: Energy


@dataclass(frozen=True)
class Timing:
    """One run of an entry."""

    entry: str
    sizes: Mapping[str, int]
    target: Target
    cores: int
    cycles: int
    engines: Mapping[str, EngineTime]
    """Name → engine; that of the sequencer has what held it up as stalls."""
    nodes: tuple[NodeTime, ...]
    """In order of the source map, those that have words."""
    overlap: tuple[int, ...]
    """Cycles by class: bit 0 LD, bit 1 MX, bit 2 VX busy; summed over cores."""
    work: Work
    energy: Energy
    bounds: Mapping[str, int]
    """What no schedule of these words can be faster than [cycles], by what limits it."""
    serial_cycles: int
    """If no word began before the one before it had ended."""
    words_run: int
    """Words whose events were computed; the others were steady states of loops."""

    @property
    def seconds(self) -> float:
        """At the target's clock."""
        return self.cycles / (self.target.clock_ghz * 1e9)

    @property
    def limits(self) -> Mapping[str, int]:
        """Cycles, summed over cores, by what the engine was busy with that they count for."""
        return {name: sum(node.limits[name] for node in self.nodes) for name in LIMITS}

    @property
    def floor_cycles(self) -> int:
        """The greatest of the bounds."""
        return max(self.bounds.values())

    def utilization(self, resource: str) -> float:
        """Bound of a resource / cycles: its share of the time at its peak rate."""
        return self.bounds[resource] / max(self.cycles, 1)
