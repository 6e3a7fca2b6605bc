"""The LSTM: by hand, against integers of Python, and as one network in every form."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_networks import BATCH, STEPS, UNITS, bias, feed, grid, lstm_network, some

from q4compile.quantize.oracle.interpret import interpret
from q4compile.quantize.oracle.representations import decide
from q4compile.quantize.oracle.tables import sigmoid_table, tanh_table

ZERO_W, ZERO_R = [[[0]] * 4], [[[0]] * 4]


def test_two_steps_by_hand():
    """z = 1, 1, 0, 1: i = o = 23955, f = 16384, g = 24956 in Q0.15, fc = 11.

    c₁ = RNE(23955 · 24956 / 2^19) = RNE(1140.25)
    c₂ = RNE((16384 · 1140 · 2^4 + 23955 · 24956) / 2^19) = RNE(1710.25)
    tanh: 1140 = 17 · 64 + 52 and 1710 = 26 · 64 + 46, between tanh of 17, 18, 26, 27 over 32
    h = o · t / 2^30 / 0.125: 0.369 / 0.125 = 2.96 and 0.500 / 0.125 = 4.00
    """
    made = lstm_network(ZERO_W, ZERO_R, bias(1, 1, 0, 1))
    got = interpret(made, {"x": np.zeros((2, 1, 1))})
    assert got["yc"].codes.tolist() == [[[1710]]]
    t1 = 15936 + ((16706 - 15936) * 52 + 32 >> 6)
    t2 = 21986 + ((22538 - 21986) * 46 + 32 >> 6)
    assert [round(23955 * t / 2**30 / 0.125) for t in (t1, t2)] == [3, 4]
    assert got["y"].codes.ravel().tolist() == [3, 4]
    assert got["yh"].codes.tolist() == [[[4]]]


def test_a_cell_state_of_twelve_bits_is_rounded_for_the_table():
    """fc = 12: c₁ = RNE(23955 · 24956 / 2^18) = RNE(2280.51), and the table reads RNE(2281 / 2)."""
    made = lstm_network(ZERO_W, ZERO_R, bias(1, 1, 0, 1), cell_range=(-3.0, 3.0))
    got = interpret(made, {"x": np.zeros((1, 1, 1))})
    assert got["yc"].codes.tolist() == [[[2281]]]
    assert got["y"].codes.ravel().tolist() == [3]


def test_the_input_and_the_state_arrive():
    """x = 1 is code 4, acc = 4 · 4 = 16, s = 1/64: z_g = 0.25 for the candidate alone."""
    made = lstm_network([[[0], [0], [0], [4]]], ZERO_R)
    got = interpret(made, {"x": np.ones((1, 1, 1))})
    g = int(tanh_table()[520])  # tanh(8 / 32)
    c = round(16384 * g / 2**19)
    assert got["yc"].codes.tolist() == [[[c]]]


def test_saturation_keeps_signs():
    """Pre-activations beyond ±16 are ±16, and c stays inside its 16 bits however long it grows."""
    made = lstm_network(ZERO_W, ZERO_R, bias(100, 100, 100, 100))
    got = interpret(made, {"x": np.zeros((40, 1, 1))})
    assert got["yc"].codes.tolist() == [[[32767]]]  # 16 in Q4.11
    made = lstm_network(ZERO_W, ZERO_R, bias(100, 100, 100, -100))
    got = interpret(made, {"x": np.zeros((40, 1, 1))})
    assert got["yc"].codes.tolist() == [[[-32768]]]
    assert got["y"].codes.min() == -8


def test_both_sums_saturate():
    """h = 56 or −56 by r = −7/16 is ∓24.5. gx of 30 is 16 first: z = −8.5, so c = −0.5, not 0.5.

    gx of −15 and −24.5 more stay at −16, which the tables still have.
    """
    r = [[[0], [0], [0], [-7]]]
    for b, h0 in ((30, 56), (-15, 56), (15, -56)):
        made = lstm_network(ZERO_W, r, bias(g=b), hidden=grid(8), extra=("", "h0"))
        got = interpret(made, {"x": np.zeros((1, 1, 1)), "h0": np.full((1, 1, 1), h0)})
        assert got["h0"].codes.item() == h0 // 8
        assert got["yc"].codes.item() == (1024 if b == 15 else -1024)


codes = st.integers(-7, 7)


@settings(max_examples=30)
@given(
    st.integers(0, 10**6), st.sampled_from([None, (-3.0, 3.0), (-90.0, 4.0)]), st.integers(-3, 3)
)
def test_it_is_what_integers_of_python_give(seed, seen, zero_point):
    """The same equations once more, one number at a time, without numpy."""
    made = some(seed, zero_point=zero_point, cell_range=seen)
    decided = decide(made).lstm["y"]
    got = interpret(made, {"x": feed(seed)})
    direction = decided.directions[0]
    for n in range(BATCH):
        h, c = [zero_point] * UNITS, [0] * UNITS
        for t in range(STEPS):
            x = got["x"].codes[t, n].tolist()
            z = [
                sat(
                    sat(scaled(direction.inputs, k, x)) + scaled(direction.recurrent, k, h),
                )
                for k in range(4 * UNITS)
            ]
            h, c = cell(decided, z, c)
            assert got["y"].codes[t, 0, n].tolist() == h
        assert got["yc"].codes[0, n].tolist() == c


def sat(x):
    return max(-32768, min(32767, x))


def rne(p, s):
    """The definition, word for word."""
    floor, rest = divmod(p, 2**s)
    return floor + (2 * rest > 2**s or (2 * rest == 2**s and floor % 2 == 1))


def scaled(product, k, x):
    acc = int(product.bias[k]) + sum(a * int(b) for a, b in zip(x, product.codes[k], strict=True))
    made = product.multipliers
    return rne(acc * int(made.mul[k]), int(made.shift[k]))


def read(table, x):
    u = x + 32768
    t, after = int(table[u >> 6]), int(table[(u >> 6) + 1])
    return t + ((after - t) * (u & 63) + 32 >> 6)


def cell(decided, z, c):
    i, o, f = ([read(sigmoid_table(), v) for v in z[g * UNITS : (g + 1) * UNITS]] for g in range(3))
    g = [read(tanh_table(), v) for v in z[3 * UNITS :]]
    fc, mul, shift = decided.cell.f, decided.to_hidden.mul.item(), decided.to_hidden.shift.item()
    h, new = [], []
    for n in range(UNITS):
        new.append(sat(rne((f[n] * c[n] << (15 - fc)) + i[n] * g[n], 30 - fc)))
        u = sat(new[n] << (11 - fc)) if fc <= 11 else rne(new[n], fc - 11)
        scaled_h = rne(o[n] * read(tanh_table(), u) * mul, shift) + decided.hidden.zero_point
        h.append(max(decided.hidden.lo, min(decided.hidden.hi, scaled_h)))
    return h, new


@pytest.mark.parametrize("wide_cells", [False, True])
def test_one_step_at_a_time_is_the_sequence(wide_cells):
    whole = some(3, extra=("", "h0", "c0"), zero_point=2, cell_range=(-5.0, 5.0))
    decisions, x = decide(whole, wide_cells=wide_cells), feed(3)
    h, c = np.zeros((1, BATCH, UNITS)), np.zeros((1, BATCH, UNITS))
    expected = interpret(whole, {"x": x, "h0": h, "c0": c}, decisions)
    made = []
    for t in range(STEPS):
        got = interpret(whole, {"x": x[t : t + 1], "h0": h, "c0": c}, decisions)
        h, c = got["yh"].real, got["yc"].real
        made.append(got["y"].codes[0])
    assert (np.stack(made) == expected["y"].codes).all()
    assert (got["yc"].codes == expected["yc"].codes).all()
    assert (got["yh"].codes == expected["yh"].codes).all()
    assert len(np.unique(expected["y"].codes)) > 4


def test_states_that_are_not_zero_matter():
    whole = some(3, extra=("", "h0", "c0"))
    zero = np.zeros((1, BATCH, UNITS))
    at_rest = interpret(whole, {"x": feed(3), "h0": zero, "c0": zero})["y"].codes
    for name in ("h0", "c0"):
        feeds = {"x": feed(3), "h0": zero, "c0": zero, name: zero + 0.7}
        assert (interpret(whole, feeds)["y"].codes != at_rest).any()


def test_a_reverse_direction_is_the_forward_one_of_the_reversed_sequence():
    forward, reverse = some(5), some(5, direction="reverse")
    y = interpret(forward, {"x": feed(5)[::-1]})["y"].codes
    assert (interpret(reverse, {"x": feed(5)})["y"].codes == y[::-1]).all()


def test_both_directions_are_two_lstms():
    both = some(6, directions=2, direction="bidirectional")
    got = interpret(both, {"x": feed(6)})
    assert got["y"].codes.shape == (STEPS, 2, BATCH, UNITS)
    w, r, b = (both.constants[name] for name in "WRB")
    for d, direction in enumerate(("forward", "reverse")):
        alone = lstm_network(
            np.rint(w[d : d + 1] * 16).astype(int),
            np.rint(r[d : d + 1] * 16).astype(int),
            b[d : d + 1],
            direction,
            hidden=both.grids["h"],
            x=both.grids["x"],
        )
        one = interpret(alone, {"x": feed(6)})
        assert (got["y"].codes[:, d] == one["y"].codes[:, 0]).all()
        assert (got["yc"].codes[d] == one["yc"].codes[0]).all()


@pytest.mark.parametrize("wide_cells", [False, True])
@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_what_lies_behind_a_length_is_as_if_it_were_not_there(direction, wide_cells):
    made = some(7, direction=direction, extra=("lengths",), zero_point=3)
    lengths = np.array([4, 2, 0])
    decisions = decide(made, wide_cells=wide_cells)
    got = interpret(made, {"x": feed(7), "lengths": lengths}, decisions)
    one = some(7, direction=direction, zero_point=3)
    for n, length in enumerate(lengths):
        cut = feed(7)[:length, n : n + 1]
        alone = interpret(one, {"x": cut}, decide(one, wide_cells=wide_cells))
        assert (got["y"].codes[:length, :, n] == alone["y"].codes[:, :, 0]).all()
        assert (got["y"].codes[length:, :, n] == 3).all()  # the code of 0
        assert (got["yh"].codes[:, n] == alone["yh"].codes[:, 0]).all()
        assert (got["yc"].codes[:, n] == alone["yc"].codes[:, 0]).all()
    assert (got["yh"].codes[:, 2] == 3).all()
