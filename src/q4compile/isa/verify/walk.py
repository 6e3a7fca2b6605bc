"""Everything that happens when an entry runs once, but for the numbers."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from q4compile.isa.issue import Issued, Unissuable, issue
from q4compile.isa.lstm_block import LstmBlock
from q4compile.isa.program import Entry, Program
from q4compile.isa.target import Target
from q4compile.isa.verify.contents import Bytes, Contents, unknown_contents
from q4compile.isa.verify.host import Host
from q4compile.isa.verify.resolved import Resolver, Touch, resolved
from q4compile.isa.verify.schedule import Schedule, scheduled
from q4compile.isa.verify.sizes import MAX_WORDS_ONCE, candidates, chosen, largest, running
from q4compile.isa.verify.skim import outline


@dataclass(frozen=True, eq=False)
class Walk:
    """One run of an entry."""

    entry: Entry
    host: Host
    issued: tuple[Issued, ...]
    problem: Unissuable | None
    """Why the sequencer stops before the end; then nothing runs."""
    schedule: Schedule
    touches: tuple[Touch, ...]
    """The events of the schedule with their effects."""

    @property
    def sizes(self) -> str:
        """``T = 2, B = 1``: the dimensions."""
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

    def contents(self) -> Contents:
        """SRAM at the start of a walk."""
        return unknown_contents(self.target.sram.size_bytes, self.data, self.blocks)


def walked(program: Program, target: Target) -> Verification:
    """All entries at the sizes that show most."""
    data, blocks = np.frombuffer(program.data, np.uint8), dict[bytes, LstmBlock]()
    base = Verification(program, target, data, (), {}, (), blocks)
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
            walks += (_walk(base, entry, each.host, resolver) for each in kept)
            possible = largest(program, entry, plan).skimmed.running | running(found)
            idle += ((entry, loop) for loop in sorted(possible - running(kept)))
    return Verification(program, target, data, tuple(walks), unwalked, tuple(idle), blocks)


def _walk(base: Verification, entry: Entry, host: Host, resolver: Resolver) -> Walk:
    issued: list[Issued] = []
    try:
        for each in issue(base.program.code, entry.start, host.mailbox, 2 * MAX_WORDS_ONCE):
            issued.append(each)
    except Unissuable as problem:
        return Walk(entry, host, tuple(issued), problem, Schedule(), ())
    schedule = scheduled(issued)
    touches = tuple(resolved(schedule.events, base.contents(), resolver))
    return Walk(entry, host, tuple(issued), None, schedule, touches)
