"""What each value is: formats, bounds and numbers worked out by hand."""

from fractions import Fraction

import numpy as np
import pytest
from small_networks import grid, lstm_network, network, node, rows

from q4compile.errors import ModelError
from q4compile.quantize.oracle.decisions import Known
from q4compile.quantize.oracle.representations import decide, decide_all
from q4compile.quantize.oracle.tensor import Fixed, Grid, Integers

G = Grid(Fraction(1, 4), 0, -8, 7)
X = {"x": grid(0.25)}
W = rows([[1, -7], [2, 0], [3, 5]], [0.5, 2.0], (1,))  # [K = 3, N = 2]


def product(outputs=("y",), nodes=(), **constants):
    return network(
        [node("MatMul", ["x@x", "W"], ["y"]), *nodes], ["x"], outputs, {"W": W, **constants}, X
    )


def test_a_linear_node():
    """Row 1: Σ|q| = 12, bound 12 · 2 · 8/4 = 48, 48 · 2^9 ≤ 32767 < 48 · 2^10."""
    found = decide(product())
    assert found.values == {"x": Known(G, Fraction(2)), "y": Known(Fixed(9), Fraction(48))}
    linear = found.linear["y"].product
    assert linear.codes.tolist() == [[1, 2, 3], [-7, 0, 5]]
    assert linear.bias.tolist() == [0, 0]
    assert linear.reach.tolist() == [48, 96]
    assert linear.multipliers.ratios == (Fraction(1, 8) * 2**9, Fraction(1, 2) * 2**9)
    assert linear.multipliers.mul.tolist() == [2**23, 2**23]
    assert linear.multipliers.shift.tolist() == [17, 15]


def test_zero_points_and_biases_go_into_the_accumulator():
    """B = RNE(b / (s_x · s_w)) − z · Σ q: RNE(1 / 0.125) − 3 · 6, RNE(−1.25 / 0.5) + 3 · 2."""
    made = product(["s"], [node("Add", ["b", "y"], ["s"])], b=np.array([1, -1.25], np.float32))
    made = network(
        made.nodes, ["x"], ["s"], {"W": W, "b": made.constants["b"]}, {"x": grid(0.25, 3)}
    )
    found = decide(made)
    assert found.linear["y"].product.bias.tolist() == [8 - 18, -2 + 6]
    assert found.fused == {"s": "y"}
    assert set(found.values) == {"x", "s"}  # the product alone has no representation
    assert found.values["s"].bound == 12 * 2 * Fraction(11, 4) + Fraction(5, 4)
    assert found.linear["y"].value == "s"


@pytest.mark.parametrize("op", ["Transpose", "Squeeze", "Identity", "Reshape"])
def test_a_result_that_all_read_on_one_grid_is_on_it(op):
    """Looked for through what only moves codes; Shape reads no numbers."""
    moved = node(op, ["y"], ["t"], attributes={})
    last = node("MatMul", ["t@g", "V"], ["z"])
    shape = node("Shape", ["y"], ["n"])
    made = product(["z", "n"], [moved, shape, last], V=rows([[1], [1]], [1.0], (1,)))
    made = network(
        made.nodes,
        ["x"],
        ["z"],
        {"W": W, "V": rows([[1], [1]], [1.0], (1,))},
        X | {"g": grid(2, 1)},
    )
    found = decide(made)
    on = Grid(Fraction(2), 1, -8, 7)
    assert found.values["y"] == found.values["t"] == Known(on, Fraction(18))
    assert found.reads == {}
    assert found.linear["y"].product.multipliers.ratios == (Fraction(1, 16), Fraction(1, 4))


def test_two_readers_make_it_fixed_and_each_brings_it_to_its_grid():
    nodes = [
        node("MatMul", ["x@x", "W"], ["y"]),
        node("MatMul", ["y@g", "V"], ["z"]),
        node("Tanh", ["y"], ["t"]),
    ]
    constants = {"W": W, "V": rows([[1], [1]], [1.0], (1,))}
    found = decide(network(nodes, ["x"], ["z", "t"], constants, X | {"g": grid(2, 1)}))
    assert found.values["y"].representation == Fixed(9)
    assert found.values["t"] == Known(Fixed(15), Fraction(32767, 32768))
    read = found.reads["z", 0]
    assert (read.value, read.source, read.grid) == ("y", Fixed(9), Grid(Fraction(2), 1, -8, 7))
    assert read.multiplier.ratios == (Fraction(1, 2**10),)


def test_formats_of_sums_products_and_what_tables_read():
    """y is fixed(9) below 48: a product below 2304 is fixed(3), a sum below 96 fixed(8)."""
    nodes = [
        node("Mul", ["y", "y"], ["p"]),
        node("Add", ["y", "y"], ["s"]),
        node("Sub", ["s", "y"], ["d"]),
        node("Max", ["y", "y"], ["m"]),
        node("Relu", ["m"], ["r"]),
        node("Mul", ["y", "y"], ["q"]),
        node("Unsqueeze", ["q", "axes"], ["u"]),
        node("Sigmoid", ["u"], ["t"]),
        node("Add", ["t", "t"], ["w"]),
    ]
    made = product(["p", "d", "r", "w"], nodes, axes=np.array([0]))
    found = {name: (str(k.representation), k.bound) for name, k in decide(made).values.items()}
    assert found["p"] == ("fixed(3)", 48**2)
    assert found["s"] == ("fixed(8)", 96)
    assert found["d"] == ("fixed(7)", 144)
    assert found["m"] == found["r"] == ("fixed(9)", 48)
    assert found["q"] == found["u"] == ("fixed(11)", Fraction(32767, 2048))
    assert found["w"] == ("fixed(12)", Fraction(2 * 32767, 32768))


@pytest.mark.parametrize(
    ("seen", "f"), [(None, 11), ((-3.0, 2.0), 12), ((-76.6, 76.0), 7), ((-1.0, 270.0), 5)]
)
def test_the_format_of_a_cell_state(seen, f):
    """2 · 76.6 · 2^7 = 19610 ≤ 32767 < 2 · 76.6 · 2^8; the public model's 270 keeps 5 bits."""
    found = decide(lstm_network([[[1]] * 4], [[[1]] * 4], cell_range=seen))
    assert found.lstm["y"].cell == Fixed(f)
    assert found.values["yc"] == Known(Fixed(f), Fraction(32767, 2**f))
    assert found.values["y"] == found.values["yh"]
    assert found.values["y"].representation == Grid(Fraction(1, 8), 0, -8, 7)


def test_numbers_of_an_lstm():
    """s_x · s_w = 1/64, s_h · s_r = 1/128: B = 64 · (1 + 0.5); −z_h · Σ q_r = −3 · 2 · q."""
    b = np.zeros((1, 8), np.float32)
    b[0, 0], b[0, 4] = 1, 0.5
    made = lstm_network([[[1]] * 4], [[[2]] * 4], b, hidden=grid(0.125, 3))
    direction = decide(made).lstm["y"].directions[0]
    assert direction.inputs.bias.tolist() == [96, 0, 0, 0]
    assert direction.recurrent.bias.tolist() == [-6] * 4
    assert set(direction.inputs.multipliers.ratios) == {Fraction(2**11, 64)}
    assert set(direction.recurrent.multipliers.ratios) == {Fraction(2**11, 128)}
    assert decide(made).lstm["y"].to_hidden.ratios == (Fraction(8, 2**30),)


def test_states_that_come_in():
    made = lstm_network(
        [[[1]] * 4], [[[1]] * 4], extra=("lengths", "h0", "c0"), cell_range=(-9.0, 9.0)
    )
    found = decide(made).values
    assert found["h0"].representation == found["y"].representation
    assert found["c0"].representation == Fixed(10)
    assert found["lengths"] == Known(Integers(), Fraction(0))


def test_rows_of_a_table():
    """On its own grid where they are read as they are, on another one where all read them there."""
    table = rows([[1, -7], [3, 5], [0, 2]], [0.5], (0,))
    for on, codes in (("", [[1, -7], [3, 5], [0, 2]]), ("@x", [[2, -8], [6, 7], [0, 4]])):
        nodes = [
            node("Gather", ["T", "ids"], ["e"]),
            node("MatMul", [f"e{on}", "V"], ["y"]),
        ]
        constants = {"T": table, "V": rows([[1], [1]], [1.0], (1,))}
        found = decide(network(nodes, ["ids:int64"], ["y"], constants, X))
        assert found.tables["e"].codes.tolist() == codes
        assert found.values["e"].representation == (G if on else Grid(Fraction(1, 2), 0, -7, 7))


def test_unsigned_and_wider_grids():
    made = network(
        [node("MatMul", ["x@x", "W"], ["y"])],
        ["x"],
        ["y"],
        {"W": W},
        {"x": grid(0.25, 128, "uint8")},
    )
    found = decide(made)
    assert found.values["x"] == Known(Grid(Fraction(1, 4), 128, 0, 255), Fraction(32))
    assert found.linear["y"].product.reach.tolist() == [6 * 255, 12 * 255]


def test_components_pass_on_what_their_values_are():
    """Alone, a component whose input is read as it is does not know what that is."""
    first = product()
    second = network([node("Tanh", ["y"], ["t"])], ["y"], ["t"])
    with pytest.raises(ModelError, match="read on one grid"):
        decide(second)
    one, two = decide_all([first, second])
    assert two.values["y"] == one.values["y"]


def test_a_range_beyond_all_formats_and_a_bound_of_nothing():
    zeros = rows([[0, 0]] * 3, [1.0, 1.0], (1,))
    found = decide(network([node("MatMul", ["x@x", "W"], ["y"])], ["x"], ["y"], {"W": zeros}, X))
    assert found.values["y"] == Known(Fixed(12), Fraction(0))
    big = lstm_network([[[1]] * 4], [[[1]] * 4], cell_range=(0.0, 2.0**31))
    with pytest.raises(ModelError, match="Q144"):
        decide(big)
