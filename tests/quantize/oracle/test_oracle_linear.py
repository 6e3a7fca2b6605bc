"""Products and arithmetic on numbers worked out by hand."""

from fractions import Fraction

import numpy as np
import pytest
from network_interpreter import plain
from small_networks import grid, network, node, rows

from q4compile.quantize.oracle.evaluate_elementwise import for_table
from q4compile.quantize.oracle.interpret import interpret
from q4compile.quantize.oracle.tensor import Fixed, Grid, encoded

W = rows([[1, -7], [2, 0], [3, 5]], [0.5, 2.0], (1,))
X = {"x": grid(0.25, 1)}
FEED = {"x": [[0.25, -0.5, 1.0], [0.0, 9.0, -9.0]]}  # codes 2, −1, 5 and 1, 7, −8


def test_a_product_with_a_bias_in_fixed_point():
    """Centred codes 1, −2, 4: 1 − 4 + 12 = 9 and −7 + 20 = 13; s = 1/8 and 1/2; b = 0.5, −1."""
    nodes = [node("MatMul", ["x@x", "W"], ["m"]), node("Add", ["m", "b"], ["y"])]
    constants = {"W": W, "b": np.array([0.5, -1], np.float32)}
    got = interpret(network(nodes, ["x"], ["y"], constants, X), FEED)
    assert got["x"].codes.tolist() == [[2, -1, 5], [1, 7, -8]]
    assert got["x"].real.tolist() == [[0.25, -0.5, 1.0], [0.0, 1.5, -2.25]]
    f = got["y"].representation.f
    assert got["y"].real.tolist() == [[9 / 8 + 0.5, 13 / 2 - 1], [-15 / 8 + 0.5, -45 / 2 - 1]]
    assert (got["y"].codes == got["y"].real * 2**f).all()
    assert "m" not in got


@pytest.mark.parametrize("turned", [0, 1])
def test_gemm(turned):
    weight = rows([[1, -7], [2, 0], [3, 5]], [0.5, 2.0], (1,))
    if turned:
        weight = rows([[1, 2, 3], [-7, 0, 5]], [0.5, 2.0], (0,))
    made = node("Gemm", ["x@x", "W", "b"], ["y"], attributes={"transB": turned})
    constants = {"W": weight, "b": np.array([[0.5, -1]], np.float32)}
    got = interpret(network([made], ["x"], ["y"], constants, X), FEED)
    assert got["y"].real.tolist() == [[1.625, 5.5], [-1.375, -23.5]]


def test_a_product_on_a_grid_rounds_once_to_even():
    """9/8 and 13/2 on a grid of 1/4: 4.5 → 4, 26; −15/8 and −45/2: −7.5 → −8, −90; all + 1."""
    nodes = [node("MatMul", ["x@x", "W"], ["m"]), node("MatMul", ["m@g", "V"], ["y"])]
    constants = {"W": W, "V": rows([[1], [1]], [1.0], (1,))}
    grids = X | {"g": grid(0.25, 1, "int8")}
    got = interpret(network(nodes, ["x"], ["y"], constants, grids), FEED)
    assert got["m"].codes.tolist() == [[4 + 1, 26 + 1], [-8 + 1, -90 + 1]]


def test_fixed_to_a_grid():
    nodes = [
        node("MatMul", ["x@x", "W"], ["m"]),
        node("MatMul", ["m@g", "V"], ["y"]),
    ]
    constants = {"W": W, "V": rows([[1], [1]], [1.0], (1,))}
    grids = X | {"g": grid(0.25, 1, "int8")}
    got = interpret(network(nodes, ["x"], ["y", "m"], constants, grids), FEED)
    assert isinstance(got["m"].representation, Fixed)  # it is an output as well
    assert got["y"].real.tolist() == [[(4 + 26) / 4], [(-8 - 90) / 4]]


def test_arithmetic_in_fixed_point():
    """m = 9/8, 13/2 | −15/8, −45/2: fixed(9), bound 54."""
    nodes = [
        node("MatMul", ["x@x", "W"], ["m"]),
        node("Mul", ["m", "m"], ["square"]),
        node("Add", ["m", "m"], ["twice"]),
        node("Sub", ["twice", "m"], ["once"]),
        node("Max", ["m", "m"], ["same"]),
        node("Relu", ["m"], ["positive"]),
        node("Tanh", ["m"], ["t"]),
        node("Sigmoid", ["once"], ["s"]),
        node("Sub", ["t", "m"], ["mixed"]),
    ]
    outputs = ["square", "same", "positive", "s", "mixed"]
    got = interpret(network(nodes, ["x"], outputs, {"W": W}, X), FEED)
    m = np.array([[1.125, 6.5], [-1.875, -22.5]])
    assert got["m"].representation == Fixed(9)
    assert got["square"].representation == Fixed(3)
    assert (got["square"].codes == np.rint(m**2 * 8)).all()  # 10.125 → 10, 28.125 → 28
    assert (got["twice"].real == 2 * m).all()
    assert (got["once"].real == m).all()
    assert (got["same"].real == m).all()
    assert (got["positive"].real == np.maximum(m, 0)).all()
    assert np.abs(got["t"].real - np.tanh(m)).max() < 4 / 32768
    assert got["t"].codes.flat[3] == -32768  # −22.5 saturates at −16
    assert np.abs(got["s"].real - 1 / (1 + np.exp(-m))).max() < 2 / 32768
    assert (got["mixed"].codes == np.rint((got["t"].real - m) * 2**9)).all()


def test_a_product_for_a_table_saturates():
    """6.5² = 42.25 is 16 in Q4.11; so is 22.5², and −1.875 · −1.875 is exact."""
    nodes = [
        node("MatMul", ["x@x", "W"], ["m"]),
        node("Mul", ["m", "m"], ["p"]),
        node("Tanh", ["p"], ["t"]),
    ]
    got = interpret(network(nodes, ["x"], ["t"], {"W": W}, X), FEED)
    assert got["p"].codes.tolist() == [[2592, 32767], [7200, 32767]]  # 1.265625 · 2048


def test_operands_of_tables_round_to_even():
    codes = np.array([1, 2, 3, 5, -1, -3, 32767])
    assert for_table(codes, Fixed(12)).tolist() == [0, 1, 2, 2, 0, -2, 16384]
    assert for_table(codes * 4, Fixed(15)).tolist() == [0, 0, 1, 1, 0, -1, 8192]
    assert for_table(codes, Fixed(9)).tolist() == [4, 8, 12, 20, -4, -12, 32767]
    assert for_table(-codes, Fixed(9)).tolist() == [-4, -8, -12, -20, 4, 12, -32768]
    assert for_table(codes, Fixed(11)).tolist() == codes.tolist()


def test_hosts_encode_as_quantize_linear_does():
    """Quotients near a tie, which float32 rounds onto it: the exact ones often lie beside it."""
    scale = np.float32(0.1)
    x = (np.arange(-8, 7, dtype=np.float32) + np.float32(0.5)) * scale
    op = node("QuantizeLinear", ["x", "s", "z"], ["y"])
    made = network([op], ["x"], ["y"])
    (expected,) = plain(made, op, [x, scale, np.int8(0)])
    kind = Grid(Fraction(float(scale)), 0, -128, 127)
    assert encoded(x, kind).tolist() == expected.tolist()
    assert [round(Fraction(float(each)) / kind.scale) for each in x] != expected.tolist()


def test_embedding():
    nodes = [node("Gather", ["T", "ids"], ["e"]), node("MatMul", ["e", "V"], ["y"])]
    constants = {
        "T": rows([[1, -7], [3, 5], [0, 2]], [0.5], (0,)),
        "V": rows([[1], [1]], [1.0], (1,)),
    }
    made = network(nodes, ["ids:int64"], ["y"], constants)
    got = interpret(made, {"ids": [[2, 0]]})
    assert got["e"].codes.tolist() == [[[0, 2], [1, -7]]]
    assert got["y"].real.tolist() == [[[1.0], [-3.0]]]
    with pytest.raises(ValueError, match="3 entries"):
        interpret(made, {"ids": [[3]]})


def test_a_feed_that_is_missing():
    made = network([node("MatMul", ["x@x", "W"], ["y"])], ["x"], ["y"], {"W": W}, X)
    with pytest.raises(ValueError, match="no feed for x"):
        interpret(made, {})


def test_feeds_beyond_all_bounds_saturate():
    made = network([node("MatMul", ["x@x", "W"], ["y"])], ["x"], ["y"], {"W": W}, X)
    feed = {"x": [[np.inf, -np.inf, 1e30], [np.nan, 0.125, 0.375]]}
    assert interpret(made, feed)["x"].codes.tolist() == [[7, -8, 7], [-7, 1, 3]]
