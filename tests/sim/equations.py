"""The equations of docs/program-format.md in Python integers, element by element, for the tests."""

import math
from fractions import Fraction

UNIT = 16


def rne(p, s):
    """p / 2^s, ties to even: Python's own rounding of fractions."""
    return round(Fraction(p, 2**s))


def clip(x, lo, hi):
    return max(lo, min(hi, x))


def sat16(x):
    return clip(x, -(2**15), 2**15 - 1)


def sat32(x):
    return clip(x, -(2**31), 2**31 - 1)


def scaled(x, word):
    """``x · M``."""
    return rne(x * (word & 0xFFFFFF), word >> 24)


def table_value(table, x):
    u = x + 32768
    j, t = u >> 6, table[u >> 6]
    return t + ((table[j + 1] - t) * (u & 63) + 32 >> 6)


def curved(table, u):
    """tanh of u, 21 fraction bits, with 23, by a table of order 2."""
    u = clip(u, -(2**25), 2**25)
    j = (u + 2**25 + 2**15) // 2**16
    d, t = u - (j - 512) * 2**16, clip(table[j], -(2**23), 2**23)
    bent = rne(rne((2**46 - t * t) * d, 34) * (2**23 - rne(t * d, 21)), 33)
    return clip(t + bent, -(2**23), 2**23)


def pitch(columns, bits):
    """Bytes of a row, rounded up to 16."""
    return math.ceil(columns * bits / 8 / UNIT) * UNIT


def get(memory, start, row, column, bits, row_pitch):
    """The signed element of a matrix in bytes."""
    if bits == 4:
        nibble = int(memory[start + row * row_pitch + column // 2]) >> 4 * (column % 2) & 15
        return nibble - 16 * (nibble > 7)
    at = start + row * row_pitch + column * bits // 8
    return int.from_bytes(bytes(memory[at : at + bits // 8]), "little", signed=True)


def matrix(memory, start, rows, columns, bits, row_pitch=None):
    """All elements, as lists."""
    step = pitch(columns, bits) if row_pitch is None else row_pitch
    return [
        [get(memory, start, row, column, bits, step) for column in range(columns)]
        for row in range(rows)
    ]


def put_row(memory, start, values, bits):
    """Write one row; an unused last nibble becomes 0."""
    if bits == 4:
        even = [*values, 0] if len(values) % 2 else values
        for i in range(0, len(even), 2):
            memory[start + i // 2] = even[i] & 15 | (even[i + 1] & 15) << 4
        return
    for column, value in enumerate(values):
        at = start + column * bits // 8
        memory[at : at + bits // 8] = list(value.to_bytes(bits // 8, "little", signed=True))


def put(memory, start, values, bits, row_pitch=None):
    """Write rows in order."""
    for row, each in enumerate(values):
        step = pitch(len(each), bits) if row_pitch is None else row_pitch
        put_row(memory, start + row * step, each, bits)
