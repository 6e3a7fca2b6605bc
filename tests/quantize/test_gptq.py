"""GPTQ: never worse than nearest where it matters, and nearest where inputs are uncorrelated."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from q4compile.errors import RecipeError
from q4compile.graph.components import components
from q4compile.numerics.formats import format_named
from q4compile.numerics.moments import SecondMoments
from q4compile.numerics.rounding import quantize as nearest
from q4compile.quantize.gptq import gptq_codes
from q4compile.quantize.input_moments import with_codes
from q4compile.quantize.quantize import plan_for
from q4compile.quantize.weights import blocking, weight_encoding
from q4compile.recipe.granularity import Granularity
from q4compile.recipe.read_recipe import load_recipe
from q4compile.recipe.scheme import Scheme

SIZES = st.tuples(st.integers(1, 6), st.integers(1, 90))


def problem(rows, columns, seed, correlation=0.9):
    """Weights, scales and the second moments of inputs with neighbours alike."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(rows, columns)).astype(np.float32)
    x = rng.normal(size=(4 * columns + 8, columns))
    for k in range(1, columns):
        x[:, k] = correlation * x[:, k - 1] + np.sqrt(1 - correlation**2) * x[:, k]
    scales = np.full((rows, 1), 0.5, np.float32)
    return weights, scales, x.T @ x


def error(weights, codes, scales, moments):
    difference = weights - codes * scales
    return float(np.einsum("ck,kl,cl->", difference, moments, difference))


@given(SIZES, st.integers(0, 9))
def test_codes_are_codes(sizes, seed):
    weights, scales, moments = problem(*sizes, seed)
    codes = gptq_codes(weights, scales, moments, -7, 7)
    assert codes.shape == weights.shape
    assert codes.dtype == np.int8
    assert codes.min() >= -7 and codes.max() <= 7


@given(SIZES, st.integers(0, 9))
def test_uncorrelated_inputs_leave_every_code_the_nearest(sizes, seed):
    weights, scales, _ = problem(*sizes, seed)
    diagonal = np.diag(np.random.default_rng(seed).uniform(0.5, 2, sizes[1]))
    codes = gptq_codes(weights, scales, diagonal, -7, 7)
    assert np.array_equal(codes, nearest(weights, scales, 0, -7, 7))


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_correlated_inputs_gain(bits):
    """At a correlation of 0.9 the product's error falls by more than a third at every width."""
    hi = 2 ** (bits - 1) - 1
    weights, _, moments = problem(64, 160, 3)
    scales = np.full((64, 1), 2.5 / hi, np.float32)
    plain = nearest(weights, scales, 0, -hi, hi)
    clever = gptq_codes(weights, scales, moments, -hi, hi)
    gain = error(weights, clever, scales, moments) / error(weights, plain, scales, moments)
    assert gain < 0.65


def test_groups_of_columns_have_their_own_scales():
    weights, *_ = problem(3, 8, 1)
    scales = np.array([[0.5, 0.25]] * 3, np.float32)
    codes = gptq_codes(weights, scales, np.eye(8), -7, 7)
    wanted = nearest(weights, np.repeat(scales, 4, axis=1), 0, -7, 7)
    assert np.array_equal(codes, wanted)


def test_an_input_that_is_always_zero():
    weights, scales, moments = problem(4, 6, 2)
    moments[2] = moments[:, 2] = 0
    codes = gptq_codes(weights, scales, moments, -7, 7)
    assert np.array_equal(codes[:, 2], nearest(weights[:, 2], 0.5, 0, -7, 7))


@pytest.mark.parametrize("kind", ["per_tensor", "per_channel", "per_gate", "per_group(4)"])
def test_each_direction_is_rounded_for_its_own_inputs(kind):
    """W [2, 4·3, 8]: the rows of a direction come out as if it were alone."""
    rng = np.random.default_rng(5)
    weight = rng.normal(size=(2, 12, 8)).astype(np.float32)
    scheme = Scheme(format_named("int4"), Granularity.parse(kind), "minmax", rounding="gptq")
    rows = blocking(weight.shape, (0, 1), 4, scheme.granularity)
    encoding = weight_encoding(weight, rows, scheme)
    moments = SecondMoments(split_axis=1)
    moments.add(rng.normal(size=(40, 2, 8)).astype(np.float32).cumsum(axis=2))
    codes = with_codes(encoding, weight, rows, moments).codes
    assert codes.shape == weight.shape
    by_row = np.repeat(encoding.scales, 24 * 8 // encoding.scales.size).reshape(24, 8)
    scales = by_row[:, :: 4 if "group" in kind else 8]
    for d in range(2):
        alone = gptq_codes(weight[d], scales[12 * d : 12 * d + 12], moments.sums[d], -7, 7)
        assert np.array_equal(codes[d], alone)


GPTQ_EVERYWHERE = """\
version: 1
name: gptq
rules:
  - {name: inputs, match: {role: [input, hidden]}, scheme: {format: int8}}
  - {name: weights, match: {role: weight}, scheme: {format: int4, rounding: gptq}}
  - {name: rest, match: {}, scheme: {format: fp32}}
"""

FIRST_OPERAND = "m (float[6, n] x) => (float[4, n] y) { y = MatMul (w, x) }"


def test_a_product_over_another_axis_is_refused_by_name(from_text, tmp_path, golden):
    (tmp_path / "gptq.yaml").write_text(GPTQ_EVERYWHERE)
    model = from_text(FIRST_OPERAND, w=np.ones((4, 6), np.float32))
    feeds = [{"x": np.ones((6, n), np.float32)} for n in (5, 3)]
    with pytest.raises(RecipeError) as caught:
        plan_for(model, load_recipe(str(tmp_path / "gptq.yaml")), feeds, components(model))
    golden("errors/Q203-gptq-other-axis.txt", str(caught.value), folder=tmp_path)
