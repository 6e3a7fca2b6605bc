"""Q348: rows are gathered from within one symbol or area, and LSTM parameters are constants."""

from collections.abc import Iterator

from q4compile.errors import Finding
from q4compile.isa.element_type import UNIT_BYTES
from q4compile.isa.instructions import Gath
from q4compile.isa.program import Program
from q4compile.isa.region import Memory, Region
from q4compile.isa.verify.findings import bad_table, word_place
from q4compile.isa.verify.walk import Verification, Walk

Span = tuple[int, int]


def findings(verification: Verification) -> Iterator[Finding]:
    """One for each word."""
    program = verification.program
    symbols = [_span(each.address, each.bytes) for each in program.symbols]
    for walk in verification.walks:
        areas = [(each.start, each.stop) for each in walk.host.areas]
        for touch in walk.touches:
            word, index = touch.event.issued.word, touch.event.issued.index
            if touch.problem is not None:
                at = word_place(program, walk.entry, index)
                yield bad_table(at, *touch.problem)
            if isinstance(word, Gath):
                for region in touch.done.reads:
                    if region.memory is Memory.DRAM and not _lies_in(region, symbols + areas):
                        at = word_place(program, walk.entry, index)
                        need = "a table within one symbol, port or scratch area"
                        yield bad_table(at, need, _described(region, word, program, walk))


def _span(address: int, count_bytes: int) -> Span:
    return UNIT_BYTES * address, UNIT_BYTES * address + count_bytes


def _lies_in(region: Region, spans: list[Span]) -> bool:
    return any(start <= region.start and region.stop <= stop for start, stop in spans)


def _described(region: Region, word: Gath, program: Program, walk: Walk) -> str:
    """The rows, and the symbol that they begin in."""
    text = f"{word.count} rows in bytes [{region.start}, {region.stop})"
    for each in program.symbols:
        start, stop = _span(each.address, each.bytes)
        if start <= region.start < stop:
            return f"{text}, while symbol {each.name!r} is [{start}, {stop})"
    return f"{text}, with {walk.sizes}"
