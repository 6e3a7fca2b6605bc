"""Q347: no word reads bytes of SRAM that no word of the entry has written before it.

But integer activations may be whatever they are where all weights are constants and 0.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from q4compile.errors import Finding
from q4compile.isa.element_type import ElementType
from q4compile.isa.engine import Precision
from q4compile.isa.instructions import Mm
from q4compile.isa.instructions.matrix import OPERANDS
from q4compile.isa.region import Memory, Region
from q4compile.isa.verify.contents import Bytes, Contents
from q4compile.isa.verify.findings import unwritten, word_place
from q4compile.isa.verify.host import described
from q4compile.isa.verify.resolved import Touch
from q4compile.isa.verify.views import bytes_of, lies_within
from q4compile.isa.verify.walk import Verification, Walk

Mask = NDArray[np.bool_]


@dataclass(eq=False)
class _Replay:
    """SRAM before word number `position` of a walk; it only goes forward."""

    walk: Walk
    contents: Contents
    position: int = 0

    def before(self, position: int) -> Contents:
        """SRAM before that word."""
        for touch in self.walk.touches[self.position : position]:
            self.contents.update(touch.event.issued.word, touch.done)
        self.position = position
        return self.contents


def findings(verification: Verification) -> Iterator[Finding]:
    """One for each word."""
    data_bytes = len(verification.data)
    for walk in verification.walks:
        for touch, region in _early(walk, verification):
            at = word_place(verification.program, walk.entry, touch.event.issued.index)
            where = described(region, walk.host, data_bytes)
            yield unwritten(at, f"it reads {where}, with {walk.sizes}")


def _early(walk: Walk, verification: Verification) -> Iterator[tuple[Touch, Region]]:
    """Words, and regions that they read while a byte of them is not written yet."""
    sram_bytes = verification.target.sram.size_bytes
    written = np.zeros(sram_bytes, np.bool_)
    replay = _Replay(walk, verification.contents())
    seen: set[int] = set()
    for position, touch in enumerate(walk.touches):
        if id(touch.done) in seen:  # what is written stays so
            continue
        seen.add(id(touch.done))
        for region in _within(touch.done.reads, sram_bytes):
            known = bytes_of(written, region)
            if not known.all():
                seen.discard(id(touch.done))
                missing = ~np.asarray(known.all(axis=0))
                if not _is_ignored(touch, region, missing, replay, position):
                    yield touch, region
        for region in _within(touch.done.writes, sram_bytes):
            bytes_of(written, region)[:] = True


def _is_ignored(
    touch: Touch, region: Region, missing: Mask, replay: _Replay, position: int
) -> bool:
    """Whether only weights of 0 meet the bytes `missing` of activations."""
    word, at = touch.event.issued.word, touch.event.issued.at
    if not isinstance(word, Mm) or word.precision is Precision.FP16:  # a NaN times 0 is none
        return False
    activations, weights, *_ = word.reads(at)
    rows = replay.before(position).view(weights)
    if region != activations or rows is None:
        return False
    x, w = OPERANDS[word.precision]
    codes = np.arange(word.depth) * x.bits // 8
    return not _nonzero(rows, word.depth, w)[:, missing[codes]].any()


def _nonzero(rows: Bytes, depth: int, kind: ElementType) -> Mask:
    """Which codes of rows are not 0."""
    if kind is not ElementType.I4:
        found: Mask = rows != 0
        return found
    halves: Mask = np.stack([rows & 0xF, rows >> 4], -1).reshape(len(rows), -1)[:, :depth] != 0
    return halves


def _within(regions: tuple[Region, ...], sram_bytes: int) -> Iterator[Region]:
    for region in regions:
        if region.memory is Memory.SRAM and lies_within(region, sram_bytes):
            yield region
