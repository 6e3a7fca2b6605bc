"""The compiled pass against plain torch: the same numbers, whatever the tensor looks like."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import q4compile
from q4compile.numerics import rounding
from q4compile.qat import fake_quantize
from q4compile.qat.fake_quantize import FakeQuantize
from q4compile.qat.ranges import BY_NAME, Bounds

PLAIN = BY_NAME["pact+"]
ROUNDING = 2.0**-20
"""Of float32 sums over a few numbers, relative to the sum of their magnitudes."""
ANY = st.floats(width=32)
SCALES = st.floats(2.0**-20, 2.0**20, width=32)
GRIDS = st.sampled_from([(-2, 1), (-7, 7), (-8, 7), (0, 15), (-128, 127), (-32768, 32767)])


def run(x, dy, scale, zero, bounds, method=PLAIN):
    """y, dL/dx, dL/ds and dL/dz."""
    inputs = [each.detach().requires_grad_() for each in (x, scale, zero)]
    y = FakeQuantize.apply(*inputs, bounds, method, True)
    return y.detach(), *torch.autograd.grad(y, inputs, dy)


def eager(*arguments):
    """As `run`, in plain torch."""
    with patch.object(fake_quantize, "_compiled", lambda x: False):
        return run(*arguments)


def same(one, other):
    """Equal numbers; NaN equals NaN."""
    return bool(((one == other) | (one.isnan() & other.isnan())).all())


def agree(x, dy, scale, zero, bounds):
    """y and dL/dx bit for bit; what the range gets, within the rounding of its sums."""
    compiled, plain = (each(x, dy, scale, zero, bounds) for each in (run, eager))
    assert compiled[0].shape == compiled[1].shape == x.shape
    assert same(compiled[0], plain[0])
    assert same(compiled[1], plain[1])
    reach = float(max(abs(bounds.hi - zero).max(), abs(bounds.lo - zero).max())) + 1
    magnitude = dy.abs().sum() * reach * max(float(scale.max()), 1.0)
    for found, expected in zip(compiled[2:], plain[2:], strict=True):
        assert torch.equal(found.isnan(), expected.isnan())
        assert float((found - expected).nan_to_num().abs().max()) <= ROUNDING * magnitude


@st.composite
def tensors(draw, elements=ANY):
    shape = draw(array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=9))
    return torch.from_numpy(draw(arrays(np.float32, shape, elements=elements)))


def slopes(x):
    return torch.linspace(-1, 2, x.numel()).reshape(x.shape)


@given(tensors(), SCALES, GRIDS, st.data())
@settings(max_examples=150)
def test_any_numbers_nan_and_infinity_included(x, scale, ends, data):
    zero = data.draw(st.integers(*ends))
    bounds = Bounds(*ends, 1)
    agree(x, slopes(x), torch.tensor(scale), torch.tensor(float(zero)), bounds)


@given(st.integers(0, 2**32), SCALES, GRIDS)
@settings(max_examples=50)
def test_ties_and_the_edges_of_the_range(seed, scale, ends):
    """Multiples of half a step: every tie there is."""
    noise = np.random.default_rng(seed)
    halves = noise.integers(2 * ends[0] - 6, 2 * ends[1] + 7, 40).astype(np.float32)
    x = torch.from_numpy(halves) * torch.tensor(scale) / 2
    agree(x, slopes(x), torch.tensor(scale), torch.tensor(0.0), Bounds(*ends, 1))


@given(st.integers(0, 2**32), GRIDS)
@settings(max_examples=50)
def test_one_scale_per_row(seed, ends):
    noise = torch.Generator().manual_seed(seed)
    scales = torch.rand(5, generator=noise) + 0.01
    x = torch.randn(5, 33, generator=noise) * ends[1] * 0.6
    x[1, 2], x[2, 3], x[3, 4] = torch.inf, -torch.inf, torch.nan
    agree(x, slopes(x), scales, torch.zeros(5), Bounds(*ends, 33))


def test_sums_of_many_numbers_keep_their_bits():
    """One number after the other, float32 would lose a hundredth of two million."""
    x, ones = torch.full((2_000_001,), 100.0), torch.ones(2_000_001)
    _, _, d_scale, _ = run(x, ones, torch.tensor(1.0), torch.tensor(0.0), Bounds(-8, 7, 1))
    assert d_scale == 7 * 2_000_001


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x.t(),
        lambda x: x[::2, 1::3],
        lambda x: x[:, :1].expand(-1, 7),
        lambda x: x.reshape(4, 1, 6, 1).to(memory_format=torch.channels_last),
        lambda x: x.flatten()[3],
        lambda x: x[:0],
    ],
    ids=["transposed", "strided", "expanded", "channels last", "scalar", "empty"],
)
def test_any_layout(view):
    x = view(torch.randn(4, 6, generator=torch.Generator().manual_seed(0)) * 4)
    dy = slopes(x).to(x.device)
    agree(x, dy, torch.tensor(0.7), torch.tensor(2.0), Bounds(-8, 7, 1))
    agree(x, torch.ones(()).expand(x.shape), torch.tensor(0.7), torch.tensor(2.0), Bounds(-8, 7, 1))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_other_number_types_stay_what_they_are(dtype):
    x = torch.linspace(-4, 4, 33).to(dtype)
    scale, zero = torch.tensor(0.5), torch.tensor(0.0)
    y, dx, d_scale, d_zero = run(x, torch.ones_like(x), scale, zero, Bounds(-8, 7, 1))
    assert y.dtype == dx.dtype == dtype
    assert d_scale.dtype == d_zero.dtype == torch.float32
    single = run(x.float(), torch.ones(33), scale, zero, Bounds(-8, 7, 1))
    assert same(y.float(), single[0])
    assert same(dx.float(), single[1])


def test_infinity_saturates_and_the_range_learns_of_it():
    x = torch.tensor([torch.inf, -torch.inf, 0.25])
    y, dx, d_scale, d_zero = run(
        x, torch.ones(3), torch.tensor(1.0), torch.tensor(0.0), Bounds(-8, 7, 1)
    )
    assert y.tolist() == [7.0, -8.0, 0.0]
    assert dx.tolist() == [0.0, 0.0, 1.0]
    assert (d_scale, d_zero) == (7 - 8 - 0.25, -2)


def test_nan_is_not_hidden():
    """onnxruntime gives the lowest code; in training, what went wrong has to be seen."""
    x = torch.tensor([torch.nan, 1.0])
    y, _, d_scale, _ = run(x, torch.ones(2), torch.tensor(1.0), torch.tensor(0.0), Bounds(-8, 7, 1))
    assert y.isnan().tolist() == [True, False]
    assert d_scale.isnan()


@given(tensors(st.floats(allow_nan=False, width=32)), SCALES, GRIDS, st.data())
@settings(max_examples=50)
def test_the_forward_pass_is_that_of_numerics(x, scale, ends, data):
    zero = data.draw(st.integers(*ends))
    grid = torch.tensor(scale), torch.tensor(float(zero))
    y = FakeQuantize.apply(x, *grid, Bounds(*ends, 1), PLAIN, True)
    with np.errstate(over="ignore"):  # far outside, x / scale is infinite, and saturates
        expected = rounding.fake_quantize(x.numpy(), scale, zero, *ends)
    np.testing.assert_array_equal(y, expected)


def test_one_grid_used_twice_gets_the_sum():
    scale, zero = torch.tensor(0.5, requires_grad=True), torch.tensor(0.0)
    x = torch.linspace(-9, 9, 40)
    once = run(x, slopes(x), scale, zero, Bounds(-8, 7, 1))[2]
    again = run(x / 3, slopes(x), scale, zero, Bounds(-8, 7, 1))[2]
    total = sum(
        (FakeQuantize.apply(each, scale, zero, Bounds(-8, 7, 1), PLAIN, True) * slopes(x)).sum()
        for each in (x, x / 3)
    )
    total.backward()
    torch.testing.assert_close(scale.grad, once + again, rtol=1e-6, atol=0)


def test_without_the_clip_the_gradient_passes_as_it_came():
    x = torch.linspace(-9, 9, 40, requires_grad=True)
    grid = torch.tensor(0.5), torch.tensor(0.0), Bounds(-8, 7, 1)
    y = FakeQuantize.apply(x, *grid, BY_NAME["sawb"], False)
    assert y.grad_fn.saved_tensors == (), "nothing is kept for a gradient that needs nothing"
    (dx,) = torch.autograd.grad(y, x, slopes(x.detach()))
    assert torch.equal(dx, slopes(x.detach()))


def test_only_x_may_need_a_gradient_and_only_the_range():
    x, scale, zero = torch.linspace(-9, 9, 40), torch.tensor(0.5), torch.tensor(0.0)
    expected = run(x, slopes(x), scale, zero, Bounds(-8, 7, 1))
    for which in range(3):
        inputs = [
            each.clone().requires_grad_(i == which) for i, each in enumerate((x, scale, zero))
        ]
        y = FakeQuantize.apply(*inputs, Bounds(-8, 7, 1), PLAIN, True)
        (found,) = torch.autograd.grad(y, inputs[which], slopes(x))
        assert torch.equal(found, expected[1 + which])


SCRIPT = """
import torch
from q4compile.qat import Activation
Activation("x", "int4")(torch.ones(5, 6))
"""
"""numba looks for a folder for every compiled function when its module is imported."""


def test_a_package_that_cannot_be_written_to_compiles_elsewhere(tmp_path):
    """numba's cache then lies where NUMBA_CACHE_DIR or the user's own folder is; no warnings."""
    source = Path(q4compile.__file__).parent
    ignored = shutil.ignore_patterns("__pycache__", "pretrained", "fonts")
    copy = shutil.copytree(source, tmp_path / "src" / "q4compile", ignore=ignored)
    for folder in [copy, *(each for each in copy.rglob("*") if each.is_dir())]:
        (folder / "__pycache__").touch()  # no folder can be made of this name, not even by root
    environment = os.environ | {
        "PYTHONPATH": str(copy.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "HOME": str(tmp_path / "home"),
    }
    command = [sys.executable, "-W", "error", "-c", SCRIPT]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert list((tmp_path / "cache").rglob("*.nbi")), "compiled once and for all"
