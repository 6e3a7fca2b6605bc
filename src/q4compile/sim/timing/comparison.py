"""The same network at several precisions, and where the ratio of their times comes from.

Cycles of each are told apart by what the engine was busy with that they count for. Bytes scale with
the width of an element, and so should transfers; those of DRAM beyond that are of what fits on chip
at the narrowest precision only: capacity. Vector work, issue and latency do not scale: fixed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from q4compile.isa.engine import Precision
from q4compile.sim.timing.result import Timing

WEIGHT_BITS = {Precision.FP16: 16, Precision.INT8: 8, Precision.W4A8: 4, Precision.INT4: 4}
CAUSES = ("macs", "port bytes", "dram bytes", "capacity", "fixed: vector", "fixed: waiting")


@dataclass(frozen=True)
class Side:
    """A program at one precision: one call of each entry."""

    name: str
    precision: Precision
    timings: tuple[Timing, ...]

    @property
    def seconds(self) -> float:
        """Of all entries together."""
        return sum(each.seconds for each in self.timings)

    @property
    def bits(self) -> int:
        """Of a weight."""
        return WEIGHT_BITS[self.precision]

    @property
    def dram_bytes(self) -> int:
        """From and to DRAM."""
        return sum(each.work.dram_bytes for each in self.timings)


class SlowerPrecision(AssertionError):
    """A narrower precision came out slower: the compiler or the timing is at fault."""


def causes_of(side: Side, narrowest: Side) -> Mapping[str, float]:
    """Seconds by cause; they add up to those of `side`."""
    limits = {
        "macs": 0.0,
        "weight_port": 0.0,
        "dram": 0.0,
        "vector": 0.0,
        "ring": 0.0,
        "waiting": 0.0,
    }
    for timing in side.timings:
        total = max(sum(timing.limits.values()), 1)
        for name, cycles in timing.limits.items():
            limits[name] += timing.seconds * cycles / total
    scaled = narrowest.dram_bytes * side.bits / narrowest.bits
    beyond = max(1 - scaled / side.dram_bytes, 0.0) if side.dram_bytes else 0.0
    return {
        "macs": limits["macs"],
        "port bytes": limits["weight_port"],
        "dram bytes": limits["dram"] * (1 - beyond),
        "capacity": limits["dram"] * beyond,
        "fixed: vector": limits["vector"],
        "fixed: waiting": limits["ring"] + limits["waiting"],
    }


def comparison_figures(sides: Sequence[Side]) -> dict[str, float]:
    """``time_ms_<precision>``, and ``speedup_<wide>_<narrow>`` of each to the narrowest."""
    narrowest = narrowest_of(sides)
    found: dict[str, float] = {}
    for side in sides:
        name = side.precision.name.lower()
        found[f"time_ms_{name}"] = 1e3 * side.seconds
        found[f"energy_mj_{name}"] = sum(each.energy.total_mj for each in side.timings)
        found[f"dram_bytes_{name}"] = side.dram_bytes
        if side is not narrowest:
            key = f"speedup_{name}_{narrowest.precision.name.lower()}"
            found[key] = side.seconds / narrowest.seconds
    return found


def narrowest_of(sides: Sequence[Side]) -> Side:
    """The one with the fewest bits for a weight, the last of these."""
    return min(reversed(sides), key=lambda side: side.bits)


def require_no_slower(sides: Sequence[Side]) -> None:
    """Raise SlowerPrecision where an entry at FP16 takes fewer cycles than at INT4."""
    wide = [side for side in sides if side.precision is Precision.FP16]
    narrow = [side for side in sides if side.precision is Precision.INT4]
    for one in wide:
        for other in narrow:
            for mine, its in zip(one.timings, other.timings, strict=True):
                if mine.cycles < its.cycles:
                    text = f"{mine.entry}: {mine.cycles} cycles at fp16, {its.cycles} at int4"
                    raise SlowerPrecision(f"fp16 is faster than int4: {text}")
