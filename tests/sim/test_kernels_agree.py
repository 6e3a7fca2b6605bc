"""Compiled kernels and plain ones: the same numbers, at the ends of every range."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from q4compile.sim.kernels import compiled, plain, plain_lstm
from q4compile.sim.kernels.interface import GOOD, Combination, Kernels

INT16, INT32 = np.iinfo(np.int16), np.iinfo(np.int32)


def edges(lo, hi):
    return st.one_of(st.sampled_from([lo, lo + 1, -1, 0, 1, hi - 1, hi]), st.integers(lo, hi))


int16s, int32s = edges(INT16.min, INT16.max), edges(INT32.min, INT32.max)
shapes = st.tuples(st.integers(1, 3), st.integers(1, 19))
multipliers = st.one_of(
    st.just(0),
    st.builds(
        lambda mul, shift: mul | shift << 24,
        edges(2**23, 2**24 - 1).filter(lambda mul: mul >= 2**23),
        st.integers(0, 62),
    ),
)
tables = st.integers(0, 99).map(
    lambda seed: np.random.default_rng(seed).integers(-(2**15), 2**15, 1025).astype(np.int16)
)


def both(call):
    """The results of both implementations: what comes back, and what is written."""
    return [call(kernels) for kernels in (compiled, plain)]


def test_both_are_kernels():
    implementations: list[Kernels] = [compiled, plain]
    assert len(implementations) == 2


@settings(max_examples=200)
@given(st.data(), shapes, st.sampled_from([(4, 4), (8, 4), (8, 8)]), st.integers(0, 200))
def test_accumulate(data, shape, bits, depth):
    rows, columns = shape
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    x, w = (rng.integers(0, 256, (count, 208), np.uint8) for count in shape)
    start = data.draw(st.sampled_from([None, 1, rows]))
    width = columns + data.draw(st.integers(0, 3))
    initial = data.draw(arrays(np.int32, (start or 1, width), elements=int32s))
    own = data.draw(st.booleans()) and start == rows
    options = {"depth": depth, "x_bits": bits[0], "w_bits": bits[1]}

    def call(kernels):
        out = initial.copy() if own else np.zeros((rows, width), np.int32)
        given = None if start is None else out if own else initial
        place = kernels.accumulate(x, w, given, out, **options)
        return place, out[:, :columns].tolist() if place == GOOD else None

    one, other = both(call)
    assert one == other


@settings(max_examples=200)
@given(st.data(), shapes, st.sampled_from([np.int16, np.int32]), st.sampled_from([4, 8, 16]))
def test_requantize(data, shape, dtype, bits):
    rows, columns = shape
    elements = int16s if dtype is np.int16 else int32s
    x = data.draw(arrays(dtype, shape, elements=elements))
    count = data.draw(st.sampled_from([1, columns]))
    words = data.draw(arrays(np.uint32, count, elements=multipliers))
    most = 2 ** (bits - 1) - 1
    lo = data.draw(st.integers(-most - 1, most))
    grid = {"zero_point": data.draw(int16s), "lo": lo, "hi": data.draw(st.integers(lo, most))}
    out_type = {4: np.uint8, 8: np.int8, 16: np.int16}[bits]

    def call(kernels):
        out = np.zeros((rows, columns), out_type)
        assert kernels.requantize(x, words, out, columns=columns, bits=bits, **grid) == GOOD
        return out.tolist()

    one, other = both(call)
    assert one == other


@given(st.data(), shapes, st.sampled_from([np.int16, np.int32]))
def test_requantize_wide(data, shape, dtype):
    x = data.draw(arrays(dtype, shape, elements=int16s if dtype is np.int16 else int32s))
    count = data.draw(st.sampled_from([1, shape[1]]))
    words = data.draw(arrays(np.uint32, count, elements=multipliers))
    offsets = data.draw(arrays(np.int32, count, elements=int32s))

    def call(kernels):
        out = np.zeros(shape, np.int32)
        assert kernels.requantize_wide(x, words, offsets, out, columns=shape[1]) == GOOD
        return out.tolist()

    one, other = both(call)
    assert one == other


words32 = st.integers(0, 2**32 - 1) | st.sampled_from([0, 1, 2**23, 63 << 24 | 2**23, 2**32 - 1])


@given(st.lists(words32 | multipliers, min_size=1, max_size=40))
def test_what_is_no_multiplier(words):
    array, x = np.array(words, np.uint32), np.zeros((1, len(words)), np.int16)
    grid = {"zero_point": 0, "lo": 0, "hi": 0, "bits": 8}

    def call(kernels):
        out, wide = (np.zeros((1, len(words)), each) for each in (np.int8, np.int32))
        offsets = np.zeros(len(words), np.int32)
        index = kernels.requantize(x, array, out, columns=len(words), **grid)
        assert index == kernels.requantize_wide(x, array, offsets, wide, columns=len(words))
        return index

    wrong = [
        index
        for index, word in enumerate(words)
        if word and not (word >> 24 <= 62 and word & 0xFFFFFF >= 2**23)
    ]
    assert both(call) == [wrong[0] if wrong else GOOD] * 2


shifts = st.integers(0, 31)


@given(arrays(np.int16, shapes, elements=int16s), tables, shifts, shifts)
def test_look_up(x, table, left_shift, result_shift):
    options = {"left_shift": left_shift, "result_shift": result_shift, "columns": x.shape[1]}

    def call(kernels):
        out = np.zeros_like(x)
        kernels.look_up(x, table, out, **options)
        return out.tolist()

    one, other = both(call)
    assert one == other


@settings(max_examples=200)
@given(st.data(), arrays(np.int16, shapes, elements=int16s), st.sampled_from(list(Combination)))
def test_combine_and_multiply(data, x, how):
    rows = data.draw(st.sampled_from([1, len(x)]))
    y = data.draw(arrays(np.int16, (rows, x.shape[1]), elements=int16s))
    names = ("left_shift", "right_shift", "result_shift")
    options = {name: data.draw(shifts) for name in names} | {"columns": x.shape[1]}

    def call(kernels):
        out = np.zeros_like(x)
        kernels.combine(how, x, y, out, **options)
        product = np.zeros_like(x)
        kernels.multiply(x, y, product, columns=x.shape[1], result_shift=2 * options["left_shift"])
        return out.tolist(), product.tolist()

    one, other = both(call)
    assert one == other


@given(st.data(), st.sampled_from([4, 8]), st.integers(0, 15), tables, tables)
def test_lstm_row(data, bits, fraction_bits, sigmoid, tanh):
    units = 2 * data.draw(st.integers(1, 10))
    sums = data.draw(arrays(np.int32, 4 * units, elements=int32s))
    inputs = data.draw(arrays(np.int16, 4 * units, elements=int16s))
    words = data.draw(arrays(np.uint32, 4 * units, elements=multipliers))
    cell = data.draw(arrays(np.int16, units, elements=int16s))
    most = 2 ** (bits - 1) - 1
    options = {
        "bits": bits,
        "fraction_bits": fraction_bits,
        "multiplier": data.draw(multipliers),
        "zero_point": data.draw(st.integers(-most - 1, most)),
        "lo": -most - 1,
        "hi": most,
    }

    def call(kernels):
        state = cell.copy()
        out = np.zeros(units // 2, np.uint8) if bits == 4 else np.zeros(units, np.int8)
        clips = kernels.lstm_row(sums, inputs, words, state, out, sigmoid, tanh, **options)
        return clips, state.tolist(), out.tolist()

    one, other = both(call)
    assert one == other


@given(st.data(), st.sampled_from([4, 8]), st.integers(0, 99), st.booleans())
def test_lstm_row_wide(data, bits, seed, is_tanh):
    units = 2 * data.draw(st.integers(1, 10))
    near = edges(-(2**26), 2**26) | int32s
    sums = data.draw(arrays(np.int32, 4 * units, elements=int32s))
    inputs = data.draw(arrays(np.int32, 4 * units, elements=near))
    words = data.draw(arrays(np.uint32, 4 * units, elements=multipliers))
    cell = data.draw(arrays(np.int32, units, elements=near))
    tanh = np.rint(2**23 * np.tanh(np.arange(-512, 513) / 32)).astype(np.int32)
    if not is_tanh:
        tanh = np.random.default_rng(seed).integers(-(2**31), 2**31, 1025).astype(np.int32)
    most = 2 ** (bits - 1) - 1
    options = {
        "bits": bits,
        "multiplier": data.draw(multipliers),
        "zero_point": data.draw(st.integers(-most - 1, most)),
        "lo": -most - 1,
        "hi": most,
    }

    def call(kernels):
        state = cell.copy()
        out = np.zeros(units // 2, np.uint8) if bits == 4 else np.zeros(units, np.int8)
        clips = kernels.lstm_row_wide(sums, inputs, words, state, out, tanh, **options)
        return clips, state.tolist(), out.tolist()

    one, other = both(call)
    assert one == other


def test_a_table_of_order_2_is_tanh():
    """Within 12 units of 2^−23, of which the third order is 11, at every u of 18 fraction bits."""
    table = np.rint(2**23 * np.tanh(np.arange(-512, 513) / 32)).astype(np.int32)
    u = np.arange(-(2**25) - 8, 2**25 + 9, 8)
    found = plain_lstm.curved(table, u)
    np.testing.assert_allclose(found, 2**23 * np.tanh(u / 2**21), rtol=0, atol=12)
    assert np.diff(found).min() >= -1
    assert found[[0, len(u) // 2, -1]].tolist() == [-(2**23), 0, 2**23]


@pytest.mark.parametrize("kernels", [compiled, plain], ids=["compiled", "plain"])
def test_rounding_is_half_to_even_and_saturates_once(kernels):
    x = np.array([[-3, -1, 1, 3, 5, 32767]], np.int16)
    words = np.array([2**23 | 24 << 24], np.uint32)  # 1 / 2
    out = np.zeros_like(x)
    grid = {"zero_point": 30000, "lo": -32768, "hi": 32767}
    kernels.requantize(x, words, out, columns=6, bits=16, **grid)
    assert out.tolist() == [[29998, 30000, 30000, 30002, 30002, 32767]]
