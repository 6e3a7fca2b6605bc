"""Everything that happens when an entry runs once, but for the numbers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from q4compile.isa.issue import Issued, Unissuable, issue
from q4compile.isa.lstm_block import LstmBlock
from q4compile.isa.program import Entry, Program
from q4compile.isa.target import Target
from q4compile.isa.verify.contents import Bytes, Contents, unknown_contents
from q4compile.isa.verify.host import Host, mailbox_of
from q4compile.isa.verify.resolved import Resolver, Touch, resolved
from q4compile.isa.verify.schedule import Schedule, scheduled_together
from q4compile.isa.verify.sizes import MAX_WORDS_ONCE, candidates, chosen, largest, running
from q4compile.isa.verify.skim import outline
from q4compile.isa.verify.streams import Streams


@dataclass(frozen=True, eq=False)
class Walk:
    """One run of an entry on one core."""

    entry: Entry
    host: Host
    issued: tuple[Issued, ...]
    problem: Unissuable | None
    """Why the sequencer stops before the end; then nothing runs, on no core."""
    schedule: Schedule
    touches: tuple[Touch, ...]
    """The events of the schedule with their effects."""
    core: int | None = None
    """Which one, where there are several."""

    @property
    def sizes(self) -> str:
        """``T = 2, B = 1``: the dimensions; and the core."""
        text = self.dimensions
        return text if self.core is None else f"{text}, on core {self.core}"

    @property
    def dimensions(self) -> str:
        """``T = 2, B = 1``."""
        sizes = self.host.sizes
        text = ", ".join(f"{each.name} = {sizes[each.name]}" for each in self.entry.dimensions)
        return text or "its only size"


@dataclass(frozen=True, eq=False)
class Verification:
    """A program, and all walks of it."""

    program: Program
    target: Target
    data: Bytes
    walks: tuple[Walk, ...]
    unwalked: Mapping[str, str]
    """Entry → why it cannot be walked."""
    idle_loops: tuple[tuple[Entry, int], ...]
    """Words of loops that can run, but do so in no walk."""
    blocks: dict[bytes, LstmBlock]
    streams: Streams

    @property
    def runs(self) -> Iterator[tuple[Walk, ...]]:
        """The walks of all cores, run by run."""
        cores = self.program.cores
        return (self.walks[n : n + cores] for n in range(0, len(self.walks), cores))

    def contents(self) -> Contents:
        """SRAM at the start of a walk."""
        return unknown_contents(self.target.sram.size_bytes, self.data, self.blocks, self.streams)


def walked(program: Program, target: Target) -> Verification:
    """All entries at the sizes that show most."""
    data, blocks = np.frombuffer(program.data, np.uint8), dict[bytes, LstmBlock]()
    streams = Streams()
    base = Verification(program, target, data, (), {}, (), blocks, streams)
    walks: list[Walk] = []
    unwalked: dict[str, str] = {}
    idle: list[tuple[Entry, int]] = []
    plan, resolver = outline(program.code), Resolver()
    for entry in program.entries:
        found = candidates(program, entry, plan, target)
        if not found:
            unwalked[entry.name] = "more than DRAM has at its smallest sizes"
        elif found[0].skimmed.words > MAX_WORDS_ONCE:
            unwalked[entry.name] = f"more than {MAX_WORDS_ONCE} words at its smallest sizes"
        else:
            kept = chosen(entry, found)
            walks += (walk for each in kept for walk in _walks(base, entry, each.host, resolver))
            possible = largest(program, entry, plan).skimmed.running | running(found)
            idle += ((entry, loop) for loop in sorted(possible - running(kept)))
    return Verification(program, target, data, tuple(walks), unwalked, tuple(idle), blocks, streams)


def _walks(base: Verification, entry: Entry, host: Host, resolver: Resolver) -> Iterator[Walk]:
    """One of each core."""
    cores = range(base.program.cores)
    issued = [_issued(base.program, entry, host, core) for core in cores]
    names = list(cores) if len(cores) > 1 else [None]
    if any(problem is not None for _, problem in issued):
        for name, (words, problem) in zip(names, issued, strict=True):
            yield Walk(entry, host, words, problem, Schedule(), (), name)
        return
    schedules = scheduled_together([words for words, _ in issued])
    for name, (words, _), schedule in zip(names, issued, schedules, strict=True):
        touches = tuple(resolved(schedule.events, base.contents(), resolver))
        yield Walk(entry, host, words, None, schedule, touches, name)


def _issued(
    program: Program, entry: Entry, host: Host, core: int
) -> tuple[tuple[Issued, ...], Unissuable | None]:
    """The words of a core, and why its sequencer stops before the end."""
    found: list[Issued] = []
    mailbox, most = mailbox_of(entry, host, core), 2 * MAX_WORDS_ONCE
    words = issue(program.code, entry.start, mailbox, most, core=core, cores=program.cores)
    try:
        for each in words:
            found.append(each)
    except Unissuable as problem:
        return tuple(found), problem
    return tuple(found), None
