import doctest

import ml_dtypes
import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from q4compile.numerics import packing
from q4compile.numerics.packing import pack, packed_bytes, unpack

widths = st.integers(2, 8)


@st.composite
def codes(draw):
    """A width, a signedness, and codes that fit."""
    bits, signed = draw(widths), draw(st.booleans())
    lo, hi = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return bits, signed, draw(st.lists(st.integers(lo, hi), max_size=40))


def packed_by_hand(values, bits):
    """The definition: one big integer, element i at bit i·bits, written little-endian."""
    stream = sum((value % 2**bits) << (i * bits) for i, value in enumerate(values))
    return list(stream.to_bytes(packed_bytes(len(values), bits), "little"))


@given(codes())
def test_pack_is_the_definition_and_unpack_its_inverse(case):
    bits, signed, values = case
    packed = pack(np.array(values, np.int16), bits)
    assert packed.tolist() == packed_by_hand(values, bits)
    again = unpack(packed, bits, len(values), signed=signed)
    assert again.tolist() == values
    assert again.dtype == (np.int8 if signed else np.uint8)


def test_int4_is_packed_as_onnx_packs_it():
    values = np.random.default_rng(0).integers(-8, 8, 1001).astype(np.int8)
    theirs = onnx.numpy_helper.from_array(values.astype(ml_dtypes.int4), "x").raw_data
    assert pack(values, 4).tobytes() == theirs


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_size_is_the_width(bits):
    assert pack(np.zeros(8000, np.int8), bits).size == 1000 * bits


def test_shape_is_flattened_in_c_order():
    grid = np.arange(6).reshape(2, 3)
    assert np.array_equal(pack(grid, 4), pack(grid.ravel(), 4))
    assert not np.array_equal(pack(grid.T, 4), pack(grid, 4))


@pytest.mark.parametrize(
    ("values", "bits", "message"),
    [
        ([8, -1], 4, r"\[-1, 8\] do not fit 4 bits"),
        ([16], 4, r"\[16, 16\] do not fit 4 bits"),
        ([-9], 4, r"\[-9, -9\] do not fit 4 bits"),
        ([0], 1, "2 to 8 bits wide, not 1"),
        ([0], 9, "2 to 8 bits wide, not 9"),
        ([0.5], 4, "integers, not float64"),
    ],
)
def test_pack_refuses(values, bits, message):
    with pytest.raises(ValueError, match=message):
        pack(values, bits)


def test_unpack_refuses_the_wrong_length():
    with pytest.raises(ValueError, match="5 codes of 3 bits take 2 bytes, not 3"):
        unpack([0, 0, 0], 3, 5)


def test_examples_in_the_docstrings():
    assert doctest.testmod(packing).failed == 0
