"""What a run counts while it goes on: one row of numbers, so that it can be kept and multiplied.

The head holds the 8 classes of overlap and what held the sequencer up; then come, for each item,
how often it was executed and what its engine waited for before and during it.
"""

from enum import IntEnum

CLASSES = 8
"""Of overlap: LD, MX and VX busy or not, bits 0, 1 and 2."""
HELD = CLASSES
"""Then a place for each engine: cycles that the sequencer was held up, by engine; SQ is `bar`."""
HEAD = HELD + 5


class Place(IntEnum):
    """Of a number of an item; the stalls are cycles of its engine."""

    EXECUTED = 0
    ISSUE = 1
    """The queue was empty."""
    LD = 2
    """A semaphore, posted last by that engine; as are the next three."""
    ST = 3
    MX = 4
    VX = 5
    LATENCY = 6
    """Of results: of the engine itself, of who posted the semaphore, of bursts in flight."""
    DRAM = 7
    """The DRAM served others."""
    CORES = 8
    """Other cores were not there yet."""
    WALL = 9
    """Cycles of the core that count as its own; see `events`."""


STRIDE = len(Place)
STALLS = (
    Place.ISSUE,
    Place.LD,
    Place.ST,
    Place.MX,
    Place.VX,
    Place.LATENCY,
    Place.DRAM,
    Place.CORES,
)


def row_of(number: int) -> int:
    """Where the numbers of an item begin."""
    return HEAD + number * STRIDE
