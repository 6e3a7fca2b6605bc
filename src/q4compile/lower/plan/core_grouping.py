"""How the units of an LSTM are dealt out to cores: as many to each, in equal parts of h.

Core c has units [c · own, (c + 1) · own). Parts of h begin at 16-byte boundaries, for the machine's
step writes them where they are shared from. Where units do not divide so, one core has all of them.
"""

from collections.abc import Iterator
from dataclasses import replace

from q4compile.isa.element_type import UNIT_BYTES, ElementType
from q4compile.lower.options import Room
from q4compile.lower.phases.grouping import PIPELINED_GROUPS, Grouping


def split_groupings(
    units: int, directions: int, hidden: ElementType, room: Room
) -> Iterator[Grouping]:
    """Resident weights before streamed ones, few groups before many; none if units do not divide.

    One direction has nothing else to do meanwhile: it goes in a few groups rather than in one.
    """
    step = UNIT_BYTES * 8 // hidden.bits
    own, rest = divmod(units, room.cores)
    if rest or own % step:
        return
    most = min(room.options.group_units, own)
    sizes = [size for size in range(most // step * step, 0, -step) if own % size == 0]
    groups = [Grouping(size, own // size, True, room.cores) for size in sizes]
    several = [each for each in groups if each.groups > 1]
    pipelined = [each for each in groups if each.groups >= PIPELINED_GROUPS][:1]
    whole = [Grouping(own, 1, True, room.cores)] if own <= room.options.group_units else []
    if room.options.keep_weights or not several:
        yield from (*whole, *several) if directions > 1 else (*pipelined, *whole, *several)
    yield from (replace(each, is_resident=False) for each in several)
