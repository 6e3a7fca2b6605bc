"""What a wait proves: which posts are over, whatever the timing, when a word has taken its turn.

When take number n of a semaphore is over, so are n posts. Post i of engine e is one of them for
certain if i ≤ n − (level before the phase) − Σ (posts of the other engines in the phase), and a
semaphore that one engine posts and one engine takes orders exactly take n behind post n.

A *phase* ends at a `Bar` for all engines that have had words in it: nothing is under way then.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from operator import itemgetter

from q4compile.isa.engine import Engine
from q4compile.isa.instructions import Bar
from q4compile.isa.issue import Issued
from q4compile.isa.operand import REGISTERS

SEMAPHORES = REGISTERS
MAX_LEVEL = 255
Clock = tuple[int, ...]
"""By engine, the number of the last word in its queue that is over."""
START: Clock = (0,) * len(Engine)


def joined(one: Clock, other: Clock) -> Clock:
    """What is over when both are."""
    return one if one == other else tuple(map(max, one, other))


@cache
def indices(mask: int) -> tuple[int, ...]:
    """The bits of a set."""
    return tuple(bit for bit in range(mask.bit_length()) if mask >> bit & 1)


@dataclass
class Semaphore:
    """A counter and its history in the phase."""

    level: int = 0
    base: int = 0
    """The level before the phase."""
    planned: Counter[Engine] = field(default_factory=Counter)
    """Posts of the whole phase."""
    posts: dict[Engine, list[Clock]] = field(default_factory=lambda: defaultdict(list))
    takes: dict[Engine, list[int]] = field(default_factory=lambda: defaultdict(list))
    """Numbers of words."""
    order: list[tuple[Engine, int]] = field(default_factory=list)
    """All takes."""

    def begin(self, planned: Counter[Engine]) -> None:
        """A phase with so many posts."""
        self.base, self.planned = self.level, planned
        self.posts.clear()
        self.takes.clear()
        self.order.clear()

    def over_before(self, engine: Engine, clock: Clock) -> Clock:
        """`clock`, joined with the posts that are over when `engine` has taken one more."""
        number = 1 + len(self.takes[engine]) - self.base + self._taken(clock, engine)
        total = self.planned.total()
        for other, posts in self.posts.items():
            certain = number - (total - self.planned[other])
            if certain > 0:
                clock = joined(clock, posts[certain - 1])
        return clock

    def _taken(self, clock: Clock, but: Engine) -> int:
        """Takes of other engines that are over at `clock`."""
        others = ((each, takes) for each, takes in self.takes.items() if each is not but)
        return sum(bisect_right(takes, clock[each]) for each, takes in others)

    def rivals(self, engine: Engine, clock: Clock) -> Iterator[tuple[Engine, int]]:
        """Engines whose last take may come before or after one of `engine` that is at `clock`."""
        for other, takes in self.takes.items():
            if other is not engine and takes and takes[-1] > clock[other]:
                yield other, takes[-1]

    def take(self, engine: Engine, number: int) -> None:
        """By word `number` of `engine`."""
        self.level -= 1
        self.takes[engine].append(number)
        self.order.append((engine, number))

    def post(self, engine: Engine, clock: Clock) -> None:
        """By a word that is at `clock`."""
        self.level += 1
        self.posts[engine].append(clock)

    def most(self) -> int:
        """No level of the phase is higher."""
        return self.base + self.planned.total()

    def peak(self) -> tuple[int, tuple[Engine, int] | None]:
        """The highest level that timing can lead to in the phase, and the take that is late then.

        Before take number j + 1, and after j others, at most those posts are over that do not
        come after it. Where no take is late, the level is what is left at the end.
        """
        best: tuple[int, tuple[Engine, int] | None] = (self.level, None)
        for taken, (engine, number) in enumerate(self.order):
            early = itemgetter(engine)
            posted = sum(bisect_left(each, number, key=early) for each in self.posts.values())
            if self.base + posted - taken > best[0]:
                best = (self.base + posted - taken, (engine, number))
        return best


@dataclass(frozen=True)
class Phase:
    """From a position in the words of a walk to the next phase."""

    start: int
    posts: tuple[Counter[Engine], ...]
    """By semaphore."""


def phases(issued: Sequence[Issued]) -> Iterator[Phase]:
    """In order; the first one starts at 0."""
    start, posts, busy = 0, _none(), 0
    for position, each in enumerate(issued):
        word = each.word
        if isinstance(word, Bar):
            if busy & ~word.mask == 0:
                yield Phase(start, posts)
                start, posts, busy = position, _none(), 0
        elif word.engine is not Engine.SQ:
            busy |= 1 << word.engine
            for index in indices(word.post):
                posts[index][word.engine] += 1
    yield Phase(start, posts)


def _none() -> tuple[Counter[Engine], ...]:
    return tuple(Counter() for _ in range(SEMAPHORES))
