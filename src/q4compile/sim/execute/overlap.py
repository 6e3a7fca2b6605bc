"""Whether what a word writes overlaps what it reads."""

from typing import TypeAlias

Span: TypeAlias = tuple[int, int]
"""Byte addresses [start, stop) of one memory."""


def overlap(written: Span, *read: Span) -> bool:
    """True when a span that is read shares a byte with `written`."""
    start, stop = written
    return any(first < stop and start < last for first, last in read)


def overlap_apart_from_itself(written: Span, *read: Span) -> bool:
    """As `overlap`, but a span may be `written` itself, read element by element."""
    return any(span != written and overlap(written, span) for span in read)


def span(start: int, rows: int, row_bytes: int, pitch_bytes: int) -> Span:
    """From the first byte of the first row to the last of the last."""
    return start, start + (rows - 1) * pitch_bytes + row_bytes
