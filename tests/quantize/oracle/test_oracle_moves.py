"""Moves and integer arithmetic, compared with onnx's reference evaluator."""

import numpy as np
import pytest
from network_interpreter import plain
from small_networks import grid, lstm_network, network, node, rows

from q4compile.quantize.oracle.interpret import interpret
from q4compile.quantize.oracle.representations import decide
from q4compile.quantize.oracle.tensor import Grid, Zeros

SHAPE = (3, 4, 2)
FEED = np.arange(24, dtype=np.int64).reshape(SHAPE) - 12
FAR = np.iinfo(np.int64).max
MOVES = {
    "transpose": ("Transpose", {}, {"perm": (2, 0, 1)}),
    "transpose-plain": ("Transpose", {}, {}),
    "reshape": ("Reshape", {"s": [0, -1]}, {}),
    "reshape-all": ("Reshape", {"s": [2, 3, 4]}, {}),
    "unsqueeze": ("Unsqueeze", {"a": [0, -1]}, {}),
    "slice": ("Slice", {"s": [1], "e": [FAR]}, {}),
    "slice-steps": ("Slice", {"s": [0, 1], "e": [FAR, 4], "a": [2, 1], "t": [1, 2]}, {}),
    "slice-from-the-end": ("Slice", {"s": [-3, -2], "e": [-1, FAR], "a": [-2, 0]}, {}),
    "slice-backwards": ("Slice", {"s": [-1], "e": [-FAR], "a": [1], "t": [-1]}, {}),
    "slice-backwards-inside": ("Slice", {"s": [9, 2], "e": [0, 0], "a": [1, 0], "t": [-2, -1]}, {}),
    "slice-nothing": ("Slice", {"s": [3], "e": [1], "a": [1]}, {}),
    "pad": ("Pad", {"p": [0, 1, 0, 2, 0, 1]}, {"mode": "constant"}),
    "pad-one-axis": ("Pad", {"p": [1, 2], "v": 0, "a": [1]}, {}),
    "concat": ("Concat", {"other": FEED[:, :1] * 2}, {"axis": 1}),
    "concat-last": ("Concat", {"other": FEED * 3}, {"axis": -1}),
    "gather": ("Gather", {"i": [[1, -1], [0, 2]]}, {"axis": 1}),
    "expand": ("Expand", {"s": [2, 1, 1, 2]}, {}),
    "shape": ("Shape", {}, {}),
    "shape-part": ("Shape", {}, {"start": 1, "end": -1}),
    "size": ("Size", {}, {}),
    "identity": ("Identity", {}, {}),
    "cast": ("Cast", {}, {"to": 6}),
    "add": ("Add", {"n": 5}, {}),
    "sub": ("Sub", {"n": [5, 7]}, {}),
    "mul": ("Mul", {"n": 3}, {}),
    "div": ("Div", {"n": 5}, {}),
    "max": ("Max", {"n": 3, "m": -1}, {}),
    "min": ("Min", {"n": 3}, {}),
}


@pytest.mark.parametrize("name", MOVES)
def test_integers(name):
    op, constants, attributes = MOVES[name]
    constants = {key: np.array(value, np.int64) for key, value in constants.items()}
    inputs = ["x", *constants]
    if op == "Pad" and "a" in constants and "v" not in constants:
        inputs.insert(2, "")
    made = network([node(op, inputs, ["y"], attributes=attributes)], ["x:int64"], ["y"], constants)
    (expected,) = plain(made, made.nodes[0], [FEED, *(constants.get(n) for n in inputs[1:])])
    got = interpret(made, {"x": FEED})["y"].codes
    if name.startswith("div"):  # numpy's quotient, which the reference takes, goes down; ONNX cuts
        expected = np.trunc(FEED / 5).astype(np.int64)
    np.testing.assert_array_equal(got, expected.astype(np.int64), strict=True)


def test_pads_below_zero_take_off():
    made = node("Pad", ["x", "p"], ["y"])
    constants = {"p": np.array([0, -1, 0, 1, -2, 0])}
    got = interpret(network([made], ["x:int64"], ["y"], constants), {"x": FEED})["y"].codes
    assert got.tolist() == [*FEED[:, 1:2].tolist(), [[0, 0]]]


def test_squeeze():
    made = node("Squeeze", ["x", "a"], ["y"])
    one = network([made], ["x:int64"], ["y"], {"a": np.array([1])})
    assert interpret(one, {"x": FEED[:, :1]})["y"].codes.shape == (3, 2)
    every = network([node("Squeeze", ["x"], ["y"])], ["x:int64"], ["y"])
    assert interpret(every, {"x": FEED[:1, :1]})["y"].codes.shape == (2,)


def test_zeros_around_codes_are_the_zero_point():
    nodes = [
        node("Pad", ["x", "p"], ["t"]),
        node("Concat", ["t", "t"], ["u"], attributes={"axis": 1}),
        node("MatMul", ["u@g", "W"], ["y"]),
    ]
    constants = {"p": np.array([0, 1, 0, 0]), "W": rows([[1]] * 6, [1.0], (1,))}
    made = network(nodes, ["x"], ["y"], constants, {"g": grid(0.5, 3)})
    got = interpret(made, {"x": [[1.0, -1.0]]})
    assert got["t"].codes.tolist() == [[3, 5, 1]]
    assert got["u"].real.tolist() == [[0, 1.0, -1.0, 0, 1.0, -1.0]]


def test_lengths_and_the_state_of_a_shape():
    """As exporters write it: (length + 1) / 2, cast; zeros of the batch that x has."""
    lstm = lstm_network(
        [[[1]] * 4], [[[1]] * 4], extra=("n", "zeros", "zeros"), hidden=grid(0.1, 3)
    )
    nodes = [
        node("Add", ["lengths", "one"], ["more"]),
        node("Div", ["more", "two"], ["half"]),
        node("Cast", ["half"], ["n"], attributes={"to": 6}),
        node("Shape", ["x"], ["shape"]),
        node("Gather", ["shape", "one"], ["batch"], attributes={"axis": 0}),
        node("Unsqueeze", ["batch", "first"], ["row"]),
        node("Concat", ["ones", "row", "ones"], ["state"], attributes={"axis": 0}),
        node(
            "ConstantOfShape", ["state"], ["blank"], attributes={"value": np.zeros(1, np.float32)}
        ),
        node("Identity", ["blank"], ["zeros"]),
        *lstm.nodes,
    ]
    constants = {
        **{name: (lstm.constants[name], lstm.weights[name]) for name in "WR"},
        "one": np.array(1),
        "two": np.array(2),
        "first": np.array([0]),
        "ones": np.array([1]),
    }
    made = network(nodes, ["x", "lengths:int64"], ["y"], constants, lstm.grids)
    decisions = decide(made)
    assert decisions.values["zeros"].representation == Zeros()
    x = np.ones((3, 2, 1))
    got = interpret(made, {"x": x, "lengths": [5, 2]}, decisions)
    assert got["half"].codes.tolist() == [3, 1]
    assert got["zeros"].codes.shape == (1, 2, 1)
    assert (got["zeros"].real == 0).all()
    alone = lstm_network([[[1]] * 4], [[[1]] * 4], extra=("lengths",), hidden=grid(0.1, 3))
    expected = interpret(alone, {"x": x, "lengths": [3, 1]})
    assert (got["y"].codes == expected["y"].codes).all()


def test_values_on_a_grid_stay_on_it():
    nodes = [
        node("Transpose", ["x@g"], ["t"]),
        node("Slice", ["t", "s", "e"], ["u"]),
        node("MatMul", ["u@g", "W"], ["y"]),
    ]
    constants = {"s": np.array([1]), "e": np.array([2]), "W": rows([[1], [1]], [1.0], (1,))}
    found = decide(network(nodes, ["x"], ["y"], constants, {"g": grid(0.5, 3)})).values
    kinds = {found[name].representation for name in "xtu"}
    assert kinds == {Grid(found["x"].representation.scale, 3, -8, 7)}
