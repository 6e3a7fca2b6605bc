"""Weights on their grids: the codes of the file, whoever computes them, and straight gradients."""

import copy

import numpy as np
import pytest
import torch
from closed_forms import lsq, pact_plus_symmetric
from hypothesis import given, settings
from hypothesis import strategies as st

from q4compile.numerics.formats import format_named
from q4compile.qat import Constant, Weight
from q4compile.qat.ranges import RANGES
from q4compile.quantize.encoding import Encoding, encode_rows, weight_codes, within_float16
from q4compile.quantize.ranges.registry import range_setter
from q4compile.quantize.rows import Blocking
from q4compile.recipe.scheme import Scheme

BLOCKINGS = [
    Blocking((6, 8), (0,), 8),  # Gemm, transposed
    Blocking((8, 6), (1,), 8),  # MatMul
    Blocking((8, 6), (1,), 48),  # one scale for all
    Blocking((8, 6), (1,), 4),  # groups
    Blocking((2, 12, 5), (0, 1), 5),  # LSTM of two directions, per channel
    Blocking((2, 12, 5), (0, 1), 15),  # per gate
    Blocking((4, 3, 5, 2), (0,), 30),  # Conv
    Blocking((3, 4, 2), (1,), 6),  # channels in the middle
]
every_blocking = pytest.mark.parametrize("rows", BLOCKINGS, ids=str)
ROUNDING = 2.0**-22
"""Relative; two float32 means of the same numbers, added in another order."""


def weight(rows, setter="lsq", format="int4", seed=0, **how):
    made = Weight("w", rows.shape, format, setter, rows.channel_axes, rows.row_elements, **how)
    noise = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        made.value.copy_(torch.randn(rows.shape, generator=noise))
        made.scale.copy_(torch.rand(made.scale.shape, generator=noise) * 0.4 + 0.05)
    return made


def file_values(made, scales):
    """What the file gives: the nearest codes, of scales in two bytes where these hold them."""
    if within_float16(scales):
        scales = scales.astype(np.float16).astype(np.float32)
    hi = made.format.codes(narrow=True)[1]
    codes = weight_codes(
        made.value.detach().numpy(), made.rows, Encoding(made.format, scales, 0, -hi, hi)
    )
    return made.rows.restored(made.rows.rows(codes.astype(np.float32)) * scales[:, None])


@every_blocking
@pytest.mark.parametrize("setter", [method.name for method in RANGES])
def test_in_evaluation_it_is_what_the_file_gives(rows, setter):
    made = weight(rows, setter).eval()
    found = made().detach()
    assert found.shape == rows.shape
    np.testing.assert_array_equal(found, file_values(made, made.scale.detach().numpy()))


@pytest.mark.parametrize("format", ["int2", "int3", "int4", "int8"])
@given(st.integers(0, 2**32), st.floats(-30, 18))
@settings(max_examples=25)
def test_codes_are_those_of_the_file_at_any_scale(format, seed, exponent):
    """Beyond what float16 holds at its full precision, too: scales are float32 then."""
    made = weight(BLOCKINGS[0], format=format, seed=seed).eval()
    with torch.no_grad():
        made.scale.mul_(2.0**exponent)
        made.value.mul_(2.0**exponent)
        halves = torch.tensor([0.5, 1.5, -2.5, 3.5, -7.5, 6.5, 0.0, -0.5])
        made.value[0] = halves * made.scale[0].half().float().clamp(max=65504)  # ties
    found = made().detach()
    np.testing.assert_array_equal(found, file_values(made, made.scale.detach().numpy()))


@pytest.mark.parametrize("setter", ["sawb", "minmax"])
@pytest.mark.parametrize("format", ["int2", "int3", "int4", "int8"])
@given(st.integers(0, 2**32), st.sampled_from(BLOCKINGS), st.sampled_from([1.0, 1e-4, 1e4]))
@settings(max_examples=20)
def test_scales_taken_anew_are_those_of_quantize(setter, format, seed, rows, spread):
    """minmax to the bit; sawb to the last bit of float16, or of its sums where those are kept."""
    made = weight(rows, setter, format, seed)
    with torch.no_grad():
        made.value.mul_(spread)
    made.refresh()
    values = rows.rows(made.value.detach().numpy())
    clips = range_setter(setter).of_rows(values, Scheme(format_named(format), range=setter))
    expected = encode_rows(clips, made.format).scales
    if setter == "minmax":
        np.testing.assert_array_equal(made.scale, expected)
        return
    last_bit = np.spacing(expected.astype(np.float16)).astype(np.float32)
    allowed = last_bit if within_float16(expected) else 60 * ROUNDING * expected
    assert (abs(made.scale.numpy() - expected) <= allowed).all()


def test_a_row_of_zeros_has_a_scale_and_codes_of_zero():
    made = weight(BLOCKINGS[0], "sawb")
    with torch.no_grad():
        made.value[2] = 0
    made.refresh()
    assert made.scale[2] == 1
    assert made()[2].eq(0).all()


@pytest.mark.parametrize("setter", ["sawb", "minmax"])
def test_training_takes_the_scales_from_the_weights_and_evaluation_keeps_them(setter):
    made = weight(BLOCKINGS[0], setter)
    stored = made.scale.clone()
    made.eval()()
    assert torch.equal(made.scale, stored)
    trained = made.train()().detach()
    assert not torch.equal(made.scale, stored)
    assert torch.equal(made.eval()(), trained)


@pytest.mark.parametrize("method", RANGES, ids=lambda method: method.name)
def test_gradients_of_every_range(method):
    """Straight through where the range follows the weights; where it is learned, zero outside."""
    made = weight(BLOCKINGS[4], method.name)
    slopes = torch.linspace(-1, 2, 120).reshape(made.value.shape)
    made().backward(slopes)
    rows = made.rows.rows(made.value.detach().numpy())
    outside = made.rows.restored(np.abs(rows / made.scale.detach().numpy()[:, None]) > 7.5)
    assert outside.any() or not method.learned
    expected = np.where(outside, 0, slopes) if method.learned else slopes
    np.testing.assert_array_equal(made.value.grad, expected)
    assert (made.scale.grad is not None) == method.learned
    assert isinstance(made.scale, torch.nn.Parameter) == method.learned


@pytest.mark.parametrize("setter", ["lsq", "pact+"])
def test_each_row_learns_its_own_scale(setter):
    made = weight(BLOCKINGS[0], setter)
    with torch.no_grad():
        made.scale.copy_(made.scale.half())  # so that rounding to float16 changes nothing
    slopes = torch.randn(6, 8, generator=torch.Generator().manual_seed(1))
    made().backward(slopes)
    values = zip(made.value.detach().double().numpy(), slopes.double().numpy(), strict=True)
    scales = made.scale.detach().double().numpy()
    for (x, g), scale, found in zip(values, scales, made.scale.grad, strict=True):
        if setter == "lsq":
            _, expected = lsq(x, g, scale, (7, 7), 8)
        else:
            expected = 7 * pact_plus_symmetric(x, g, 7 * scale, 14)[1]
        assert float(found) == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_a_learned_scale_moves_though_float16_does_not():
    made = weight(BLOCKINGS[0], "pact+")
    made().sum().backward()
    with torch.no_grad():
        made.scale.copy_(made.scale.half().float() * (1 + 2.0**-14))
    stored = made().detach()
    with torch.no_grad():
        made.scale.copy_(made.scale.half().float())
    assert torch.equal(made(), stored), "the file holds two bytes of it"


@pytest.mark.parametrize("method", RANGES, ids=lambda method: method.name)
@pytest.mark.parametrize("spread", [1.0, 1e-6])
def test_two_calls_before_one_backward_pass(method, spread):
    made = weight(BLOCKINGS[0], method.name)
    with torch.no_grad():
        made.value.mul_(spread)
        made.scale.mul_(spread)
    (made().sum() + made().sum()).backward()
    assert made.value.grad.isfinite().all()


@pytest.mark.parametrize("method", RANGES, ids=lambda method: method.name)
def test_a_copy_and_a_state_are_the_same_weight(method):
    made = weight(BLOCKINGS[5], method.name)
    twin, fresh = copy.deepcopy(made), weight(BLOCKINGS[5], method.name, seed=9)
    fresh.load_state_dict(made.state_dict())
    expected = made.eval()()
    assert torch.equal(twin.eval()(), expected)
    assert torch.equal(fresh.eval()(), expected)
    assert set(made.state_dict()) == {"value", "scale"}


def test_grids_of_other_tools_use_every_code_and_float32_scales():
    made = weight(BLOCKINGS[0], "fixed", narrow=False, half_scales=False).eval()
    with torch.no_grad():
        made.value[0] = -100.0
    scales = made.scale.detach().numpy()
    encoding = Encoding(made.format, scales, 0, -8, 7)
    codes = weight_codes(made.value.detach().numpy(), made.rows, encoding)
    assert codes.min() == -8
    np.testing.assert_array_equal(made().detach(), codes.astype(np.float32) * scales[:, None])


def test_its_tensors_go_by_the_names_of_the_file():
    made = weight(BLOCKINGS[4])
    named = dict(made.tensors())
    assert named.keys() == {"w", "w.scale"}
    assert named["w"] is made.value
    assert named["w.scale"].shape == (24,)
    low, high = made.clips
    assert low == pytest.approx(7 * float(made.scale.detach().min()))
    assert high == pytest.approx(7 * float(made.scale.detach().max()))


def test_other_devices_and_types_use_plain_torch():
    made = weight(BLOCKINGS[4], "sawb")
    single = made().detach()
    made.double()
    torch.testing.assert_close(made().detach(), single.double(), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(("format", "error"), [("fp32", 0.0), ("fp16", 2.0**-11)])
def test_a_float_constant_is_rounded_and_its_gradient_is_not(format, error):
    made = Constant("b", (5,), format)
    values = torch.tensor([0.1, -1.3, 1e5, 3e-8, 2.0])[: 5 if format == "fp32" else 2]
    with torch.no_grad():
        made.value[: len(values)] = values
    found = made()
    assert found.dtype == torch.float32
    torch.testing.assert_close(found[: len(values)], values, rtol=error, atol=0)
    assert torch.equal(found, made.value) == (format == "fp32")
    found.sum().backward()
    assert made.value.grad.eq(1).all()
    assert dict(made.tensors()) == {"b": made.value}


@pytest.mark.parametrize(
    ("format", "dtype"), [("int64", torch.int64), ("bool", torch.bool), ("fp32", torch.float32)]
)
def test_what_is_not_trained_is_a_buffer(format, dtype):
    made = Constant("axes", (2,), format, trainable=False)
    assert not list(made.parameters())
    assert made().dtype == dtype
    assert set(made.state_dict()) == {"value"}
