import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from q4compile.numerics.nibbles import pack_rows, unpack_rows
from q4compile.numerics.packing import pack

matrices = st.tuples(st.integers(0, 4), st.integers(0, 9)).flatmap(
    lambda shape: arrays(np.int8, shape, elements=st.integers(-8, 7))
)


@given(matrices)
def test_each_row_is_packed_by_itself(codes):
    packed = pack_rows(codes)
    assert packed.dtype == np.uint8
    assert packed.tolist() == [pack(row, 4).tolist() for row in codes]


@given(matrices, st.integers(0, 3), st.integers(0, 255))
def test_unpack_is_the_inverse_whatever_follows_a_row(codes, more, byte):
    packed = np.pad(pack_rows(codes), ((0, 0), (0, more)), constant_values=byte)
    if codes.shape[1] % 2:
        packed[:, codes.shape[1] // 2] |= byte & 0xF0
    again = unpack_rows(packed, codes.shape[1])
    assert again.dtype == np.int8
    assert again.tolist() == codes.tolist()
    assert again.shape == codes.shape
