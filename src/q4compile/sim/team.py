"""What the cores of a run do together: `Meet` and `Share`.

Each core counts its own. The k-th of one core belongs to the k-th of every other, and is the same:
both meet, or both share as many rows of as many bytes. A `Share` is executed for all cores at once.
"""

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from q4compile.isa.engine import Engine
from q4compile.isa.instructions import Share
from q4compile.sim.fault import Fault, cores_differ
from q4compile.sim.races import Races

if TYPE_CHECKING:
    from q4compile.sim.engines import Engines, Issued

Deed: TypeAlias = tuple[int, int] | None
"""Rows and bytes of a `Share`, None for a `Meet`."""


class Team:
    """The cores of one run, `members` in order; they join as they are made."""

    def __init__(self, races: Races | None = None) -> None:
        self.members: list[Engines] = []
        self.races = races
        self.met: list[int] = []
        """By core, how often it has come to a `Meet` with its engines idle."""
        self.counts: list[int] = []
        """By core, what it has set out to do with the others."""
        self.deeds: deque[Deed] = deque()
        """What some core has set out to do, and another one not yet."""
        self.total: int | None = None
        """All there is to do, once a core has come to its end."""

    def join(self, member: "Engines") -> None:
        """One more core."""
        self.members.append(member)
        self.met.append(0)
        self.counts.append(0)

    def announce(self, core: int, deed: Deed) -> None:
        """A core has come to the next word that it does with the others.

        Raises:
            Fault: Q370, another core has come to another one.
        """
        place = self.counts[core] - min(self.counts)
        if place == len(self.deeds):
            if self.total is not None:
                raise cores_differ(f"no more than {self.total}", _text(deed))
            self.deeds.append(deed)
        elif self.deeds[place] != deed:
            raise cores_differ(_text(self.deeds[place]), _text(deed))
        before = min(self.counts)
        self.counts[core] += 1
        if min(self.counts) > before:
            self.deeds.popleft()

    def leave(self, core: int) -> None:
        """A core has come to its end.

        Raises:
            Fault: Q370, another one has done more, or less.
        """
        count, most = self.counts[core], max(self.counts)
        total = most if self.total is None else self.total
        if count != total:
            raise cores_differ(f"{total}, as another core", f"{count}, and then halt")
        self.total = total

    def arrive(self, core: int) -> None:
        """The engines that a `Meet` waits for are idle."""
        self.met[core] += 1
        if self.races is not None:
            self.races.arrive(core)

    def all_met(self, core: int) -> bool:
        """Whether all others are where this core is, or further."""
        return min(self.met) >= self.met[core]

    def depart(self, core: int) -> None:
        """A core goes on behind its `Meet`."""
        if self.races is not None:
            self.races.depart(core)

    def can_share(self) -> bool:
        """Whether all cores are ready for their next `Share`."""
        return all(map(is_at_share, self.members))

    def share(self) -> None:
        """Execute the `Share` that all cores are ready for."""
        parts = [each.take_next(Engine.ST) for each in self.members]
        if self.races is not None:
            self.races.share(parts)
        for member, (bound, operands, _) in zip(self.members, parts, strict=True):
            try:
                bound.run(*operands)
            except Fault as fault:
                member.stop(fault, bound.index)
        self._copy(parts)
        for member, (bound, _, _) in zip(self.members, parts, strict=True):
            member.give(bound)

    def _copy(self, parts: Sequence["Issued"]) -> None:
        """Each part from its core to all others."""
        for source, (bound, operands, _) in enumerate(parts):
            word, (rows, start) = bound.word, operands
            assert isinstance(word, Share), "all cores are at one"
            if not rows or not word.row_bytes or len(self.members) == 1:
                continue
            view = (rows, word.row_bytes, word.pitch)
            sent = self.members[source].machine.sram.rows("part", start + source * view[1], *view)
            for to, (other, (_, other_start), _) in enumerate(parts):
                if to != source:
                    assert isinstance(other.word, Share), "all cores are at one"
                    at, pitch = other_start + source * view[1], other.word.pitch
                    sram = self.members[to].machine.sram
                    sram.rows("part", at, rows, word.row_bytes, pitch)[:] = sent


def is_at_share(member: "Engines") -> bool:
    """Whether the next word of its engine for them is a `Share` that waits for no semaphore."""
    queue = member.queues[Engine.ST]
    if not queue:
        return False
    bound = queue[0][0]
    return isinstance(bound.word, Share) and member.machine.ready(bound.wait)


def _text(deed: Deed) -> str:
    return "meet" if deed is None else f"share of {deed[0]} rows of {deed[1]} bytes"
