"""Codes of 2 to 8 bits packed densely: element i occupies bits [i·bits, (i+1)·bits) of the stream.

Bit 0 of the stream is the lowest bit of byte 0, so int4 comes out as ONNX and the instruction set
have it: element 2i in the low nibble of byte i, element 2i+1 in the high one. Signed codes are
two's complement. Unused bits of the last byte are zero.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Bytes = NDArray[np.uint8]
Codes8 = NDArray[np.int8] | NDArray[np.uint8]

BLOCK = 8  # elements: 8 codes of b bits fill exactly b bytes, and fit one 64-bit word


def packed_bytes(count: int, bits: int) -> int:
    """``ceil(count · bits / 8)``: the length of `count` packed codes [bytes]."""
    return -(-count * bits // 8)


def pack(codes: ArrayLike, bits: int) -> Bytes:
    """The codes, flattened in C order and packed: ``uint8[ceil(n · bits / 8)]``.

    Raises:
        ValueError: `bits` is not in [2, 8], or the codes fit neither signed nor unsigned.

    >>> pack([1, -1, 7], 4)
    array([241,   7], dtype=uint8)
    """
    flat = np.asarray(codes).ravel()
    _require(flat, bits)
    blocks = np.zeros((-(-flat.size // BLOCK), BLOCK), np.uint8)
    blocks.ravel()[: flat.size] = flat.astype(np.uint8) & np.uint8(2**bits - 1)
    words = np.zeros(len(blocks), "<u8")
    for k in range(BLOCK):
        words |= blocks[:, k].astype(np.uint64) << np.uint64(k * bits)
    stream = words.view(np.uint8).reshape(-1, 8)[:, :bits]
    return stream.ravel()[: packed_bytes(flat.size, bits)].copy()


def unpack(packed: ArrayLike, bits: int, count: int, *, signed: bool = True) -> Codes8:
    """The inverse of `pack`: ``int8[count]``, or ``uint8[count]`` when not `signed`.

    Raises:
        ValueError: `bits` is not in [2, 8], or `packed` has not the length of `count` codes.
    """
    stream = np.asarray(packed, np.uint8).ravel()
    _require(np.zeros(0, np.uint8), bits)
    if stream.size != packed_bytes(count, bits):
        raise ValueError(
            f"{count} codes of {bits} bits take {packed_bytes(count, bits)} bytes,"
            f" not {stream.size}"
        )
    padded = np.zeros((-(-count // BLOCK), 8), np.uint8)
    whole = np.zeros(len(padded) * bits, np.uint8)
    whole[: stream.size] = stream
    padded[:, :bits] = whole.reshape(-1, bits)
    words = padded.view("<u8").ravel()
    codes = np.empty((len(words), BLOCK), np.uint8)
    for k in range(BLOCK):
        codes[:, k] = (words >> np.uint64(k * bits)) & np.uint64(2**bits - 1)
    flat = codes.ravel()[:count]
    return _sign_extended(flat, bits) if signed else flat.copy()


def _sign_extended(codes: Bytes, bits: int) -> NDArray[np.int8]:
    unused = np.int8(8 - bits)
    return np.right_shift(np.left_shift(codes.view(np.int8), unused), unused)


def _require(codes: NDArray[np.generic], bits: int) -> None:
    if not 2 <= bits <= 8:
        raise ValueError(f"codes are 2 to 8 bits wide, not {bits}")
    if codes.dtype.kind not in "iu":
        raise ValueError(f"codes are integers, not {codes.dtype}")
    if codes.size == 0:
        return
    lowest, highest = int(codes.min()), int(codes.max())
    if lowest < -(2 ** (bits - 1)) or highest > (2**bits if lowest >= 0 else 2 ** (bits - 1)) - 1:
        raise ValueError(f"codes in [{lowest}, {highest}] do not fit {bits} bits")
