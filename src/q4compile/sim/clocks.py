"""Vector clocks: what each engine knows to be done.

A clock has a number for each engine of each core: that many of its words are known to be done.
Knowledge passes along a queue, from the sequencer by issue, to the sequencer by `Bar`, and through
semaphores; from core to core by `Meet` and `Share`.
"""

from collections import deque
from collections.abc import Iterable
from typing import TypeAlias

from q4compile.isa.engine import Engine
from q4compile.sim.fault import MAX_SEMAPHORE

Clock: TypeAlias = tuple[int, ...]
START: Clock = (0,) * len(Engine)


def joined(clocks: Iterable[Clock]) -> Clock:
    """What is known from all of them together."""
    return tuple(map(max, zip(*clocks, strict=True)))


class SemaphoreClock:
    """What a wait on a semaphore teaches, whoever posted it.

    After k takes, k of n posts have been taken: of an engine that made m of them, at least
    m − (n − k), its first ones. Where one engine makes all posts, that is exactly the k-th.
    """

    def __init__(self, start: Clock = START) -> None:
        self.start = start
        self.left = 0
        """Posts not taken: n − k."""
        self.posts: dict[int, deque[Clock]] = {}
        """By engine, its last clocks; earlier ones are known from later ones."""

    def post(self, engine: int, clock: Clock) -> None:
        """An engine posts, after which its clock is `clock`."""
        own = self.posts.setdefault(engine, deque(maxlen=MAX_SEMAPHORE + 1))
        own.append(clock)
        self.left += 1

    def take(self) -> Clock:
        """One is taken: the clock that whoever took it learns."""
        self.left -= 1
        known = [own[-1 - self.left] for own in self.posts.values() if len(own) > self.left]
        return joined([self.start, *known])
