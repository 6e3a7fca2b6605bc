"""What the integer arithmetic has no word for is refused by name, all of it at once."""

import numpy as np
import pytest
from small_networks import grid, lstm_network, network, node, rows

from q4compile.errors import ModelError
from q4compile.quantize.network import WeightGrid
from q4compile.quantize.oracle.representations import decide

X = {"x": grid(0.25), "g": grid(0.5), "w": grid(0.001, 0, "int16")}
W = rows([[1, -7], [2, 0], [3, 5]], [0.5, 2.0], (1,))
V = rows([[1, -7], [2, 0]], [0.5, 2.0], (1,))


def refused(made):
    with pytest.raises(ModelError) as caught:
        decide(made)
    return str(caught.value)


def test_operators(golden):
    """Each is named; what only depends on them is passed by, what is sound beside them stays."""
    nodes = [
        node("MatMul", ["x@x", "W"], ["m"]),
        node("Exp", ["m"], ["soft"]),
        node("Tanh", ["soft"], ["behind"]),
        node("Gemm", ["x@x", "W"], ["scaled"], attributes={"alpha": 0.5}),
        node("Div", ["m", "m"], ["ratio"]),
        node("Max", ["m", "m", "m"], ["three"]),
        node("Gather", ["m", "i"], ["picked"]),
        node("Expand", ["m", "i"], ["wider"]),
        node("Pad", ["m", "p"], ["mirrored"], attributes={"mode": "reflect"}),
        node("Pad", ["m", "p", "one"], ["ones"]),
        node("ConstantOfShape", ["i"], ["fives"], attributes={"value": np.array([5.0])}),
        node("Shape", ["x"], ["n"]),
        node("Cast", ["n"], ["real"], attributes={"to": 1}),
    ]
    constants = {"W": W, "i": np.array([0]), "p": np.array([0, 1, 0, 0]), "one": np.float32(1)}
    golden("errors/Q141-integer-operators.txt", refused(network(nodes, ["x"], ["m"], constants, X)))


def test_values(golden):
    nodes = [
        node("MatMul", ["x@x", "W"], ["m"]),
        node("MatMul", ["x@g", "W"], ["again"]),
        node("MatMul", ["m", "V"], ["raw"]),
        node("MatMul", ["m@w", "V"], ["wide"]),
        node("Tanh", ["m"], ["t"]),
        node("Concat", ["m", "t"], ["both"], attributes={"axis": 0}),
        node("Max", ["m", "t"], ["larger"]),
        node("Mul", ["m", "half"], ["halved"]),
        node("Gather", ["T", "ids"], ["e"]),
        node("Tanh", ["e"], ["te"]),
        node("MatMul", ["e@g", "V"], ["moved"]),
    ]
    constants = {
        "W": W,
        "V": V,
        "half": np.float32(0.5),
        "T": rows([[1, -7], [3, 5], [0, 2]], [0.5], (0,)),
    }
    # x is read on two grids: refused itself, and what reads it is passed by.
    first = refused(network(nodes, ["x", "ids:int64"], ["m"], constants, X))
    nodes[1] = node("MatMul", ["x@x", "W"], ["again"])
    second = refused(network(nodes, ["x", "ids:int64"], ["m"], constants, X))
    golden("errors/Q142-integer-values.txt", f"{first}\n\n----\n\n{second}")


def test_weights(golden):
    nodes = [
        node("MatMul", ["x@x", "F"], ["float"]),
        node("MatMul", ["x@x", "wide"], ["wider"]),
        node("MatMul", ["x@x", "groups"], ["grouped"]),
        node("MatMul", ["x@x", "vector"], ["flat"]),
        node("MatMul", ["x@x", "x@x"], ["square"]),
        node("Gemm", ["x@x", "W", "b"], ["biased"]),
        node("Gather", ["rows", "ids"], ["e"]),
    ]
    two = WeightGrid("int4", np.array([0.5, 0.25, 0.5, 0.5], np.float32), (1,), 2)
    grouped = np.array([[0.5, 0.5], [0.5, 0.5], [0.25, 0.5], [0.25, 0.5]], np.float32)
    constants = {
        "W": W,
        "F": np.ones((3, 2), np.float32),
        "wide": rows([[300], [2], [3]], [0.5], (1,), "int16"),
        "groups": (grouped, two),
        "vector": rows([1, 2, 3], [0.5], (0,)),
        "b": np.ones(3, np.float32),
        "rows": rows([[1, 2], [3, 4]], [0.5, 0.25], (0,)),
    }
    made = network(nodes, ["x", "ids:int64"], ["float"], constants, X)
    golden("errors/Q143-integer-weights.txt", refused(made))


def test_numbers(golden):
    nodes = [
        node("MatMul", ["x@x", "W"], ["m"]),
        node("Add", ["m", "b"], ["y"]),
        node("MatMul", ["x@x", "W"], ["n"]),
        node("MatMul", ["n@tiny", "V"], ["z"]),
    ]
    constants = {"W": W, "V": V, "b": np.array([1e9, 0], np.float32)}
    grids = X | {"tiny": grid(1e-9)}
    golden(
        "errors/Q144-integer-numbers.txt",
        refused(network(nodes, ["x"], ["y", "z"], constants, grids)),
    )


LSTMS = {
    "float-hidden": {"hidden": None},
    "wide-hidden": {"hidden": "w"},
    "cell": {"cell": "g"},
    "gate": {"gate": "g"},
    "peepholes": {"inputs": ["x@x", "W", "R", "", "", "", "", "P"]},
    "activations": {"attributes": {"hidden_size": 1, "activations": ("Relu",) * 3}},
    "clip": {"attributes": {"hidden_size": 1, "clip": 3.0}},
    "run-time-bias": {"inputs": ["x@x", "W", "R", "t"]},
    "float-input": {"inputs": ["t", "W", "R"]},
    "cell-in-another-format": {"inputs": ["x@x", "W", "R", "", "", "", "t"]},
}


def test_lstms(golden):
    base = lstm_network([[[1]] * 4], [[[1]] * 4])
    nodes = [node("MatMul", ["x@x", "V"], ["m"]), node("Tanh", ["m"], ["t"])]
    for name, changes in LSTMS.items():
        given = {
            "inputs": ["x@x", "W", "R"],
            "attributes": {"hidden_size": 1},
            "hidden": "h",
            **changes,
        }
        nodes.append(node("LSTM", given.pop("inputs"), [name], **given))
    constants = {
        **{n: (base.constants[n], base.weights[n]) for n in "WR"},
        "V": rows([[1]], [1.0], (1,)),
        "P": np.ones((1, 3), np.float32),
    }
    grids = base.grids | {"g": grid(0.5), "w": grid(0.001, 0, "int16")}
    made = network(nodes, ["x", "h0"], ["t"], constants, grids)
    golden("errors/Q142-integer-lstms.txt", refused(made))
