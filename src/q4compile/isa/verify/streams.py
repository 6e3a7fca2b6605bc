"""Coded streams in DATA, each decoded once: a verification meets the same ones again and again."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from q4compile.isa.region import Region
from q4compile.isa.verify.views import lies_within, rows_of
from q4compile.numerics.coded_stream import decode
from q4compile.numerics.prefix_code import BadStream

Bytes = NDArray[np.uint8]


@dataclass
class Streams:
    """(Start, bytes of a stream, bytes that it stands for) → those, or why it does not."""

    found: dict[tuple[int, int, int], Bytes | str] = field(default_factory=dict)

    def bytes_of(self, data: Bytes, source: Region, count: int) -> Bytes | str:
        """The `count` bytes of the stream at `source`, or why there are none."""
        key = source.start, source.row_bytes, count
        if key not in self.found:
            self.found[key] = _decoded(data, source, count)
        return self.found[key]


def _decoded(data: Bytes, source: Region, count: int) -> Bytes | str:
    if not lies_within(source, len(data)):
        return "bytes that are not in DATA"
    try:
        return decode(rows_of(data, source)[0], count)
    except BadStream as problem:
        return str(problem)
