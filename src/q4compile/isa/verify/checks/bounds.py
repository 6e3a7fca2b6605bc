"""Q342: words stay in SRAM; of DRAM they read DATA and areas, and write outputs and scratch."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator

from q4compile.errors import Finding
from q4compile.isa.region import Memory, Region
from q4compile.isa.verify.findings import out_of_bounds, word_place
from q4compile.isa.verify.host import Area, described, spans
from q4compile.isa.verify.resolved import Touch
from q4compile.isa.verify.walk import Verification, Walk

Spans = list[tuple[int, int]]


def findings(verification: Verification) -> Iterator[Finding]:
    """One for each region of a word that is not where it may be."""
    data = Area("DATA", 0, len(verification.data), False)
    for walk in verification.walks:
        sram = [(0, verification.target.sram.size_bytes)]
        areas = walk.host.areas
        readable = {Memory.SRAM: sram, Memory.DRAM: list(spans([data, *areas]))}
        writable = [each for each in areas if each.is_writable]
        writing = {Memory.SRAM: sram, Memory.DRAM: list(spans(writable))}
        for touch in _different(walk):
            for region in touch.done.reads:
                if not _is_inside(region, readable[region.memory]):
                    yield _outside(touch, "reads", region, verification, walk)
            for region in touch.done.writes:
                if not _is_inside(region, writing[region.memory]):
                    yield _outside(touch, "writes", region, verification, walk)


def _different(walk: Walk) -> Iterable[Touch]:
    """One touch of each effect."""
    return {id(touch.done): touch for touch in walk.touches}.values()


def _is_inside(region: Region, allowed: Spans) -> bool:
    return _has(allowed, region.start, region.stop) or all(
        _has(allowed, start, stop) for start, stop in region.intervals()
    )


def _has(allowed: Spans, start: int, stop: int) -> bool:
    found = bisect_right(allowed, (start, 2**63)) - 1
    return found >= 0 and stop <= allowed[found][1]


def _outside(
    touch: Touch, verb: str, region: Region, verification: Verification, walk: Walk
) -> Finding:
    at = word_place(verification.program, walk.entry, touch.event.issued.index)
    need = f"within the {verification.target.sram.size_bytes} bytes of sram"
    if region.memory is Memory.DRAM:
        is_read = verb == "reads"
        need = "reads of DATA, ports and scratch" if is_read else "writes to outputs and scratch"
    where = described(region, walk.host, len(verification.data))
    return out_of_bounds(at, need, f"it {verb} {where}, with {walk.sizes}")
