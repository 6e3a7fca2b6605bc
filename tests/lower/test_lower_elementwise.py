"""What works number by number, on the machine: the oracle's codes, and near to real functions."""

from dataclasses import replace
from math import erf

import numpy as np
import pytest
from agreement import RAPID1, Machine, target_of
from hypothesis import given, settings
from hypothesis import strategies as st
from networks_to_lower import Draft

from q4compile.lower.select.operators import OPERATORS

FEATURES, COLUMNS = 12, 20
ERF = np.vectorize(erf)


def unary(op, **attributes):
    return lambda draft, y: draft.add(op, [y], "z", **attributes)


def number(draft, name, value):
    return draft.constant(name, np.array(value, np.float32))


def with_number(op, value, first=False):
    """A constant of one number as second operand, or as first."""

    def made(draft, y):
        c = number(draft, "c", value)
        return draft.add(op, [c, y] if first else [y, c], "z")

    return made


def with_vector(op, first=False):
    def made(draft, y):
        c = draft.constant("v", np.linspace(-2, 3, COLUMNS).astype(np.float32))
        return draft.add(op, [c, y] if first else [y, c], "z")

    return made


VECTOR = np.linspace(-2, 3, COLUMNS)
CASES = {
    "Abs": (unary("Abs"), np.abs),
    "Neg": (unary("Neg"), np.negative),
    "Relu": (unary("Relu"), lambda x: np.maximum(x, 0)),
    "Erf": (unary("Erf"), ERF),
    "Gelu": (unary("Gelu"), lambda x: x * (1 + ERF(x / np.sqrt(2))) / 2),
    "Gelu by tanh": (
        unary("Gelu", approximate="tanh"),
        lambda x: x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2,
    ),
    "HardSigmoid": (unary("HardSigmoid"), lambda x: np.clip(0.2 * x + 0.5, 0, 1)),
    "HardSigmoid, other": (
        unary("HardSigmoid", alpha=0.3, beta=0.25),
        lambda x: np.clip(0.3 * x + 0.25, 0, 1),
    ),
    "HardSwish": (unary("HardSwish"), lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    "LeakyRelu": (unary("LeakyRelu", alpha=0.125), lambda x: np.maximum(x, x / 8)),
    "LeakyRelu, default": (unary("LeakyRelu"), lambda x: np.maximum(x, x / 100)),
    "PRelu": (with_number("PRelu", [0.25]), lambda x: np.maximum(x, x / 4)),
    "Clip": (
        lambda d, y: d.add("Clip", [y, number(d, "lo", -0.5), number(d, "hi", 2)], "z"),
        lambda x: np.clip(x, -0.5, 2),
    ),
    "Clip, from below": (
        lambda d, y: d.add("Clip", [y, number(d, "lo", 0)], "z"),
        lambda x: np.maximum(x, 0),
    ),
    "Clip, from above": (
        lambda d, y: d.add("Clip", [y, None, number(d, "hi", 1e9)], "z"),
        lambda x: x,
    ),
    "Clip, by attributes": (unary("Clip", min=-1.0, max=20.0), lambda x: np.clip(x, -1, 20)),
    "Pow 1": (with_number("Pow", 1), lambda x: x),
    "Pow 2": (with_number("Pow", 2), np.square),
    "Pow 3": (with_number("Pow", [3]), lambda x: x**3),
    "Pow 0.5": (with_number("Pow", 0.5), lambda x: np.sqrt(np.maximum(x, 0))),
    "Sqrt": (unary("Sqrt"), lambda x: np.sqrt(np.maximum(x, 0))),
    "Add": (with_number("Add", 0.7), lambda x: x + np.float32(0.7)),
    "Add, large": (with_number("Add", 3000), lambda x: x + 3000),
    "Add, first": (with_vector("Add", True), lambda x: VECTOR + x),
    "Add, 0": (with_number("Add", [0]), lambda x: x),
    "Sub": (with_vector("Sub"), lambda x: x - VECTOR),
    "Sub, first": (with_number("Sub", 1, True), lambda x: 1 - x),
    "Mul": (with_vector("Mul"), lambda x: x * VECTOR),
    "Mul, first": (with_number("Mul", -0.003, True), lambda x: -0.003 * x),
    "Div": (with_number("Div", np.sqrt(2)), lambda x: x / np.sqrt(2)),
    "Div, each": (
        lambda d, y: d.add("Div", [y, d.constant("v", (VECTOR + 5).astype(np.float32))], "z"),
        lambda x: x / (VECTOR + 5),
    ),
    "Max": (with_number("Max", 0.25), lambda x: np.maximum(x, 0.25)),
    "Max, first": (with_vector("Max", True), lambda x: np.maximum(VECTOR, x)),
    "Min": (with_vector("Min"), lambda x: np.minimum(VECTOR, x)),
    "Max, of two formats": (
        lambda d, y: d.add("Max", [y, d.add("Tanh", [y], "t")], "z"),
        lambda x: np.maximum(x, np.tanh(x)),
    ),
    "Min, of two formats": (
        lambda d, y: d.add("Min", [d.add("Sigmoid", [y], "t"), y], "z"),
        lambda x: np.minimum(1 / (1 + np.exp(-x)), x),
    ),
    "Sigmoid, Mul": (
        lambda d, y: d.add("Mul", [y, d.add("Sigmoid", [y], "t")], "z"),
        lambda x: x / (1 + np.exp(-x)),
    ),
    "Mul, Tanh": (
        lambda d, y: d.add("Tanh", [d.add("Mul", [y, number(d, "c", 0.5)], "t")], "z"),
        lambda x: np.tanh(x / 2),
    ),
}
ELSEWHERE = {
    *("Cast", "Concat", "ConstantOfShape", "Expand", "Gather", "Identity", "Pad", "Reshape"),
    *("Shape", "Slice", "Squeeze", "Transpose", "Unsqueeze"),
    *("Conv", "GRU", "Gemm", "LSTM", "MatMul", "RNN", "Tanh", "Sigmoid"),
    *("LayerNormalization", "LogSoftmax", "Softmax"),
    *("GlobalAveragePool", "GlobalMaxPool", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum"),
}
"""Operators that move, multiply matrices or see whole rows."""


def network(made, scale=0.05, outputs=("y", "z")):
    """The operator behind a linear node, both as outputs."""
    draft = Draft()
    grid = draft.grid("x.grid", "int8", 0.05, -20)
    x = draft.enter("x", "T", "B", FEATURES)
    draft.weight("y.W", FEATURES, COLUMNS, axes=(1,), scale=scale)
    product = draft.add("MatMul", [(x, grid), "y.W"], "product")
    y = draft.add("Add", [product, draft.vector("y.b", COLUMNS)], "y")
    made(draft, y)
    return draft.made(*outputs)


def feed(seed, frames, batch):
    random = np.random.default_rng([seed, frames])
    return {"x": random.normal(0, 1, (frames, batch, FEATURES)).astype(np.float32)}


def test_every_operator_is_tried():
    assert {name.split()[0].rstrip(",") for name in CASES} | ELSEWHERE == set(OPERATORS)


@pytest.mark.parametrize("case", CASES)
def test_codes_of_the_oracle_near_to_the_real_function(case):
    made, real = CASES[case]
    machine = Machine({"model": network(made)}, chunk_rows=8)
    for frames in (1, 7):
        found = machine.agree(feed(0, frames, 3))
        x, z = found["y"].real, found["z"].real
        step = 2.0 ** -found["z"].representation.f
        wanted = real(x)
        kinks = 0.0025 if case == "HardSigmoid, other" else 0  # its corners are between entries
        assert np.abs(z - wanted).max() <= 2 * step + 6e-4 * np.abs(wanted).max() + kinks


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("scale", [0.002, 1.0])
def test_small_and_large_numbers(case, scale):
    """Formats of few and of many fraction bits: saturation is where the oracle has it."""
    made, _ = CASES[case]
    target = replace(target_of(64), name="four", cores=4)
    machine = Machine({"model": network(made, scale)}, target, cores=2, chunk_rows=4, batch=4)
    machine.agree(feed(1, 5, 2))


numbers = st.floats(-300, 300, width=32).filter(lambda c: c == 0 or abs(c) > 1e-4)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Add", "Sub", "Mul", "Div", "Max", "Min"]), numbers, st.booleans()
        ),
        min_size=1,
        max_size=4,
    )
)
def test_chains_with_constants(chain):
    def made(draft, y):
        for n, (op, value, is_first) in enumerate(chain):
            c = number(draft, f"c{n}", value or 1)
            is_first = is_first and op != "Div"
            y = draft.add(op, [c, y] if is_first else [y, c], f"v{n}")
        return draft.add("Identity", [y], "z")

    machine = Machine({"model": network(made, outputs=("z",))}, chunk_rows=8)
    machine.agree(feed(2, 3, 2), seeds=(None,))


@pytest.mark.parametrize("case", ["Gelu", "Mul", "Abs", "Sub, first", "PRelu"])
def test_codes_of_a_layer_with_gaps(case):
    """Constants lie where the numbers of each direction do."""
    draft = Draft()
    grid = draft.grid("x.grid", "int8", 0.05, -20)
    x = draft.enter("x", "T", "B", FEATURES)
    h = draft.lstm(x, grid, "l", FEATURES, COLUMNS // 2, direction="bidirectional")
    draft.constant("shape", np.array([0, 0, -1]))
    t = draft.add("Transpose", [h], "t", perm=(0, 2, 1, 3))
    r = draft.add("Reshape", [t, "shape"], "r", shape=("T", "B", COLUMNS))
    CASES[case][0](draft, r)
    out = draft.linear("z", draft.grid("z.grid", "int4", 0.2), "out", COLUMNS, 9)
    machine = Machine({"model": draft.made(out)})
    machine.agree(feed(3, 4, 3))


@pytest.mark.parametrize("shape", [(6, 1, 1), (1, 6, 1, 1), (1, 1, 10), (6, 1, 10)])
def test_channels_and_bands_of_images(shape):
    """A number for each channel, each frequency or both, and SiLU of what they are added to."""
    draft = Draft()
    grid, x = draft.grid("x.grid", "int8", 0.1, -20), draft.enter("x", "B", "T", 10)
    draft.constant("one", np.array([1]))
    image = draft.add("Unsqueeze", [x, "one"], "image")
    weight = draft.weight("c.W", 6, 1, 3, 3, axes=(0,))
    y = draft.add("Conv", [(image, grid), weight], "c", pads=(1, 1, 1, 1))
    constant = np.random.default_rng(0).normal(0, 1, shape).astype(np.float32)
    y = draft.add("Add", [y, draft.constant("v", constant)], "y")
    z = draft.add("Mul", [y, draft.add("Sigmoid", [y], "s")], "z")
    machine = Machine({"model": draft.made((z, (None,) * 4))}, RAPID1)
    x = np.random.default_rng(1).normal(0, 2, (2, 5, 10)).astype(np.float32)
    machine.agree({"x": x})
