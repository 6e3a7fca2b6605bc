"""`prefix_code.decode` compiled: a table of 4096 entries, a nibble per look.

Measured on one core of a shared AMD EPYC: see `benchmarks/coding.py`.
"""

from typing import Any

import numba
import numpy as np

from q4compile.numerics.nibbles import Bytes
from q4compile.numerics.prefix_code import HEADER_BYTES, LONGEST, SYMBOLS, BadStream, read_header

COMPILED: dict[str, Any] = {"cache": True, "error_model": "numpy"}


def compiled_decode(stream: Bytes, count: int) -> Bytes:
    """``decode(stream, count)``; raises what that raises."""
    found = np.zeros(count, np.uint8)
    if count:
        table = read_header(stream).table()
        done = _decode(np.ascontiguousarray(stream[HEADER_BYTES:]), table, found)
        if done < 2 * count:
            raise BadStream(f"{done} of {2 * count} nibbles in {stream.size} bytes")
    return found


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _decode(stream: Any, table: Any, out: Any) -> Any:
    """Nibbles that could be decoded; `window` holds the next `held` bits, highest first."""
    window, held, at, left = np.uint64(0), 0, 0, 8 * len(stream)
    for i in range(2 * len(out)):
        while held < LONGEST:
            byte = stream[at] if at < len(stream) else np.uint8(0)
            window = window << np.uint64(8) | np.uint64(byte)
            held += 8
            at += 1
        start = window >> np.uint64(held - LONGEST) & np.uint64((1 << LONGEST) - 1)
        entry = table[start]
        length = int(entry) % SYMBOLS
        left -= length
        if entry == 0 or left < 0:
            return i
        held -= length
        out[i // 2] |= np.uint8(int(entry) // SYMBOLS << 4 * (i % 2))
    return 2 * len(out)
