"""Bits for `wait` and `post`: those of a phase, and those that an entry gives credit once for all.

Between phases engines rest, and a semaphore of credits is back at its level: with the same level it
serves the next phase as well. Levels are given at the start of an entry and taken at its end.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from q4compile.isa.engine import Engine
from q4compile.lower.emit.words import Words, credits

SEMAPHORES = 16
MOST_STANDING = 8
"""So many leave enough for the other semaphores of any phase."""


class TooManySemaphores(ValueError):
    """A phase takes more than there are."""


@dataclass
class Standing:
    """Semaphores with credits that outlast phases."""

    most: int = MOST_STANDING
    levels: dict[int, int] = field(default_factory=dict)
    """Mask → level while engines rest."""
    others: int = 0
    """What phases use as semaphores that rest at 0."""

    @property
    def words(self) -> tuple[Words, Words]:
        """What gives all levels, and what takes them."""
        return credits(Engine.ST, self.levels)


class Semaphores:
    """Masks of one semaphore, each given out once in a phase."""

    def __init__(self, standing: Standing) -> None:
        self.standing = standing
        self.taken = 0
        self.own: dict[int, int] = {}

    def new(self) -> int:
        """One that rests at 0.

        Raises:
            TooManySemaphores: there are no more.
        """
        mask = self._free(range(SEMAPHORES), sum(self.standing.levels))
        self.standing.others |= mask
        return mask

    def credit(self, count: int) -> int:
        """One that rests at `count`: this often somebody may take it before anybody posts."""
        levels = self.standing.levels
        for mask, level in levels.items():
            if level == count and not mask & self.taken:
                self.taken |= mask
                return mask
        if len(levels) == self.standing.most:
            mask = self.new()
            self.own[mask] = count
            return mask
        mask = self._free(range(SEMAPHORES)[::-1], sum(levels) | self.standing.others)
        levels[mask] = count
        return mask

    def credits(self, engine: Engine) -> tuple[Words, Words]:
        """Words at the start and at the end of the phase, for levels that are its own."""
        return credits(engine, self.own)

    def _free(self, order: Iterable[int], used: int) -> int:
        """The first that is neither among `used` ones nor taken in this phase."""
        masks = (1 << n for n in order)
        found = next((mask for mask in masks if not mask & (used | self.taken)), None)
        if found is None:
            raise TooManySemaphores("a phase takes more than 16 semaphores")
        self.taken |= found
        return found
