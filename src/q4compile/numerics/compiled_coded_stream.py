"""`coded_stream.decode` compiled: a table of 4096 entries for each lane, a nibble per look.

Measured on one core: see `benchmarks/coding.py`.
"""

from typing import Any

import numba
import numpy as np

from q4compile.numerics.coded_stream import read_section, require_end
from q4compile.numerics.nibbles import Bytes
from q4compile.numerics.prefix_code import LONGEST, SYMBOLS, BadStream

COMPILED: dict[str, Any] = {"cache": True, "error_model": "numpy"}


def decode(stream: Bytes, count: int) -> Bytes:
    """``decode(stream, count)``; raises what that raises."""
    found, at, done = np.zeros(count, np.uint8), 0, 0
    whole = np.ascontiguousarray(stream)
    while done < count:
        section = read_section(whole, at, count - done)
        part = found[done : done + section.count]
        used = int(_decode(whole[section.start :], section.tables, part))
        if used < 0:
            raise BadStream(f"{-1 - used} of {2 * section.count} nibbles of a section")
        at, done = section.start + used, done + section.count
    require_end(whole, at)
    return found


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _decode(stream: Any, tables: Any, out: Any) -> Any:
    """Bytes of `stream` that were used, or −1 − the nibbles that there are.

    `window` holds the next `held` bits, highest first.
    """
    window, held, at, used = np.uint64(0), 0, 0, 0
    lanes, bits = len(tables), 8 * len(stream)
    for i in range(2 * len(out)):
        while held < LONGEST:
            byte = stream[at] if at < len(stream) else np.uint8(0)
            window = window << np.uint64(8) | np.uint64(byte)
            held += 8
            at += 1
        start = window >> np.uint64(held - LONGEST) & np.uint64((1 << LONGEST) - 1)
        entry = int(tables[i // 2 % lanes, start])
        length = entry % SYMBOLS
        used += length
        if entry == 0 or used > bits:
            return -1 - i
        held -= length
        out[i // 2] |= np.uint8(entry // SYMBOLS << 4 * (i % 2))
    return -(-used // 8)
