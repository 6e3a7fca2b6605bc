"""Wide cells: by hand, against integers of Python, near an LSTM in float64, and as one network."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_networks import BATCH, STEPS, UNITS, bias, feed, grid, lstm_network, network, node, some

from q4compile.errors import ModelError
from q4compile.quantize.oracle.evaluate_wide_lstm import tanh
from q4compile.quantize.oracle.interpret import interpret
from q4compile.quantize.oracle.representations import decide, decide_all
from q4compile.quantize.oracle.tables import wide_tanh_table
from q4compile.quantize.oracle.tensor import Fixed, Tensor, Wide, encoded
from q4compile.quantize.oracle.thresholds import compare_thresholds

TOP = 2**23
"""1 as a tanh."""
ZEROS = [[[0]] * 4]


def wide(made, feeds):
    return interpret(made, feeds, decide(made, wide_cells=True))


def test_entries_lie_half_a_unit_from_tanh():
    exact = TOP * np.tanh(np.arange(-512, 513) / 32)
    assert np.abs(wide_tanh_table() - exact).max() <= 0.5 + 1e-6
    assert wide_tanh_table()[[0, 512, 1024]].tolist() == [-TOP, 0, TOP]
    assert (wide_tanh_table() == -wide_tanh_table()[::-1]).all()


def test_tanh_is_near_and_odd_everywhere():
    """The third order is left out: at most (1/64)³ / 3, 10.7 units; roundings are half a unit."""
    u = np.arange(-(2**25) - 9, 2**25 + 10, 9)
    found = tanh(u)
    assert np.abs(found - TOP * np.tanh(u / 2**21)).max() < 11.5
    assert np.abs(found + tanh(-u))[(u + 2**15) % 2**16 != 0].max() <= 1
    assert (np.diff(found) >= -18).all()
    assert found.min() == -TOP
    assert found.max() == TOP
    assert tanh(np.array([-(2**32), 2**32])).tolist() == [-TOP, TOP]


def test_a_step_by_hand():
    """z = 1, 1, 0, 1: i = o = 2^24 · σ(1), where 1/2 is an entry of the table; f = 2^23."""
    made = lstm_network(ZEROS, ZEROS, bias(1, 1, 0, 1))
    got = wide(made, {"x": np.zeros((2, 1, 1))})
    i, g = TOP + round(TOP * math.tanh(0.5)), round(TOP * math.tanh(1))
    first = round(i * g / 2**27)
    assert got["yc"].codes.item() == round((2**26 * first + i * g) / 2**27)
    assert got["yc"].representation == Wide(20)
    exact = math.tanh(1) / (1 + math.exp(-1))
    assert got["yc"].real.item() == pytest.approx(1.5 * exact, abs=3e-6)
    assert got["y"].codes.ravel().tolist() == [3, 4]


def test_both_sums_saturate_at_32_bits():
    """h of 42 · 200 by r of −4 / 16 is −2100. gx of 2200 is 2048 first, so z is −52, not 100.

    gx of −2000 and −2100 more stay at −2048.
    """
    r = [[[0], [0], [0], [-4]]]
    for b, end in ((2200, -1), (-2000, -1), (2050, -1), (2150, -1), (2200 + 2**16, -1)):
        hidden = grid(200, format="int8")
        made = lstm_network(ZEROS, r, bias(g=b), hidden=hidden, extra=("", "h0"))
        got = wide(made, {"x": np.zeros((1, 1, 1)), "h0": np.full((1, 1, 1), 42 * 200)})
        assert got["h0"].codes.item() == 42
        assert got["yc"].codes.item() == end * 2**19


def test_a_cell_state_saturates_at_2048():
    for sign, end in ((1, 2**31 - 1), (-1, -(2**31))):
        made = lstm_network(ZEROS, ZEROS, bias(100, 100, 100, 100 * sign), extra=("", "", "c0"))
        feeds = {"x": np.zeros((3, 1, 1)), "c0": np.full((1, 1, 1), sign * 2047.0)}
        got = wide(made, feeds)
        assert got["c0"].codes.item() == sign * 2047 * 2**20
        assert got["yc"].codes.item() == end


def sat(x):
    return max(-(2**31), min(2**31 - 1, x))


def rne(p, s):
    """The definition, word for word."""
    floor, rest = divmod(p, 2**s)
    return floor + (2 * rest > 2**s or (2 * rest == 2**s and floor % 2 == 1))


def scaled(product, k, x):
    acc = int(product.bias[k]) + sum(a * int(b) for a, b in zip(x, product.codes[k], strict=True))
    made = product.multipliers
    return rne(acc * int(made.mul[k]), int(made.shift[k]))


def read(u):
    u = max(-(2**25), min(2**25, u))
    j = u + 2**25 + 2**15 >> 16
    d, t = u - (j - 512 << 16), int(wide_tanh_table()[j])
    found = t + rne(rne((2**46 - t * t) * d, 34) * (2**23 - rne(t * d, 21)), 33)
    return max(-TOP, min(TOP, found))


def cell(decided, z, c):
    mul, shift = decided.to_hidden.mul.item(), decided.to_hidden.shift.item()
    h, new = [], []
    for n in range(UNITS):
        i, o, f = (TOP + read(z[g * UNITS + n]) for g in range(3))
        new.append(sat(rne(8 * f * c[n] + i * read(2 * z[3 * UNITS + n]), 27)))
        product = rne(o * read(2 * new[n]), 17)
        found = rne(product * mul, shift) + decided.hidden.zero_point
        h.append(max(decided.hidden.lo, min(decided.hidden.hi, found)))
    return h, new


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(-3, 3))
def test_it_is_what_integers_of_python_give(seed, zero_point):
    """The same equations once more, one number at a time, without numpy."""
    made = some(seed, zero_point=zero_point)
    decided = decide(made, wide_cells=True).lstm["y"]
    got = wide(made, {"x": feed(seed)})
    direction = decided.directions[0]
    for n in range(BATCH):
        h, c = [zero_point] * UNITS, [0] * UNITS
        for t in range(STEPS):
            x = got["x"].codes[t, n].tolist()
            rows = range(4 * UNITS)
            gx = [sat(scaled(direction.inputs, k, x) + int(direction.offsets[k])) for k in rows]
            z = [sat(gx[k] + scaled(direction.recurrent, k, h)) for k in rows]
            h, c = cell(decided, z, c)
            assert got["y"].codes[t, 0, n].tolist() == h
        assert got["yc"].codes[0, n].tolist() == c


def exact_step(made, x, h, c):
    """h before it is rounded, and c, in float64."""
    w, r, b = (np.asarray(made.constants[name][0], np.float64) for name in "WRB")
    z = x @ w.T + h @ r.T + b[: len(w)] + b[len(w) :]
    i, o, f, g = np.split(z, 4, axis=-1)
    i, o, f = (1 / (1 + np.exp(-each)) for each in (i, o, f))
    c = f * c + i * np.tanh(g)
    return o * np.tanh(c), c


@pytest.mark.parametrize("seed", range(8))
def test_it_is_near_an_lstm_in_float64(seed):
    """After one step from the same state: sums and c are rounded, and tanh is near."""
    made = some(seed, zero_point=1)
    got = wide(made, {"x": feed(seed, 1)})
    zeros = np.zeros((BATCH, UNITS))
    h, c = exact_step(made, got["x"].real[0], zeros, zeros)
    assert np.abs(got["yc"].real[0] - c).max() < 4e-6
    assert (got["y"].codes[0, 0] == np.rint(h / np.float32(0.11)) + 1).all()


def test_wide_cells_are_nearer_than_narrow_ones():
    errors = {True: [], False: []}
    for seed in range(8):
        made = some(seed)
        for is_wide, found in errors.items():
            got = interpret(made, {"x": feed(seed, 1)}, decide(made, wide_cells=is_wide))
            zeros = np.zeros((BATCH, UNITS))
            _, c = exact_step(made, got["x"].real[0], zeros, zeros)
            found.append(np.abs(got["yc"].real[0] - c).max())
    assert max(errors[True]) < max(errors[False]) / 2048


def test_only_lstms_are_wide():
    made = some(1)
    assert decide(made).values["yc"].representation == Fixed(11)
    assert decide(made, wide_cells=True).values["yc"].representation == Wide(20)
    w = made.constants["W"][:, :UNITS], made.constants["R"][:, :UNITS]
    rnn = replace(
        node("RNN", ["x@x", "W", "R"], ["y"], attributes={"hidden_size": UNITS}), hidden="h"
    )
    grids = {name: replace(made.weights[name], scales=np.full(2, 1 / 16)) for name in "WR"}
    other = replace(
        network([rnn], ["x"], ["y"], dict(zip("WR", w, strict=True)), made.grids), weights=grids
    )
    codes = [interpret(other, {"x": feed(1)}, decide(other, wide_cells=w)) for w in (True, False)]
    assert (codes[0]["y"].codes == codes[1]["y"].codes).all()


def test_c_goes_from_component_to_component():
    first, second = some(1), some(2, extra=("", "", "c0"))
    second = replace(second, inputs=(second.inputs[0], replace(second.inputs[1], name="yc")))
    lstm = second.nodes[0]
    inputs = (*lstm.inputs[:6], replace(lstm.inputs[6], value="yc"))
    second = replace(second, nodes=(replace(lstm, inputs=inputs),))
    decided = decide_all([first, second], wide_cells=True)
    assert decided[1].values["yc"].representation == Wide(20)


def test_nobody_else_reads_c():
    made = some(1)
    more = replace(made, nodes=(*made.nodes, node("Tanh", ["yc"], ["t"])))
    decide(more)
    with pytest.raises(ModelError) as raised:
        decide(more, wide_cells=True)
    assert [each.code for each in raised.value.findings] == ["Q142"]
    assert "wide(20)" in raised.value.findings[0].render()


def test_a_host_gives_and_takes_real_numbers():
    kind = Wide(20)
    assert str(kind) == "wide(20)"
    x = np.array([0.5, -3.25, 5000, -5000, 2.0**-20])
    codes = encoded(x, kind)
    assert codes.tolist() == [2**19, -13 * 2**18, 2**31 - 1, -(2**31), 1]
    assert Tensor(kind, codes).real.tolist()[:2] == [0.5, -3.25]


def test_thresholds_of_h_are_those_of_products_of_30_bits():
    (found,) = compare_thresholds(decide(some(1), wide_cells=True)).values()
    assert found.thresholds == 15
    assert all(each.accumulators < 2**30 / 2**24 for each in found.differences)
