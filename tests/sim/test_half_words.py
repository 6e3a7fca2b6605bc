"""Words of f16 against their equations in float64, rounded once; operands may overlap."""

import numpy as np
import pytest
from equations import UNIT, pitch
from hypothesis import given, settings
from hypothesis import strategies as st
from on_machine import after, stopped

from q4compile.isa.element_type import ElementType
from q4compile.isa.engine import Precision
from q4compile.isa.instructions import Add, Cvt, Lstm, Max, Min, Mm, Mul, SetA, Sub
from q4compile.isa.instructions.floating import Function
from q4compile.isa.lstm_block import FLOATLESS, LstmBlock
from q4compile.isa.operand import Address, Scalar
from q4compile.numerics.half_products import half_products

SIZE = 8192
F16, F32 = np.dtype(np.float16), np.dtype(np.float32)
places = st.integers(0, 255)
counts, widths = st.integers(0, 5), st.integers(1, 9)


def memory(seed):
    """Finite halves, which are finite singles too."""
    numbers = np.random.default_rng(seed).normal(0, 2, SIZE // 2).astype(np.float16)
    return numbers.view(np.uint8).copy()


def get(sram, start, rows, columns, dtype, row_pitch=None):
    """A copy of a matrix."""
    step = pitch(columns, 8 * dtype.itemsize) if row_pitch is None else row_pitch
    return np.ndarray((rows, columns), dtype, sram, start, (step, dtype.itemsize)).copy()


def put(sram, start, values, row_pitch=None):
    """Write rows in order."""
    step = pitch(values.shape[1], 8 * values.itemsize) if row_pitch is None else row_pitch
    for row, each in enumerate(values):
        at = start + row * step
        sram[at : at + each.nbytes] = each.view(np.uint8)


def sigmoid(x):
    with np.errstate(over="ignore"):  # e^900 is infinite, and 1 / infinity is 0
        return 1 / (1 + np.exp(-x))


@settings(max_examples=100)
@given(st.data(), counts, widths)
def test_mm(data, count, columns):
    depth = data.draw(st.integers(0, 40))
    to, x_at, w_at, bias_at = (data.draw(places) for _ in range(4))
    start = data.draw(st.sampled_from(["none", "bias", "accumulate"]))
    sram = memory(data.draw(st.integers(0, 3)))
    word = Mm(
        *(Address(to), Address(x_at), Address(w_at), Address(bias_at) if start == "bias" else None),
        *(Scalar(0), columns, depth, Precision.FP16),
        accumulate=start == "accumulate",
    )
    x = get(sram, x_at * UNIT, count, depth, F16)
    w = get(sram, w_at * UNIT, columns, depth, F16)
    initial = None
    if start != "none":
        at, rows = (bias_at, 1) if start == "bias" else (to, count)
        initial = get(sram, at * UNIT, rows, columns, F32)
    expected = sram.copy()
    put(expected, to * UNIT, half_products(x, w, initial))
    assert after([word], sram, scalars=[count]).tolist() == expected.tolist()


def test_a_sum_is_near_to_the_exact_one():
    rng = np.random.default_rng(0)
    x, w = (rng.normal(size=(3, 1001)).astype(np.float16) for _ in range(2))
    exact = x.astype(np.float64) @ w.T.astype(np.float64)
    found = half_products(x, w, np.ones(3, np.float32))
    assert np.abs(found - exact - 1).max() < 1e-4
    assert found.dtype == np.float32 and half_products(x[:0], w).shape == (0, 3)


FUNCTIONS = {Function.IDENTITY: np.asarray, Function.SIGMOID: sigmoid, Function.TANH: np.tanh}


@settings(max_examples=100)
@given(st.data(), counts, widths, st.sampled_from(Function), st.booleans())
def test_cvt(data, count, columns, function, wide):
    to, source = data.draw(places), data.draw(places)
    sram = memory(data.draw(st.integers(0, 3)))
    word = Cvt(Address(to), Address(source), Scalar(0), columns, function, wide)
    x = get(sram, source * UNIT, count, columns, F32 if wide else F16).astype(np.float64)
    expected = sram.copy()
    put(expected, to * UNIT, FUNCTIONS[function](x).astype(F16))
    assert after([word], sram, scalars=[count]).tolist() == expected.tolist()


OF_TWO = {Add: np.add, Sub: np.subtract, Mul: np.multiply, Max: np.maximum, Min: np.minimum}


@settings(max_examples=100)
@given(st.data(), counts, widths, st.sampled_from(list(OF_TWO)), st.booleans())
def test_of_two(data, count, columns, kind, broadcast):
    to, left, right = (data.draw(places) for _ in range(3))
    sram = memory(data.draw(st.integers(0, 3)))
    places_ = Address(to), Address(left), Address(right)
    word = kind(*places_, Scalar(0), columns, broadcast=broadcast, f16=True)
    x = get(sram, left * UNIT, count, columns, F16).astype(np.float64)
    y = get(sram, right * UNIT, 1 if broadcast else count, columns, F16).astype(np.float64)
    expected = sram.copy()
    put(expected, to * UNIT, OF_TWO[kind](x, y).astype(F16))
    assert after([word], sram, scalars=[count]).tolist() == expected.tolist()


def test_shifts_have_no_place_beside_halves():
    for kind in (Add, Mul):
        with pytest.raises(ValueError, match="0 where operands are f16"):
            kind(Address(0), Address(1), Address(2), 1, 1, result_shift=1, f16=True)


def block(**given):
    values = dict.fromkeys(FLOATLESS, 0) | {
        "lengths": 0,
        "cell": 300,
        "cell_pitch_bytes": 48,
        "h_pitch_bytes": 32,
        "gx_pitch_bytes": 96,
        "step_factor": 0,
        "multipliers": (),
    }
    return LstmBlock(**values | given)


def step(sram, word, parameters, rows, time):
    """SRAM after a step: c of all rows, then h."""
    units, lengths = word.units, np.full(rows, 2**31 - 1)
    if word.lengths:
        lengths = get(sram, parameters.lengths * UNIT, 1, rows, np.dtype(np.int32))[0]
    sums = get(sram, word.sums.offset * UNIT, rows, 4 * units, F32)
    at = word.inputs.offset * UNIT
    inputs = get(sram, at, rows, 4 * units, F16, parameters.gx_pitch_bytes)
    place = parameters.cell * UNIT, parameters.cell_pitch_bytes
    cells = get(sram, place[0], rows, units, F32, place[1])
    z = (inputs.astype(F32) + sums).astype(np.float64)
    gates = [sigmoid(z[:, k::4]).astype(F16).astype(F32) for k in range(3)]
    new = gates[2] * cells + gates[0] * np.tanh(z[:, 3::4]).astype(F16).astype(F32)
    h = gates[1].astype(np.float64) * np.tanh(new.astype(np.float64)).astype(F16)
    live = time * parameters.step_factor < lengths
    expected = sram.copy()
    put(expected, place[0], np.where(live[:, None], new, cells), place[1])
    put(expected, word.to.offset * UNIT, np.where(live[:, None], h, 0).astype(F16), 32)
    return expected


@settings(max_examples=100)
@given(st.data(), st.integers(0, 4), st.integers(1, 9), st.booleans())
def test_lstm(data, rows, units, lengths):
    """Also where what is written overlaps what is read."""
    to, sums, inputs = (data.draw(st.integers(0, 250)) for _ in range(3))
    sram = memory(data.draw(st.integers(0, 3)))
    parameters = block(lengths=400 * lengths, step_factor=lengths)
    sram[480 * UNIT : 480 * UNIT + 64] = np.frombuffer(parameters.pack(), np.uint8)
    sram[400 * UNIT : 401 * UNIT].view(np.int32)[:] = [0, 3, 1, 9]
    word = Lstm(
        *(Address(to), Address(sums), Address(inputs), Address(480), Scalar(0), units),
        *(1 if lengths else 0, ElementType.F16, lengths),
    )
    expected = step(sram, word, parameters, rows, 2)
    found = after([SetA(1, 2), word], sram, scalars=[rows])
    assert found.tolist() == expected.tolist()


def test_a_block_of_integers_is_refused():
    sram = memory(0)
    integer = block(fc=11, sigmoid=1, multipliers=(0,) * 4).pack()[:64]
    sram[480 * UNIT : 481 * UNIT + 48] = np.frombuffer(integer, np.uint8)
    at = (Address(0), Address(64), Address(128), Address(480))
    word = Lstm(*at, 1, 1, 0, ElementType.F16)
    finding = stopped([word], sram)
    assert finding.code == "Q368" and "0 where there are no multipliers" in finding.got
