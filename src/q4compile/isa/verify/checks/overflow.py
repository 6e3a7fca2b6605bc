"""Q344, Q345: ``Σ_k |w[n, k]| · max|x| + |bias[n]| < 2^31`` for each channel of an accumulator.

Chains of accumulating words add up. First |w| is as large as its type allows; where that is too
much, the codes of the weights are looked up in DATA. What neither proves is a finding.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from q4compile.errors import Finding
from q4compile.isa.element_type import ElementType
from q4compile.isa.engine import Precision
from q4compile.isa.instructions import Mm
from q4compile.isa.instructions.matrix import OPERANDS
from q4compile.isa.region import Region
from q4compile.isa.verify.contents import Bytes, Contents
from q4compile.isa.verify.findings import overflow, untraced, word_place
from q4compile.isa.verify.resolved import Touch
from q4compile.isa.verify.units import Numbers, Units
from q4compile.isa.verify.walk import Verification, Walk

LIMIT = 2**31
Bounds = NDArray[np.int64]
"""By channel."""
NEED = f"at most {LIMIT - 1} in each channel: the sum of |w| · max|x|, and |bias|"
NIBBLES = np.abs((np.arange(16) ^ 8) - 8)
PAIRS = (NIBBLES[:, None] + NIBBLES[None, :]).reshape(-1)
"""Byte → the sum of the magnitudes of both codes."""


class Unproved(Exception):
    """A channel that may be too large, or a part of it that is not known."""

    def __init__(self, got: str, *, is_known: bool) -> None:
        super().__init__(got)
        self.got, self.is_known = got, is_known


@dataclass(frozen=True, eq=False)
class Sums:
    """What an accumulator may hold."""

    region: Region
    order: int
    """Of the word that wrote it."""
    bounds: Bounds


@dataclass(frozen=True, eq=False)
class Accumulators:
    """SRAM during a walk: contents, who wrote each unit last, and bounds of sums by address."""

    contents: Contents
    units: Units
    writers: Numbers
    sums: dict[int, Sums] = field(default_factory=dict)

    def held(self, region: Region) -> Bounds:
        """The sums in a region that a word adds to."""
        known = self.sums.get(region.start)
        if known is not None and known.region.rows >= region.rows:
            is_whole = bool((self.units.of(region, self.writers) == known.order).all())
            if is_whole and known.region.row_bytes == region.row_bytes:
                return known.bounds
        return magnitudes(self.contents, region, "sums to add to")

    def update(self, order: int, touch: Touch) -> None:
        """What a word does."""
        self.contents.update(touch.event.issued.word, touch.done)
        for region in touch.done.writes:
            if self.units.cover(region):
                self.units.of(region, self.writers)[...] = order


def findings(verification: Verification) -> Iterator[Finding]:
    """One for each word, by the codes of the weights where their type proves too little."""
    for walk in verification.walks:
        if next(_unproved(walk, verification, by_codes=False), None) is None:
            continue
        for touch, problem in _unproved(walk, verification, by_codes=True):
            at = word_place(verification.program, walk.entry, touch.event.issued.index)
            finding = overflow if problem.is_known else untraced
            yield finding(at, NEED, f"{problem.got}, with {walk.sizes}")


def _unproved(
    walk: Walk, verification: Verification, *, by_codes: bool
) -> Iterator[tuple[Touch, Unproved]]:
    units = Units(0, verification.target.sram.size_bytes)
    now = Accumulators(verification.contents(), units, units.zeros())
    for order, touch in enumerate(walk.touches, 1):
        word, bounds = touch.event.issued.word, None
        if isinstance(word, Mm) and word.precision is not Precision.FP16 and touch.done.writes:
            try:
                bounds = _bounds(word, touch, now, by_codes=by_codes)
            except Unproved as problem:
                yield touch, problem
                bounds = np.zeros(word.columns, np.int64)  # words that add to it are not at fault
        now.update(order, touch)
        if bounds is not None:
            (to,) = touch.done.writes
            now.sums[to.start] = Sums(to, order, bounds)


def _bounds(word: Mm, touch: Touch, now: Accumulators, *, by_codes: bool) -> Bounds:
    """Of what the word leaves.

    Raises:
        Unproved: they may be too large.
    """
    _, weights, *more = word.reads(touch.event.issued.at)
    before = np.zeros(word.columns, np.int64)
    if word.bias is not None:
        before = magnitudes(now.contents, more[0], "bias")
    elif word.accumulate:
        before = now.held(more[0])
    x, w = OPERANDS[word.precision]
    if by_codes and not weights.is_empty:
        rows = known(now.contents, weights, "weights")
        sums = magnitudes_of_rows(rows, word.depth, w)
    else:
        sums = np.full(word.columns, word.depth * _largest(w))
    bounds = before + sums * _largest(x)
    channel = int(bounds.argmax())
    if bounds[channel] >= LIMIT:
        raise Unproved(f"{bounds[channel]} in channel {channel}", is_known=True)
    return bounds


def _largest(kind: ElementType) -> int:
    return 1 << (kind.bits - 1)


def known(contents: Contents, region: Region, what: str) -> Bytes:
    """The bytes of a region; Unproved where they are no constants."""
    found = contents.view(region)
    if found is None:
        raise Unproved(f"{what} that cannot be followed to DATA", is_known=False)
    return found


def magnitudes(contents: Contents, region: Region, what: str) -> Bounds:
    """The largest |number| of each column of int32 rows."""
    found = np.ascontiguousarray(known(contents, region, what)).view("<i4")
    largest: Bounds = np.abs(found.astype(np.int64)).max(axis=0)
    return largest


def magnitudes_of_rows(rows: Bytes, depth: int, kind: ElementType) -> Bounds:
    """``Σ_k |w[n, k]|``; the code that pads an odd row of i4 does not count."""
    if kind is ElementType.I8:
        signed: Bounds = np.abs(rows.view(np.int8).astype(np.int64)).sum(axis=1)
        return signed
    sums: Bounds = PAIRS[rows].sum(axis=1)
    return sums - NIBBLES[rows[:, -1] >> 4] if depth % 2 else sums
