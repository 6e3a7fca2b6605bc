"""Products of packed rows: the plain form against int64, the compiled ones against the plain."""

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from q4compile.numerics import packed_products as module
from q4compile.numerics.compiled_products import by_loops, by_vnni, compiled_products
from q4compile.numerics.nibbles import pack_rows
from q4compile.numerics.packed_products import MAX_DEPTH, packed_products
from q4compile.numerics.packing import unpack
from q4compile.numerics.vnni import is_available

BITS = [(4, 4), (8, 4), (8, 8), (4, 8)]
COMPILED = [
    by_loops,
    pytest.param(
        by_vnni, marks=pytest.mark.skipif(not is_available(), reason="no AVX-512 VNNI here")
    ),
]


def rows_of(rng, rows, depth, bits, more=0):
    """Random bytes, of which depth codes in each row are meant."""
    return rng.integers(0, 256, (rows, -(-depth * bits // 8) + more), np.uint8)


def codes(packed, depth, bits):
    used = -(-depth * bits // 8)
    return [unpack(row[:used], bits, depth).astype(np.int64) for row in packed]


def exactly(x, w, depth, x_bits, w_bits):
    left, right = codes(x, depth, x_bits), codes(w, depth, w_bits)
    return [[int((row * other).sum()) for other in right] for row in left]


def compiled(function, x, w, depth, bits, width):
    out = np.full((len(x), width), 77, np.int32)
    function(x, w, out, depth, bits[0] == 4, bits[1] == 4)
    assert (out[:, len(w) :] == 77).all()
    return out[:, : len(w)].tolist()


@given(
    st.integers(0, 99),
    st.sampled_from(BITS),
    *(st.integers(1, 6), st.integers(1, 6), st.integers(0, 300), st.integers(0, 3)),
)
def test_the_plain_form_is_int64(seed, bits, m, n, depth, more):
    rng = np.random.default_rng(seed)
    x, w = (rows_of(rng, rows, depth, b, more) for rows, b in ((m, bits[0]), (n, bits[1])))
    got = packed_products(x, w, depth, *bits)
    assert got.dtype == np.int32
    assert got.tolist() == exactly(x, w, depth, *bits)


@pytest.mark.parametrize("function", COMPILED)
@settings(max_examples=150)
@given(
    st.integers(0, 999),
    st.sampled_from(BITS),
    *(st.integers(1, 9), st.integers(1, 20), st.integers(1, 400), st.integers(0, 20)),
)
def test_compiled_forms_are_the_plain_one(function, seed, bits, m, n, depth, more):
    """Blocks, single rows and single columns; whole steps and the rest; other bytes behind rows."""
    rng = np.random.default_rng(seed)
    x, w = (rows_of(rng, rows, depth, b, more) for rows, b in ((m, bits[0]), (n, bits[1])))
    got = compiled(function, x, w, depth, bits, n + more)
    assert got == packed_products(x, w, depth, *bits).tolist()


def extremes(bits, depth, value):
    if bits == 8:
        return np.full((1, depth), value, np.int8).view(np.uint8)
    return pack_rows(np.full((1, depth), value, np.int8))


@pytest.mark.parametrize("function", COMPILED)
@pytest.mark.parametrize("bits", BITS)
def test_the_largest_sums_there_are(function, bits):
    """All −128 or −8, or their opposites, at the greatest depth of the instruction set."""
    for signs in ((-1, -1), (-1, 1), (1, -1)):
        values = [sign * 2 ** (b - 1) - (sign > 0) for sign, b in zip(signs, bits, strict=True)]
        x, w = (extremes(b, MAX_DEPTH, v) for b, v in zip(bits, values, strict=True))
        expected = [[MAX_DEPTH * values[0] * values[1]]]
        assert packed_products(x, w, MAX_DEPTH, *bits).tolist() == expected
        assert compiled(function, x, w, MAX_DEPTH, bits, 1) == expected


def test_weights_at_the_very_end_of_their_memory():
    """The last row of w ends with its array; nothing behind it is read into a sum."""
    rng = np.random.default_rng(0)
    memory = rng.integers(0, 256, 4096, np.uint8)
    w = memory[-5 * 37 :].reshape(5, 37)
    x = rng.integers(0, 256, (2, 37), np.uint8)
    out = np.zeros((2, 5), np.int32)
    compiled_products(x, w, out, depth=74, x_bits=4, w_bits=4)
    assert out.tolist() == exactly(x, w, 74, 4, 4)


def test_no_depth_is_no_sum():
    x, w = np.zeros((2, 16), np.uint8), np.zeros((3, 16), np.uint8)
    out = np.full((2, 4), 9, np.int32)
    compiled_products(x, w, out, depth=0, x_bits=4, w_bits=4)
    assert out.tolist() == [[0, 0, 0, 9]] * 2
    assert packed_products(x, w, 0, 4, 4).tolist() == [[0, 0, 0]] * 2


def test_examples():
    assert doctest.testmod(module).failed == 0
