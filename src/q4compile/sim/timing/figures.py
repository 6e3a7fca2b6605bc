"""Timings as the figures of a record, and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import reduce
from operator import add
from typing import Any

from q4compile.sim.timing.result import Timing
from q4compile.sim.timing.work import Work

MS = 1e3


def figures_of(timings: Sequence[Timing], audio_seconds: float | None = None) -> dict[str, float]:
    """Sums over entries, one call of each; `rtf` where the length of the audio is known."""
    work = reduce(add, (each.work for each in timings), Work())
    cycles = sum(each.cycles for each in timings)
    seconds = sum(each.seconds for each in timings)
    found = {
        "cycles_total": cycles,
        "time_ms": MS * seconds,
        "energy_mj": sum(each.energy.total_mj for each in timings),
        "macs": work.macs,
        "dram_bytes": work.dram_bytes,
        "dram_read_bytes": work.dram_read_bytes,
        "dram_written_bytes": work.dram_written_bytes,
        "sram_bytes": work.sram_bytes,
        "weight_port_bytes": work.weight_port_bytes,
        "vector_operations": work.vector_operations,
        "floor_cycles": sum(each.floor_cycles for each in timings),
        "words_run": sum(each.words_run for each in timings),
    }
    if audio_seconds is not None:
        found["rtf"] = seconds / audio_seconds
    return found | {f"{each.entry}_cycles": each.cycles for each in timings}


def details_of(timing: Timing) -> dict[str, Any]:
    """All of a timing but its target, as JSON has it."""
    fields = {k: v for k, v in vars(timing).items() if k != "target"}
    fields["engines"] = {k: asdict(v) for k, v in timing.engines.items()}
    fields["nodes"] = [asdict(each) for each in timing.nodes]
    fields["work"], fields["energy"] = asdict(timing.work), asdict(timing.energy)
    fields["overlap"] = list(timing.overlap)
    fields["limits"] = dict(timing.limits)
    return fields
