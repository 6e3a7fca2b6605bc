"""The memory behind all cores: one server, taken in turns.

Requesters with work left are served round robin, a cycle each. n of them get dt // n cycles each
out of dt, and the next dt % n in turn one more, so that no cycle is lost and none is given twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class DramServer:
    """Requester r has `left[r]` cycles of service to go."""

    left: list[int]
    turn: int = 0
    """Whose turn it is, or that of the next one who has work: behind the last who was served."""
    active: list[int] = field(default_factory=list)
    """Requesters with work, in order of number."""

    def add(self, requester: int, cycles: int) -> None:
        """A requester that has none gets work."""
        self.left[requester] = cycles
        self.active.append(requester)
        self.active.sort()

    def _in_turn(self) -> Sequence[int]:
        active, turn = self.active, self.turn
        if len(active) < 2 or active[0] >= turn or active[-1] < turn:
            return active
        later = next(place for place, each in enumerate(active) if each >= turn)
        return active[later:] + active[:later]

    def next_finish(self) -> int:
        """Cycles until the first one has none left; there is one with work."""
        active, left = self._in_turn(), self.left
        count = len(active)
        if count == 1:
            return left[active[0]]
        return min((left[each] - 1) * count + place + 1 for place, each in enumerate(active))

    def advance(self, cycles: int) -> list[int]:
        """Serve that long, no longer than `next_finish`; who has nothing left."""
        active, left = self._in_turn(), self.left
        share, more = divmod(cycles, len(active))
        for place, each in enumerate(active):
            left[each] -= share + (place < more)
        self.turn = active[more - 1] + 1
        done = [each for each in active if not left[each]]
        for each in done:
            self.active.remove(each)
        return done
