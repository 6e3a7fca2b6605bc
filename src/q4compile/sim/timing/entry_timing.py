"""``Timing = time_entry(program, entry, sizes, target)``: how long one run of an entry takes.

The numbers that are computed make no difference to it: a run is the same for all inputs of a size.
"""

from collections.abc import Mapping

from q4compile.errors import DataError, Finding, raise_all
from q4compile.isa.program import Entry, Program
from q4compile.isa.target import Target
from q4compile.sim.data_findings import bad_dimension
from q4compile.sim.placement import place
from q4compile.sim.scale_sim import Dataflow
from q4compile.sim.timing.events import run_entry
from q4compile.sim.timing.result import Timing
from q4compile.sim.timing.self_checks import require_consistent
from q4compile.sim.timing.summing import timing_of

Sizes = Mapping[str, int]


def time_entry(
    program: Program,
    entry_name: str,
    sizes: Sizes,
    target: Target,
    *,
    skips: bool = True,
    dataflow: Dataflow | None = None,
) -> Timing:
    """Cycles, stalls, bytes and energy of an entry whose dimensions have these sizes.

    Args:
        program: verified for `target`.
        entry_name: one of the program's; KeyError if it has none of that name.
        skips: count iterations of loops that are as those before them, instead of running them.
            The timing is the same, all of it.
        dataflow: time products as SCALE-Sim does, instead of as the target's own array.

    Raises:
        DataError: Q575 sizes that the entry cannot have, Q577 more memory than the target has.
        TargetError: Q361, Q363, Q364, which a verified program does not do.
        TimingContradiction: a bug of the timing itself.
    """
    entry, mailboxes = start_of(program, entry_name, sizes, target)
    run = run_entry(program.code, entry.start, mailboxes, target, skips=skips, dataflow=dataflow)
    timing = timing_of(run, entry, sizes, program.nodes, target)
    require_consistent(timing, run, entry.start, mailboxes)
    return timing


def start_of(
    program: Program, entry_name: str, sizes: Sizes, target: Target
) -> tuple[Entry, list[list[int]]]:
    """The entry, and the S registers of each core when it begins.

    Raises:
        DataError: Q575, Q577.
    """
    entry = program.entry(entry_name)
    at = f"{program.name}, entry {entry.name!r}"
    raise_all(DataError, list(_size_findings(entry, sizes, at)))
    placed = place(entry, sizes, len(program.data), target.dram.size_bytes, at)
    return entry, [placed.scalars_of(entry, core) for core in range(program.cores)]


def _size_findings(entry: Entry, sizes: Sizes, at: str) -> list[Finding]:
    names = [each.name for each in entry.dimensions]
    findings = [
        bad_dimension(at, f"sizes of {', '.join(names)}", f"{name!r}")
        for name in sizes
        if name not in names
    ]
    for each in entry.dimensions:
        need = f"{each.minimum} <= {each.name} <= {each.maximum}"
        size = sizes.get(each.name)
        if size is None:
            findings.append(bad_dimension(at, need, f"no size of {each.name}"))
        elif not each.minimum <= size <= each.maximum:
            findings.append(bad_dimension(at, need, f"{size}"))
    return findings
