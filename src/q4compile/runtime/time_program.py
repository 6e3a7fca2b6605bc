"""Timings of the entries of program files, at sizes that are given by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from q4compile.errors import DataError, Finding, raise_all
from q4compile.isa.engine import Precision
from q4compile.isa.program import Program
from q4compile.isa.target import Target
from q4compile.runtime.run_program import entry_of, open_verified
from q4compile.sim.data_findings import bad_dimension
from q4compile.sim.scale_sim import Dataflow
from q4compile.sim.timing.comparison import Side, require_no_slower
from q4compile.sim.timing.entry_timing import time_entry
from q4compile.sim.timing.result import Timing


@dataclass(frozen=True)
class TimedProgram:
    """A program, and one call of each of its entries."""

    program: Program
    target: Target
    timings: tuple[Timing, ...]


def time_program(
    path: Path,
    target_name: str | None,
    entry: str | None,
    sizes: Mapping[str, int],
    dataflow: Dataflow | None = None,
) -> TimedProgram:
    """Time one entry, or all; each takes the sizes that it has out of `sizes`.

    Args:
        dataflow: as in `time_entry`.

    Raises:
        TargetError: Q300 to Q320 reading it, Q340 to Q349 verifying it.
        DataError: Q575 sizes that are missing or fit nothing, Q577 memory, Q579 no such entry.
    """
    program, target = open_verified(path, target_name)
    chosen = program.entries if entry is None else (entry_of(program, entry, path),)
    known = {each.name for one in chosen for each in one.dimensions}
    need = f"sizes of {', '.join(sorted(known)) or 'nothing'}"
    unknown = [bad_dimension(f"{path}", need, f"{name!r}") for name in sizes if name not in known]
    raise_all(DataError, unknown)
    timings = []
    for one in chosen:
        own = {each.name: sizes[each.name] for each in one.dimensions if each.name in sizes}
        timings.append(time_entry(program, one.name, own, target, dataflow=dataflow))
    return TimedProgram(program, target, tuple(timings))


def sides_of(
    paths: Sequence[Path], target_name: str | None, entry: str | None, sizes: Mapping[str, int]
) -> list[Side]:
    """Programs of the same network at several precisions, timed at the same sizes.

    Raises:
        as `time_program`, and DataError Q578 for programs with other entries.
    """
    sides = [_side(path, time_program(path, target_name, entry, sizes)) for path in paths]
    first = [each.entry for each in sides[0].timings]
    findings = [
        Finding("Q578", "another model", side.name, f"the entries {names(first)}", names(own))
        for side in sides
        if (own := [each.entry for each in side.timings]) != first
    ]
    raise_all(DataError, findings)
    require_no_slower(sides)
    return sides


def names(entries: Sequence[str]) -> str:
    """As a finding shows them."""
    return ", ".join(entries)


def _side(path: Path, timed: TimedProgram) -> Side:
    return Side(path.name, Precision[timed.program.precision.upper()], timed.timings)
