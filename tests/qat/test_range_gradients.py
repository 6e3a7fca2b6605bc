"""One formula in (scale, zero) against what each paper states in its own parameters, in float64."""

import numpy as np
import pytest
import torch
from closed_forms import (
    Clips,
    lsq,
    lsq_plus_offset,
    pact,
    pact_one_sided,
    pact_plus,
    pact_plus_symmetric,
    quantized,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from q4compile.qat.fake_quantize import FakeQuantize
from q4compile.qat.ranges import BY_NAME, RANGES, Bounds

EXACT = 1e-12
"""Of float64 sums over a hundred numbers near 1."""
LEARNED = [method.name for method in RANGES if method.learned]


class Case:
    """Numbers around a grid, none nearer to a tie than a twentieth of a step."""

    def __init__(self, seed, lo, hi, zero, scale, past_ends=True):
        noise = np.random.default_rng(seed)
        self.lo, self.hi, self.zero, self.scale = lo, hi, zero, scale
        codes = noise.integers(lo - 4, hi + 5, 100).astype(np.float64)
        part = noise.uniform(-0.45, 0.45, 100)
        if not past_ends:  # of what rounds to an end, only what lies well inside of it
            inwards = np.maximum(abs(part), 0.05)
            part = np.where(codes == hi, -inwards, np.where(codes == lo, inwards, part))
        self.x = (codes + part - zero) * scale
        self.g = noise.standard_normal(100)

    @property
    def clips(self):
        ends = [(code - self.zero) * self.scale for code in (self.lo, self.hi)]
        return Clips(*ends, self.hi - self.lo)

    def run(self, method, elements=1):
        """y, dL/dx, dL/ds, dL/dz as the package computes them."""
        numbers = self.x, self.scale, float(self.zero)
        x, scale, zero = (torch.tensor(each, dtype=torch.float64) for each in numbers)
        inputs = [each.requires_grad_() for each in (x, scale, zero)]
        y = FakeQuantize.apply(*inputs, Bounds(self.lo, self.hi, elements), BY_NAME[method], True)
        grads = torch.autograd.grad(y, inputs, torch.from_numpy(self.g), allow_unused=True)
        return y.detach().numpy(), *(None if each is None else each.numpy() for each in grads)

    def in_clips(self, upper, lower):
        """(dL/ds, dL/dz) of gradients in the clips a and a_n, by the chain rule."""
        d_scale = (self.hi - self.zero) * upper + (self.lo - self.zero) * lower
        return d_scale, -self.scale * (upper + lower)


@st.composite
def cases(draw, symmetric=False, past_ends=True):
    bits = draw(st.sampled_from([2, 3, 4, 8]))
    hi = 2 ** (bits - 1) - 1
    lo = -hi if symmetric else -hi - 1
    zero = 0 if symmetric else draw(st.integers(lo, hi))
    scale = draw(st.sampled_from([0.03, 0.25, 1.0, 1.7]))
    return Case(draw(st.integers(0, 2**32)), lo, hi, zero, scale, past_ends)


@given(cases())
@settings(max_examples=40)
def test_the_forward_pass_is_the_nearest_level(case):
    for method in LEARNED:
        np.testing.assert_allclose(case.run(method)[0], quantized(case.x, case.clips), atol=EXACT)


@given(cases())
@settings(max_examples=40)
def test_pact_two_sided(case):
    dx, upper, lower = pact(case.x, case.g, case.clips)
    expected = case.in_clips(upper, lower)
    _, *found = case.run("pact")
    np.testing.assert_array_equal(found[0], dx)
    np.testing.assert_allclose(found[1:], expected, rtol=EXACT, atol=EXACT)


@given(cases(past_ends=False))
@settings(max_examples=40)
def test_pact_one_sided_is_the_grid_whose_zero_is_its_lowest_code(case):
    x = case.x + (case.zero - case.lo) * case.scale
    case.x, case.zero = x, case.lo
    dx, upper = pact_one_sided(x, case.g, (case.hi - case.lo) * case.scale)
    _, found_dx, d_scale, _ = case.run("pact")
    np.testing.assert_array_equal(found_dx, dx)
    np.testing.assert_allclose(d_scale, (case.hi - case.lo) * upper, rtol=EXACT, atol=EXACT)


@given(cases())
@settings(max_examples=40)
def test_pact_plus(case):
    dx, upper, lower = pact_plus(case.x, case.g, case.clips)
    expected = case.in_clips(upper, lower)
    _, *found = case.run("pact+")
    np.testing.assert_array_equal(found[0], dx)
    np.testing.assert_allclose(found[1:], expected, rtol=1e-10, atol=1e-10)


@given(cases(symmetric=True))
@settings(max_examples=40)
def test_pact_plus_symmetric(case):
    dx, clip = pact_plus_symmetric(case.x, case.g, case.hi * case.scale, 2 * case.hi)
    _, found_dx, d_scale, _ = case.run("pact+")
    np.testing.assert_array_equal(found_dx, dx)
    np.testing.assert_allclose(d_scale, case.hi * clip, rtol=1e-10, atol=1e-10)


@given(cases(symmetric=True), st.sampled_from([1, 40, 640]))
@settings(max_examples=40)
def test_lsq(case, elements):
    dx, step = lsq(case.x, case.g, case.scale, (case.hi, case.hi), elements)
    _, found_dx, d_scale, _ = case.run("lsq", elements)
    np.testing.assert_array_equal(found_dx, dx)
    np.testing.assert_allclose(d_scale, step, rtol=1e-10, atol=1e-10)


@given(cases(), st.sampled_from([1, 40, 640]))
@settings(max_examples=40)
def test_lsq_plus(case, elements):
    """In LSQ+'s own terms the codes are 0 … n, so Q_N = Z − lo, Q_P = hi − Z and β = −Z · s."""
    levels = case.zero - case.lo, case.hi - case.zero
    case.zero, case.lo, case.hi = 0, -levels[0], levels[1]
    assume(levels[1] > 0)  # nothing above zero: the published factor is 1 / 0
    _, step = lsq(case.x, case.g, case.scale, levels, elements)
    offset = lsq_plus_offset(case.x, case.g, case.scale, 0.0, levels, elements)
    _, _, d_scale, d_zero = case.run("lsq", elements)
    np.testing.assert_allclose(d_scale, step, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(d_zero, -case.scale * offset, rtol=1e-10, atol=1e-10)


def numeric(loss, at, step=1e-6):
    """dL/ds and dL/dz by central differences."""
    moves = (np.array([step, 0]), np.array([0, step]))
    return [(loss(*(at + move)) - loss(*(at - move))) / (2 * step) for move in moves]


@given(cases())
@settings(max_examples=40)
def test_rounding_methods_are_derivatives_with_the_rounding_errors_held(case):
    """Those of s · (clip(x / s + z + δ) − z), δ the rounding errors at the point itself."""
    v = case.x / case.scale + case.zero
    held = np.rint(v) - v

    def loss(scale, zero):
        codes = np.clip(case.x / scale + zero + held, case.lo, case.hi)
        return case.g @ (scale * (codes - zero))

    edge = np.isin(np.rint(v), (case.lo, case.hi))  # exactly on the clip's kink once δ is added
    case.g = np.where(edge, 0.0, case.g)
    _, _, *found = case.run("pact+")
    expected = numeric(loss, np.array([case.scale, case.zero]))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-5)


@given(cases(past_ends=False))
@settings(max_examples=40)
def test_pact_is_the_derivative_of_the_clip_alone(case):
    def loss(scale, zero):
        return case.g @ np.clip(case.x, (case.lo - zero) * scale, (case.hi - zero) * scale)

    _, _, *found = case.run("pact")
    expected = numeric(loss, np.array([case.scale, case.zero]))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("method", RANGES, ids=lambda method: method.name)
def test_what_rounds_to_the_last_level_is_inside(method):
    """The published clips end half a step earlier, where y is continuous in x all the same."""
    case = Case(0, -8, 7, 0, 0.5)
    case.x, case.g = np.array([3.7, 3.8, -4.2, -4.3]), np.ones(4)
    assert case.run(method.name)[1].tolist() == [1.0, 0.0, 1.0, 0.0]


@pytest.mark.parametrize("method", RANGES, ids=lambda method: method.name)
def test_only_what_is_learned_gets_a_gradient(method):
    case = Case(1, -8, 7, 3, 0.5)
    _, _, d_scale, d_zero = case.run(method.name)
    assert (d_scale is not None and d_zero is not None) == method.learned
    assert not method.rounding or method.learned
    assert not (method.learned and method.observed)


def test_lsq_steps_of_a_wider_layer_are_shorter():
    case = Case(2, -8, 7, 0, 0.5)
    narrow, wide = case.run("lsq", 10), case.run("lsq", 1000)
    np.testing.assert_allclose(narrow[2], 10 * wide[2], rtol=EXACT)
    np.testing.assert_allclose(case.run("pact+")[2], narrow[2] * np.sqrt(10 * 7), rtol=EXACT)


def test_a_learned_zero_beyond_the_codes_counts_as_the_last_of_them():
    case = Case(3, -8, 7, 9, 0.5)
    inside = Case(3, -8, 7, 7, 0.5)
    inside.x = case.x
    for method in LEARNED:
        for found, expected in zip(case.run(method), inside.run(method), strict=True):
            np.testing.assert_array_equal(found, expected)
