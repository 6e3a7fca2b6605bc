"""Recurrences whose weights do not all fit: some groups stay on chip, the others come by.

    bytes of a step = (1 − kept / turn) · all bytes

Groups that stay and groups that come by alternate, so that weights load all the time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from q4compile.lower.phases.grouping import Grouping

LONGEST_TURN = 10
"""Groups whose words are there one by one: so many for the sake of the code's size."""
LEAST_PASSING = 2
"""One slot is in use while the next is loaded."""


def with_partial(groupings: Sequence[Grouping]) -> Iterator[Grouping]:
    """All weights on chip before some of them, those before none; else in the order given."""
    yield from (each for each in groupings if each.is_resident)
    passing = [each for each in groupings if not each.is_resident]
    least = min((each.own_units for each in passing), default=0)
    # Units that are added would cost most where there is one step only.
    yield from sorted(_partial([n for n in passing if n.own_units == least]), key=_cost)
    yield from passing


def _partial(groupings: Sequence[Grouping]) -> Iterator[Grouping]:
    for each in groupings:
        for turn in range(LEAST_PASSING + 1, min(LONGEST_TURN, each.groups) + 1):
            if each.groups % turn == 0:
                for kept in range(1, turn - LEAST_PASSING + 1):
                    yield replace(each, turn=turn, kept=kept)


def _cost(grouping: Grouping) -> tuple[int, ...]:
    """What comes by, how many words are executed, how many there are."""
    return grouping.passing_units, grouping.turns, grouping.turn
