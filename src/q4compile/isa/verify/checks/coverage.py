"""Q346: the code reads all of DATA that is not 0, and nothing that is neither symbol nor 0.

Only said of programs all of whose walks come to their end.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from q4compile.errors import Finding
from q4compile.isa.element_type import UNIT_BYTES
from q4compile.isa.program import Program, Symbol
from q4compile.isa.region import Memory, Region
from q4compile.isa.verify.findings import not_covered, word_place
from q4compile.isa.verify.views import bytes_of, lies_within
from q4compile.isa.verify.walk import Verification, Walk

Mask = NDArray[np.bool_]


def findings(verification: Verification) -> Iterator[Finding]:
    """Symbols with bytes that nobody reads, and the first stray byte that somebody reads."""
    walks = verification.walks
    if verification.unwalked or verification.idle_loops or not all(map(_is_whole, walks)):
        return
    read = np.zeros(len(verification.data), np.bool_)
    for region in _data_regions(verification):
        bytes_of(read, region)[:] = True
    filled = verification.data != 0
    for symbol in verification.program.symbols:
        yield from _unread(symbol, read, filled, verification.program)
    for symbol in verification.program.symbols:
        read[_slice(symbol)] = False
    stray = np.flatnonzero(read & filled)
    if len(stray):
        yield _stray(int(stray[0]), len(stray), verification)


def _is_whole(walk: Walk) -> bool:
    has_all = all(touch.problem is None for touch in walk.touches)
    return walk.problem is None and walk.schedule.stuck is None and has_all


def _data_regions(verification: Verification) -> Iterator[Region]:
    """What words read of DATA, each once."""
    done = {id(touch.done): touch.done for walk in verification.walks for touch in walk.touches}
    for each in done.values():
        for region in each.reads:
            if region.memory is Memory.DRAM and lies_within(region, len(verification.data)):
                yield region


def _slice(symbol: Symbol) -> slice:
    start = UNIT_BYTES * symbol.address
    return slice(start, start + symbol.bytes)


def _unread(symbol: Symbol, read: Mask, filled: Mask, program: Program) -> Iterator[Finding]:
    here = _slice(symbol)
    unread = ~read[here]
    lost = np.flatnonzero(unread if unread.all() else unread & filled[here])
    if len(lost):
        node = f" of {program.nodes[symbol.node]}" if symbol.node else ""
        at = f"{program.name}, symbol {symbol.name!r}{node}"
        got = f"{len(lost)} of {symbol.bytes} that no word reads, the first at {lost[0]}"
        yield not_covered(at, "bytes that are read", got)


def _stray(first: int, count: int, verification: Verification) -> Finding:
    for walk in verification.walks:
        for touch in walk.touches:
            for region in touch.done.reads:
                if region.memory is Memory.DRAM and region.meets(first, first + 1):
                    index = touch.event.issued.index
                    at = word_place(verification.program, walk.entry, index)
                    got = f"{count} other bytes, the first at {first} of DATA"
                    return not_covered(at, "reads of symbols and of zeros between them", got)
    raise AssertionError("a byte that is read has a reader")
