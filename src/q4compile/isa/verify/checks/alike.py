"""Q350: all cores meet and share in the same order, as many rows of as many bytes."""

from collections.abc import Iterator
from itertools import zip_longest

from q4compile.errors import Finding
from q4compile.isa.instructions import Meet, Share
from q4compile.isa.issue import Issued
from q4compile.isa.verify.findings import cores_differ, entry_place
from q4compile.isa.verify.walk import Verification, Walk


def findings(verification: Verification) -> Iterator[Finding]:
    """The first difference to core 0, of each core."""
    for first, *others in verification.runs:
        for other in others:
            if first.problem is None and other.problem is None:
                yield from _difference(first, other, verification)


def _difference(first: Walk, other: Walk, verification: Verification) -> Iterator[Finding]:
    pairs = zip_longest(_together(first), _together(other))
    for number, (wanted, found) in enumerate(pairs, 1):
        if _text(wanted) != _text(found):
            at = entry_place(verification.program, first.entry)
            need = f"number {number} as on core 0: {_text(wanted)}"
            yield cores_differ(at, need, f"{_text(found)}, with {other.sizes}")
            return


def _together(walk: Walk) -> Iterator[Issued]:
    """The words that all cores execute together."""
    return (each for each in walk.issued if isinstance(each.word, Meet | Share))


def _text(issued: Issued | None) -> str:
    if issued is None:
        return "none"
    word = issued.word
    if not isinstance(word, Share):
        return "meet"
    return f"share of {issued.at.count(word.rows)} rows of {word.row_bytes} bytes"
