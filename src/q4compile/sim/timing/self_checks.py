"""What must hold of every timing, whatever the program: a violation is a bug of this package.

cycles ≥ each bound; each cycle of an engine is accounted for once; every word is executed as often
as the loops say, and so is every byte moved and every product made; classes of overlap and cycles
of nodes sum to the total; nothing takes longer than one word after the other.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from q4compile.sim.counters import Counters
from q4compile.sim.timing.result import Timing
from q4compile.sim.timing.state import Run
from q4compile.sim.timing.tally import Place, row_of
from q4compile.sim.timing.totals import Executed, executed_words


class TimingContradiction(AssertionError):
    """The timing of a program contradicts itself; the program is not at fault."""


def require_consistent(
    timing: Timing, run: Run, start: int, mailboxes: Sequence[Sequence[int]]
) -> None:
    """Raise TimingContradiction with all that does not hold."""
    executed: Executed = Counter()
    for mailbox in mailboxes:
        executed.update(executed_words(run.items.code, start, mailbox))
    found = [*_sums(timing), *_bounds(timing), *_counts(run, executed)]
    if found:
        sizes = ", ".join(f"{name}={size}" for name, size in timing.sizes.items())
        where = f"entry {timing.entry!r} at {sizes} on {timing.target.name}"
        text = "\n  ".join(found)
        raise TimingContradiction(f"the timing of {where} contradicts itself:\n  {text}")


def require_same_counts(timing: Timing, counters: Counters) -> None:
    """Raise TimingContradiction unless the run that computed values did the same work."""
    work = timing.work
    pairs = {
        "words": (work.words, sum(counters.words.values())),
        "products": (work.macs, counters.macs),
        "bytes from DRAM": (work.dram_read_bytes, counters.loaded_bytes),
        "bytes to DRAM": (work.dram_written_bytes, counters.stored_bytes),
    }
    found = [f"{ours} {what}, not {its}" for what, (ours, its) in pairs.items() if ours != its]
    if found:
        where = f"the timing of entry {timing.entry!r}"
        raise TimingContradiction(f"{where} is not that of its run: {', '.join(found)}")


def _bounds(timing: Timing) -> Iterator[str]:
    for name, bound in timing.bounds.items():
        if timing.cycles < bound:
            yield f"{timing.cycles} cycles are fewer than the {bound} that {name} takes"
    if timing.cycles > timing.serial_cycles:
        yield f"{timing.cycles} cycles are more than {timing.serial_cycles}, word after word"


def _sums(timing: Timing) -> Iterator[str]:
    total = timing.cycles * timing.cores
    for name, engine in timing.engines.items():
        if engine.done_cycles < 0:
            yield f"{name} accounts for {total - engine.done_cycles} cycles of {total}"
    for what, cycles in (
        ("classes of overlap", sum(timing.overlap)),
        ("nodes", sum(node.cycles for node in timing.nodes)),
    ):
        if cycles != total:
            yield f"{what} sum to {cycles} cycles, not {total}"


def _counts(run: Run, executed: Executed) -> Iterator[str]:
    counted = {
        key: run.tally[row_of(item.number) + Place.EXECUTED]
        for key, item in run.items.known.items()
    }
    for key in sorted(counted.keys() | executed.keys()):
        if counted.get(key, 0) != executed[key]:
            index, rows = key
            yield (
                f"word {index} with {rows} rows is executed {counted.get(key, 0)} times,"
                f" not {executed[key]}"
            )
