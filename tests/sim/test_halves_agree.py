"""Compiled and plain kernels of f16: the same bits, also of what is not finite."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from q4compile.isa.instructions.floating import Function
from q4compile.sim.kernels import compiled_halves, plain_halves
from q4compile.sim.kernels.halves import HalfKernels, Operation

EDGES = [0, 1, 0x3FF, 0x400, 0x3C00, 0x7BFF, 0x7C00, 0x7E01]
EVERY = np.arange(2**16, dtype=np.uint16).view(np.float16)
FINITE = sorted({float(each) for each in EVERY[np.isfinite(EVERY)]})
bits16 = st.sampled_from(EDGES + [0x8000 | each for each in EDGES]) | st.integers(0, 0xFFFF)
tame16 = st.integers(0, 0x4FFF) | st.integers(0x8000, 0xCFFF)
bits32 = st.floats(width=32).map(lambda x: int(np.float32(x).view(np.uint32)))
shapes = st.tuples(st.integers(1, 6), st.integers(1, 19))


def halves(shape, elements=bits16):
    return arrays(np.uint16, shape, elements=elements).map(lambda each: each.view(np.float16))


def singles(shape, elements=None):
    if elements is not None:
        return arrays(np.float32, shape, elements=elements)
    return arrays(np.uint32, shape, elements=bits32).map(lambda each: each.view(np.float32))


def both(call):
    """The bits that both implementations write, those that mean NaN as one."""
    return [call(kernels) for kernels in (compiled_halves, plain_halves)]


def bits(array):
    return array.view(np.uint16 if array.dtype == np.float16 else np.uint32).tolist()


def test_both_are_kernels():
    implementations: list[HalfKernels] = [compiled_halves, plain_halves]
    assert len(implementations) == 2


@settings(max_examples=150)
@given(st.data(), shapes, st.integers(0, 70), st.sampled_from([tame16, bits16]))
def test_accumulate(data, shape, depth, elements):
    rows, columns = shape
    width = max(-(-depth // 8) * 8, 8)
    x, w = (data.draw(halves((count, width), elements)) for count in shape)
    start = data.draw(st.sampled_from([None, 1, rows]))
    pitch = columns + data.draw(st.integers(0, 3))
    initial = data.draw(singles((start or 1, pitch)))
    own = data.draw(st.booleans()) and start == rows

    def call(kernels):
        out = initial.copy() if own else np.zeros((rows, pitch), np.float32)
        kernels.accumulate(
            x, w, None if start is None else out if own else initial, out, depth=depth
        )
        return bits(out[:, :columns].copy())

    one, other = both(call)
    assert one == other


@settings(max_examples=200)
@given(st.data(), shapes, st.sampled_from(Function), st.booleans())
def test_convert(data, shape, function, wide):
    x = data.draw(singles(shape) if wide else halves(shape))

    def call(kernels):
        out = np.zeros(shape, np.float16)
        kernels.convert(function, x, out, columns=shape[1])
        return bits(out)

    one, other = both(call)
    assert one == other


@settings(max_examples=200)
@given(st.data(), shapes, st.sampled_from(Operation))
def test_combine(data, shape, how):
    x = data.draw(halves(shape))
    y = data.draw(halves((data.draw(st.sampled_from([1, shape[0]])), shape[1])))

    def call(kernels):
        out = np.zeros(shape, np.float16)
        kernels.combine(how, x, y, out, columns=shape[1])
        return bits(out)

    one, other = both(call)
    assert one == other


@settings(max_examples=200)
@given(st.data(), st.integers(1, 9), st.booleans())
def test_lstm_row(data, units, any_bits):
    elements = None if any_bits else st.floats(-300, 300, width=32)
    sums, cell = data.draw(singles(4 * units, elements)), data.draw(singles(units, elements))
    inputs = data.draw(halves(4 * units, bits16 if any_bits else tame16))

    def call(kernels):
        state, out = cell.copy(), np.zeros(units, np.float16)
        kernels.lstm_row(sums, inputs, state, out)
        return bits(state), bits(out)

    one, other = both(call)
    assert one == other


@pytest.mark.parametrize("kernels", [compiled_halves, plain_halves], ids=["compiled", "plain"])
def test_every_half_comes_back(kernels):
    every = EVERY[None]
    finite = np.isfinite(every)
    out = np.zeros_like(every)
    kernels.convert(Function.IDENTITY, every, out, columns=2**16)
    assert bits(out[finite]) == bits(every[finite])
    assert np.isnan(out[np.isnan(every)]).all()
    assert np.abs(out[np.isinf(every)]).tolist() == [65504, 65504]


@pytest.mark.parametrize("kernels", [compiled_halves, plain_halves], ids=["compiled", "plain"])
@given(st.floats(-70000, 70000, width=32))
def test_nearest_half_by_distances(kernels, x):
    """The half that is written is no further away than its neighbours; a tie goes to the even."""
    out = np.zeros((1, 1), np.float16)
    kernels.convert(Function.IDENTITY, np.full((1, 1), x, np.float32), out, columns=1)
    found, at = out[0, 0], FINITE.index(float(out[0, 0]))
    for other in FINITE[max(at - 1, 0) : at] + FINITE[at + 1 : at + 2]:
        mine, theirs = abs(float(found) - x), abs(other - x)
        assert mine < theirs or (mine == theirs and not found.view(np.uint16) & 1)


@pytest.mark.parametrize("kernels", [compiled_halves, plain_halves], ids=["compiled", "plain"])
def test_sigmoid_and_tanh_by_definition(kernels):
    x = np.linspace(-20, 20, 4001, dtype=np.float32)[None]
    reals = (lambda z: 1 / (1 + math.exp(-z)), math.tanh)
    for function, real in zip((Function.SIGMOID, Function.TANH), reals, strict=True):
        out = np.zeros(x.shape, np.float16)
        kernels.convert(function, x, out, columns=x.shape[1])
        assert out[0].tolist() == [float(np.float16(real(float(z)))) for z in x[0]]
