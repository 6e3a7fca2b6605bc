"""Rows of int4 codes, each packed by itself: column 2i in the low nibble of byte i of its row.

    unpack_rows(pack_rows(codes), columns) == codes

What `packing` does for one stream, here for the rows of a matrix and in few passes over it.
"""

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Codes8 = NDArray[np.int8]


def pack_rows(codes: Codes8) -> Bytes:
    """``uint8[R, ceil(n / 2)]`` of codes [R, n] in [−8, 7]; an unused last nibble is 0."""
    rows, columns = codes.shape
    even = np.zeros((rows, columns + columns % 2), np.int8)
    even[:, :columns] = codes
    low = even[:, 0::2] & np.int8(15)
    return np.asarray((low | even[:, 1::2] << np.int8(4)).view(np.uint8))


def unpack_rows(packed: Bytes, columns: int) -> Codes8:
    """``int8[R, columns]`` of rows of at least ceil(columns / 2) bytes; the rest is ignored."""
    used = np.ascontiguousarray(packed[:, : (columns + 1) // 2]).view(np.int8)
    codes = np.empty((len(used), 2 * used.shape[1]), np.int8)
    codes[:, 0::2] = used << np.int8(4) >> np.int8(4)
    codes[:, 1::2] = used >> np.int8(4)
    return codes[:, :columns]
