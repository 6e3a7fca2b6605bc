"""What sees a whole row, against float64 within what its formats allow."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_networks import grid, network, node, rows

from q4compile.errors import ModelError
from q4compile.quantize.network import Port
from q4compile.quantize.oracle.interpret import interpret
from q4compile.quantize.oracle.representations import decide
from q4compile.quantize.oracle.soft_tables import logarithm_table, power_table
from q4compile.quantize.oracle.tensor import Fixed

INPUTS, COLUMNS = 6, 9


def made(op, extra=(), constants=None, scale=1 / 16, seed=0, **attributes):
    """``z = op(y)`` of a product y with 9 columns."""
    codes = np.random.default_rng(seed).integers(-7, 8, (INPUTS, COLUMNS))
    weights = {"W": rows(codes, [scale] * COLUMNS, (1,))} | (constants or {})
    nodes = [
        node("MatMul", ["x@x", "W"], ["y"]),
        node(op, ["y", *extra], ["z"], attributes=attributes),
    ]
    found = network(nodes, ["x"], ["y", "z"], weights, {"x": grid(0.125, 0, "int8")})
    return replace(found, values={"y": Port("y", "float32", (None, COLUMNS))})


def both(found, seed=0):
    """y and z as real numbers, and the format of z."""
    x = np.random.default_rng(seed).normal(0, 4, (5, INPUTS))
    values = interpret(found, {"x": x})
    kind = values["z"].representation
    assert isinstance(kind, Fixed)
    return values["y"].real, values["z"].real, kind.f


def softmax(y):
    e = np.exp(y - y.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@settings(max_examples=30)
@given(st.integers(0, 999), st.sampled_from([2.0**-10, 1 / 16, 1.0]))
def test_softmax(seed, scale):
    y, z, f = both(made("Softmax", scale=scale, seed=seed, axis=1), seed)
    assert f == 15
    assert np.abs(z - softmax(y)).max() < 3e-4


@settings(max_examples=30)
@given(st.integers(0, 999), st.sampled_from([2.0**-10, 1 / 16, 1.0]))
def test_log_softmax(seed, scale):
    y, z, f = both(made("LogSoftmax", scale=scale, seed=seed), seed)
    assert np.abs(z - np.log(softmax(y))).max() < 0.51 * 2.0**-f + 4e-4


@settings(max_examples=30)
@given(st.integers(0, 999), st.sampled_from([2.0**-10, 1 / 16, 1.0]), st.booleans())
def test_layer_norm(seed, scale, has_bias):
    random = np.random.default_rng(seed)
    given = {"s": random.normal(0, 1, COLUMNS), "b": random.normal(0, 2, COLUMNS)}
    constants = {name: each.astype(np.float32) for name, each in given.items()}
    extra = ["s", "b"][: 1 + has_bias]
    y, z, f = both(
        made("LayerNormalization", extra, constants, scale, seed, epsilon=2.0**-14), seed
    )
    normal = (y - y.mean(-1, keepdims=True)) / np.sqrt(y.var(-1, keepdims=True) + 2.0**-14)
    expected = normal * constants["s"] + (constants["b"] if has_bias else 0)
    assert np.abs(z - expected).max() < 0.51 * 2.0**-f + 2e-4


def test_a_row_of_equal_numbers_becomes_the_bias():
    constants = {"s": np.ones(COLUMNS, np.float32), "b": np.arange(COLUMNS, dtype=np.float32)}
    found = made("LayerNormalization", ["s", "b"], constants, epsilon=0.0)
    values = interpret(found, {"x": np.zeros((1, INPUTS))})
    assert values["z"].real.tolist() == [list(range(COLUMNS))]


@pytest.mark.parametrize("op", ["Sum", "Mean", "Max", "Min"])
def test_reductions(op):
    y, z, f = both(made(f"Reduce{op}", axes=(-1,)))
    expected = getattr(np, op.lower())(y, axis=-1, keepdims=True)
    assert np.abs(z - expected).max() <= (0.5 * 2.0**-f if op in ("Sum", "Mean") else 0) + 1e-12


def test_tables_at_their_ends():
    assert power_table()[[0, 512, 1024]].tolist() == [0, 32767, 32767]
    assert logarithm_table()[[0, 512, 1024]].tolist() == [0, 13286, 22713]


def test_what_is_refused():
    for found in (
        made("ReduceSum"),
        made("ReduceMax"),
        made("ReduceSum", axes=(0, 1)),
        made("LayerNormalization", ["y"]),
        made("LayerNormalization", ["s"], {"s": np.ones(COLUMNS, np.float32)}, epsilon=1e18),
        replace(made("LogSoftmax"), values={}),
    ):
        with pytest.raises(ModelError, match=r"Q14[1-4]"):
            decide(found)
    with pytest.raises(ValueError, match="not the last one"):
        both(made("Softmax", axis=0))


@pytest.mark.parametrize("frames", [1, 2, 7, 300])
def test_a_mean_over_frames_is_near_to_the_mean(frames):
    """Both parts of the sum are rounded once each."""
    network_ = made("ReduceMean", axes=(0,), keepdims=0)
    x = np.random.default_rng(frames).normal(0, 2, (frames, INPUTS))
    found = interpret(network_, {"x": x})
    step = 2.0 ** -found["z"].representation.f
    assert found["z"].codes.shape == (COLUMNS,)
    assert np.abs(found["z"].real - found["y"].real.mean(0)).max() <= 1.5 * step


def test_a_mean_of_more_frames_than_the_sums_hold():
    with pytest.raises(ValueError, match="4096 frames"):
        interpret(made("ReduceMean", axes=(0,)), {"x": np.zeros((4096, INPUTS))})
