"""The sizes at which an entry is walked: few, so chosen that every loop shows what it can do.

The smallest sizes; then those at which a loop runs 0, 1, 2 or 3 times for the first time, or as
often as its rings need to wrap, the shortest walks first; then each dimension at 1, 2 and 3.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product
from math import prod

from q4compile.isa.program import Dimension, Entry, Program
from q4compile.isa.target import Target
from q4compile.isa.verify.host import Host, fits, mailbox_of, prepared
from q4compile.isa.verify.skim import Outline, Skimmed, skim

MAX_WORDS = 2**13
"""Of a walk, where that is enough for the smallest sizes."""
MAX_WORDS_ONCE = 2**17
"""Of the walk at the smallest sizes."""
MAX_WORDS_TOGETHER = 3 * 2**13
"""Of all walks of an entry but the first."""
MAX_CANDIDATES = 400
SMALL = (1, 2, 3)
LADDERS = (
    (1, 2, 3, 5, 9, 17, 33, 65, 129, 257, 385, 769),
    (1, 2, 3, 9, 33, 129, 385, 769),
    (1, 2, 3, 33, 385),
    SMALL,
)


@dataclass(frozen=True)
class Candidate:
    """An entry at some sizes, and what walking it would show."""

    host: Host
    skimmed: Skimmed


def candidates(
    program: Program, entry: Entry, outline: Outline, target: Target
) -> tuple[Candidate, ...]:
    """The sizes that fit the target: the smallest first, then the others in order of words."""
    made = (candidate(program, entry, outline, each) for each in _values(entry.dimensions))
    found = [each for each in made if fits(each.host, target.dram.size_bytes)]
    return (*found[:1], *sorted(found[1:], key=lambda each: each.skimmed.words))


def largest(program: Program, entry: Entry, outline: Outline) -> Candidate:
    """The entry at its largest sizes, whether or not they fit."""
    return candidate(program, entry, outline, [each.maximum for each in entry.dimensions])


def candidate(program: Program, entry: Entry, outline: Outline, values: Sequence[int]) -> Candidate:
    """The entry where its dimensions have these values."""
    sizes = {each.name: value for each, value in zip(entry.dimensions, values, strict=True)}
    host = prepared(entry, sizes, len(program.data))
    cores = range(program.cores if entry.core_register in outline.counting else 1)
    each = (
        skim(outline, entry.start, mailbox_of(entry, host, core), MAX_WORDS_ONCE) for core in cores
    )
    return Candidate(host, reduce(Skimmed.beside, each))


def chosen(entry: Entry, found: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Those to walk: the smallest in any case, the others as long as there are words left.

    A loop that none of these runs is worth one walk more, of up to `MAX_WORDS_ONCE`.
    """
    kept, shown, left = [found[0]], set(found[0].skimmed.trips), MAX_WORDS_TOGETHER
    for wants_new in (True, False):
        for each in found[1:]:
            trips, words = each.skimmed.trips, each.skimmed.words
            is_wanted = not trips <= shown if wants_new else _is_small(entry, each)
            if is_wanted and each not in kept and words <= min(left, MAX_WORDS):
                kept.append(each)
                shown |= trips
                left -= words
    for each in found[1:]:
        if each.skimmed.words <= MAX_WORDS_ONCE and not each.skimmed.running <= running(kept):
            kept.append(each)
    return tuple(kept)


def running(found: Iterable[Candidate]) -> frozenset[int]:
    """The loops that run at one of these sizes."""
    return frozenset[int]().union(*(each.skimmed.running for each in found))


def _is_small(entry: Entry, candidate: Candidate) -> bool:
    sizes = candidate.host.sizes
    return all(sizes[each.name] <= max(each.minimum, *SMALL) for each in entry.dimensions)


def _values(dimensions: Sequence[Dimension]) -> Iterator[tuple[int, ...]]:
    """All combinations of the longest ladder that has not too many, the minima first."""
    for ladder in LADDERS:
        steps = [_steps(each, ladder) for each in dimensions]
        if prod(map(len, steps)) <= MAX_CANDIDATES:
            yield from product(*steps)
            return
    yield tuple(each.minimum for each in dimensions)
    for size in LADDERS[1]:
        yield tuple(max(each.minimum, min(size, each.maximum)) for each in dimensions)


def _steps(dimension: Dimension, ladder: Sequence[int]) -> list[int]:
    """The minimum, then the steps of the ladder that the dimension can have, and its maximum."""
    lo, hi = dimension.minimum, dimension.maximum
    top = {hi} if hi <= ladder[-1] else set()
    return [lo, *sorted(({each for each in ladder if lo <= each <= hi} | top) - {lo})]
