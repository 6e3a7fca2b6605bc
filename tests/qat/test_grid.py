"""What holds for an activation's grid whatever sets its range, and the ranges that move."""

import copy
import io
import threading
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from q4compile.qat import Activation, statistics
from q4compile.qat.ranges import RANGES
from q4compile.quantize.ranges.registry import range_setter
from q4compile.quantize.ranges.sawb import COEFFICIENTS

SINGLE = 1e-5
"""Relative; of float32 statistics over some hundreds of numbers."""


def grid(setter, symmetric=True, format="int4", scale=0.4, zero_point=0):
    """A grid as a file gives it."""
    made = Activation("x", format, setter, symmetric, zero_point)
    with torch.no_grad():
        made.scale.fill_(scale)
    return made


def batch(seed=0, spread=1.0):
    return torch.randn(16, 24, generator=torch.Generator().manual_seed(seed)) * spread


@pytest.fixture(params=RANGES, ids=lambda method: method.name)
def method(request):
    return request.param


@pytest.fixture(params=[True, False], ids=["symmetric", "asymmetric"])
def symmetric(request):
    return request.param


def test_in_evaluation_every_value_is_a_level_and_nothing_moves(method, symmetric):
    x = batch(spread=2)
    quantizer = grid(method.name, symmetric, zero_point=0 if symmetric else 3).eval()
    before = copy.deepcopy(quantizer.state_dict())
    y = quantizer(x)
    scale, zero = quantizer.encoding()
    codes = y / scale + zero
    assert torch.equal(codes, codes.round())
    assert codes.min() == -8
    assert codes.max() == 7
    assert torch.equal(quantizer(y), y), "a level is its own nearest level"
    assert all(torch.equal(before[key], value) for key, value in quantizer.state_dict().items())


def test_what_is_learned_is_a_parameter_with_a_gradient_and_what_is_not_a_buffer(method, symmetric):
    x = batch(spread=2).requires_grad_()
    quantizer = grid(method.name, symmetric, zero_point=0 if symmetric else 3)
    quantizer(x).square().sum().backward()
    learned = dict(quantizer.named_parameters())
    wanted = {"scale"} | ({"zero"} if not symmetric else set())
    assert learned.keys() == (wanted if method.learned else set())
    assert learned.keys() | dict(quantizer.named_buffers()).keys() == {"scale", "zero"}
    for parameter in learned.values():
        assert parameter.grad.shape == ()
        assert parameter.grad.isfinite()
        assert parameter.grad != 0
    low, high = quantizer.clips
    outside = (x < low - quantizer.scale) | (x > high + quantizer.scale)
    assert outside.any()
    assert not x.grad[outside].any(), "what is clipped has no gradient"


def test_a_copy_and_a_state_are_the_same_grid(method, symmetric):
    quantizer = grid(method.name, symmetric)
    quantizer(batch())
    twin = copy.deepcopy(quantizer)
    assert type(twin.scale) is type(quantizer.scale)
    stream = io.BytesIO()
    torch.save(quantizer.state_dict(), stream)
    stream.seek(0)
    fresh = Activation("x", "int4", method.name, symmetric)
    fresh.load_state_dict(torch.load(stream, weights_only=True))
    x = batch(1)
    expected = quantizer.eval()(x)
    assert torch.equal(twin.eval()(x), expected)
    assert torch.equal(fresh.eval()(x), expected)
    with torch.no_grad():
        twin.scale.mul_(2)
    assert twin.encoding() != quantizer.encoding()


def test_two_calls_before_one_backward_pass(method, symmetric):
    quantizer = grid(method.name, symmetric)
    first, second = batch(0).requires_grad_(), batch(1).requires_grad_()
    (quantizer(first).sum() + quantizer(second).sum()).backward()
    apart = grid(method.name, symmetric)
    alone = batch(0).requires_grad_()
    apart(alone).sum().backward()
    assert torch.equal(first.grad, alone.grad), "the range of the first call, not of the second"


def test_no_numbers_and_numbers_that_are_none_move_nothing(method, symmetric):
    quantizer = grid(method.name, symmetric)
    for x in (torch.empty(0, 3), torch.tensor([[1.0, torch.inf]]), torch.tensor([[torch.nan]])):
        assert quantizer(x).shape == x.shape
    assert quantizer.encoding() == (pytest.approx(0.4), 0)


def test_a_scalar(method, symmetric):
    quantizer = grid(method.name, symmetric).eval()
    assert quantizer(torch.tensor(0.9)) == torch.tensor(0.4) * 2


def test_copies_of_averaged_models_follow(method):
    """torch's own exponential moving average: parameters are averaged, buffers copied."""
    network = nn.Sequential(grid(method.name))
    averaged = torch.optim.swa_utils.AveragedModel(network)
    averaged.update_parameters(network)
    assert averaged.module[0].encoding() == network[0].encoding()


@given(st.lists(st.integers(0, 2**32), min_size=1, max_size=6), st.floats(0.05, 4.0))
@settings(max_examples=20)
def test_minmax_is_the_moving_average_of_both_ends(seeds, scale):
    one, two = grid("minmax", True, scale=scale), grid("minmax", False, scale=scale)
    clip = 7 * np.float64(np.float32(scale))
    low, high = -8 * np.float64(np.float32(scale)), clip
    for seed in seeds:
        x = batch(seed) + 0.5
        one(x), two(x)
        clip += 0.1 * (float(x.abs().max()) - clip)
        low += 0.1 * (float(x.min()) - low)
        high += 0.1 * (float(x.max()) - high)
    assert one.encoding() == (pytest.approx(clip / 7, rel=SINGLE), 0)
    step = (high - low) / 15
    assert float(two.scale) == pytest.approx(step, rel=SINGLE)
    assert float(two.zero) == pytest.approx(-8 - low / step, rel=SINGLE, abs=SINGLE)


@given(st.lists(st.integers(0, 2**32), min_size=1, max_size=6), st.sampled_from([2, 3, 4, 8]))
@settings(max_examples=20)
def test_sawb_is_the_moving_average_of_its_clip(seeds, bits):
    quantizer, top = grid("sawb", format=f"int{bits}"), 2 ** (bits - 1) - 1
    clip = top * 0.4
    for seed in seeds:
        x = batch(seed)
        quantizer(x)
        wide = x.double().numpy()
        c1, c2 = COEFFICIENTS[bits]
        found = c1 * np.sqrt((wide**2).mean()) + c2 * abs(wide).mean()
        clip += 0.1 * (min(found, abs(wide).max()) - clip)
    assert float(quantizer.scale) == pytest.approx(clip / top, rel=2e-5)


@pytest.mark.parametrize("setter", ["minmax", "sawb"])
@pytest.mark.parametrize("zero_point", [0, -8, 5])
def test_a_range_that_fits_stays(setter, zero_point, symmetric):
    """Though the codes reach one further below zero than above."""
    quantizer = grid(setter, symmetric, scale=0.25, zero_point=zero_point)
    scale = quantizer.encoding()[0]
    reach = scale * (7 - zero_point)
    ends = (-reach, reach) if symmetric else (scale * (-8 - zero_point), reach)
    x = torch.tensor([ends])
    with patch.object(Activation, "_seen", lambda self, x: ends):
        for _ in range(200):
            quantizer(x)
    assert quantizer.encoding() == (pytest.approx(scale, rel=SINGLE), zero_point)


@pytest.mark.parametrize("setter", ["minmax", "sawb"])
def test_a_moving_range_ends_where_calibration_would_put_it(setter, symmetric):
    quantizer, x = grid(setter, symmetric, scale=3.0), batch() + (0.7 if not symmetric else 0.0)
    for _ in range(300):
        quantizer(x)
    low, high = quantizer.clips
    if setter == "minmax":
        assert high == pytest.approx(float(x.max()), rel=0.1)
        expected = -8 / 7 * float(x.abs().max()) if symmetric else float(x.min())
        assert low == pytest.approx(expected, rel=0.1)
    else:
        clip = float(statistics.sawb_clips(x.reshape(1, -1), 4))
        assert high == pytest.approx(clip, rel=0.1)


def test_small_steps_of_a_zero_point_add_up():
    """Each moves it by less than half a code: rounded every time, it would stay for ever."""
    quantizer = grid("minmax", False, scale=1.0, zero_point=0)
    x = torch.tensor([[-10.0, 5.0]])
    for _ in range(100):
        quantizer(x)
    assert quantizer.encoding() == (pytest.approx(1.0, rel=1e-3), 2)


@pytest.mark.parametrize("setter", ["minmax", "sawb"])
def test_silence_narrows_the_range_and_leaves_it_above_nothing(setter, symmetric):
    quantizer = grid(setter, symmetric)
    for _ in range(2000):
        quantizer(torch.zeros(4, 4))
    scale, _ = quantizer.encoding()
    assert 0 < scale < 1e-30
    assert quantizer(torch.zeros(4, 4)).eq(0).all()


class Twins:
    """Stands in for torch.distributed with two processes, which are threads here."""

    def __init__(self, count):
        self.barrier, self.given = threading.Barrier(count, timeout=20), {}
        self.ReduceOp = torch.distributed.ReduceOp

    def is_available(self):
        return True

    def is_initialized(self):
        return True

    def all_reduce(self, tensor, operation):
        """As torch.distributed; waits for all."""
        self.given[threading.get_ident()] = tensor.clone()
        self.barrier.wait()
        every = torch.stack(list(self.given.values()))
        total = every.amax(0) if operation == self.ReduceOp.MAX else every.sum(0)
        self.barrier.wait()
        tensor.copy_(total)


@pytest.mark.parametrize("setter", ["minmax", "sawb"])
@pytest.mark.parametrize("shares", [(8, 8), (3, 13), (0, 16)])
def test_processes_that_train_together_agree_on_the_range_of_all_of_it(setter, symmetric, shares):
    x = batch() + 0.3
    alone = grid(setter, symmetric)
    alone(x)
    together = [grid(setter, symmetric) for _ in shares]
    with patch.object(statistics, "dist", Twins(len(shares))):
        pairs = zip(together, x.split(shares), strict=True)
        threads = [threading.Thread(target=each, args=(part,)) for each, part in pairs]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    assert torch.equal(together[0].scale, together[1].scale)
    assert torch.equal(together[0].zero, together[1].zero)
    for found, expected in ((together[0].scale, alone.scale), (together[0].zero, alone.zero)):
        torch.testing.assert_close(found, expected, rtol=SINGLE, atol=SINGLE)


@pytest.mark.parametrize("format", ["fp16", "fp32"])
def test_a_float_grid_rounds_to_its_type_and_has_no_tensors(format):
    quantizer, x = Activation("x", format), batch().requires_grad_()
    y = quantizer(x)
    assert torch.equal(y, x.half().float() if format == "fp16" else x)
    y.sum().backward()
    assert x.grad.eq(1).all()
    assert dict(quantizer.tensors()) == {}
    assert not quantizer.state_dict()


def test_its_tensors_go_by_the_names_of_the_file():
    quantizer = grid("lsq", symmetric=False, zero_point=3)
    named = dict(quantizer.tensors())
    assert named.keys() == {"x.scale", "x.zero_point"}
    assert named["x.scale"] is quantizer.scale
    assert quantizer.encoding() == (float(np.float32(0.4)), 3)
    assert quantizer.clips == (pytest.approx(-4.4), pytest.approx(1.6))


def test_every_way_a_recipe_sets_a_range_can_be_trained():
    for method in RANGES:
        assert range_setter(method.name).name == method.name


def test_a_step_of_lsq_does_not_depend_on_how_much_is_in_the_batch():
    """N is the number of features, so that padding and processes leave it as it is."""
    x, dy = batch(), torch.ones(16, 24)
    whole = grid("lsq")
    whole(x).backward(dy)
    halves = grid("lsq")
    for part, slope in zip(x.chunk(2), dy.chunk(2), strict=True):
        halves(part).backward(slope)
    torch.testing.assert_close(whole.scale.grad, halves.scale.grad, rtol=SINGLE, atol=SINGLE)
