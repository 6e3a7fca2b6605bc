"""Q351: every coded stream that a word reads decodes to as many bytes as the word writes."""

from collections.abc import Iterator

from q4compile.errors import Finding
from q4compile.isa.instructions import Ldc
from q4compile.isa.verify.findings import bad_stream, word_place
from q4compile.isa.verify.walk import Verification


def findings(verification: Verification) -> Iterator[Finding]:
    """One for each stream of a word."""
    data, streams = verification.data, verification.streams
    seen: set[tuple[int, int]] = set()
    for walk in verification.walks:
        for touch in walk.touches:
            word, index = touch.event.issued.word, touch.event.issued.index
            if not isinstance(word, Ldc) or (index, id(touch.done)) in seen:
                continue
            seen.add((index, id(touch.done)))
            (source,) = touch.done.reads
            found = streams.bytes_of(data, source, word.to_bytes)
            if isinstance(found, str):
                at = word_place(verification.program, walk.entry, index)
                yield bad_stream(at, f"{found}, with {walk.sizes}")
