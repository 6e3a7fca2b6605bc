"""Compiled recurrent layers against plain torch, and what only they can get wrong."""

import copy
from dataclasses import replace

import pytest
import torch
from hypothesis import assume, given, settings
from recurrent_layers import KINDS, Case, cases, nearest_border, plain, step

VALUES, GRADIENTS = 1e-6, 1e-5
"""What float32 sums in another order may differ by, relative to the largest, or to 1."""
BORDER = 1e-4
"""Codes that h must be away from the next one: closer, either code is right."""


def same_steps(layer, other, inputs):
    """Equal but for `VALUES` and `GRADIENTS`; the scale's is of rounding errors, h's in codes."""
    outputs, gradients = step(layer, [copy.deepcopy(x) for x in inputs])
    expected, by_hand = step(other, [copy.deepcopy(x) for x in inputs])
    for ours, theirs in zip(outputs, expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=VALUES, rtol=VALUES)
    largest = max(float(each.abs().max()) for each in by_hand.values())
    for name, theirs in by_hand.items():
        bound = GRADIENTS * max(largest, 1.0)
        bound /= float(layer.h.scale.detach()) if name == "h.scale" else 1.0
        torch.testing.assert_close(gradients[name], theirs, atol=bound, rtol=GRADIENTS, msg=name)


@given(cases())
@settings(max_examples=60)
def test_the_compiled_form_is_the_plain_one(case):
    assume(nearest_border(case) > BORDER)
    same_steps(case.layer(), plain(case.layer()), case.inputs())


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_compiled_form_runs_where_it_can(kind, monkeypatch):
    layer = Case(kind).layer()
    monkeypatch.setattr(layer, "_eager", None)
    layer(*Case(kind).inputs())


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_one_utterance_is_its_row_of_a_batch(kind):
    case = Case(kind, lengths=(6, 2, 4), states=True)
    layer, (x, lengths, *states) = case.layer(), case.inputs()
    whole = layer(x, lengths, *states)
    for b, length in enumerate(lengths):
        alone = layer(x[:length, b : b + 1], None, *(state[:, b : b + 1] for state in states))
        torch.testing.assert_close(whole[0][:length, :, b : b + 1], alone[0], rtol=0, atol=VALUES)
        assert not whole[0][length:, :, b].any()
        for together, own in zip(whole[1:], alone[1:], strict=True):
            torch.testing.assert_close(together[:, b : b + 1], own, rtol=0, atol=VALUES)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_steps_one_by_one_are_the_sequence(kind):
    case = Case(kind, direction="forward")
    layer, (x, _) = case.layer(), case.inputs()
    whole, *finals = layer(x)
    state = ()
    for t, frame in enumerate(x):
        y, *state = layer(frame[None], None, *state)
        torch.testing.assert_close(y[0], whole[t], rtol=0, atol=VALUES)
    for ours, theirs in zip(state, finals, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=VALUES)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_second_backward_pass_gives_the_same(kind):
    case = Case(kind)
    layer, (x, _) = case.layer(), case.inputs()
    total = sum(each.square().sum() for each in layer(x))
    first = torch.autograd.grad(total, list(layer.parameters()), retain_graph=True)
    second = torch.autograd.grad(total, list(layer.parameters()))
    for one, two in zip(first, second, strict=True):
        assert torch.equal(one, two)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_frame_of_no_numbers_shows(kind):
    case = replace(Case(kind), direction="forward")
    layer, (x, _) = case.layer(), case.inputs()
    x[2, 1, 0] = torch.nan
    y = layer(x)[0]
    assert y[2, 0, 1].isnan().all()
    assert not y[:, :, 0].isnan().any()


def test_inputs_in_any_memory_order():
    case = Case()
    layer, (x, _) = case.layer(), case.inputs()
    turned = x.transpose(0, 1).contiguous().transpose(0, 1)
    assert not turned.is_contiguous()
    for ours, theirs in zip(layer(turned), layer(x), strict=True):
        assert torch.equal(ours, theirs)


def test_float32_under_autocast():
    case = Case()
    layer, (x, _) = case.layer(), case.inputs()
    with torch.autocast("cpu", torch.bfloat16):
        mixed = layer(x.bfloat16())
    for ours, theirs in zip(mixed, layer(x.bfloat16().float()), strict=True):
        assert ours.dtype == torch.float32
        assert torch.equal(ours, theirs)


def test_the_input_gets_no_gradient_it_does_not_need():
    case = Case()
    layer, (x, _) = case.layer(), case.inputs()
    layer(x)[0].sum().backward()
    assert x.grad is None and layer.w.value.grad is not None
