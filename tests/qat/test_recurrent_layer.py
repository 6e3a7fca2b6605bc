"""Which form of a recurrent layer runs, and how the ranges inside it move."""

import copy
from dataclasses import replace

import pytest
import torch
from recurrent_layers import KINDS, Case, grid, plain

from q4compile.qat import Activation, Lstm
from q4compile.qat.grid import MOMENTUM
from q4compile.qat.recurrent_products import CodeProducts, Codes, FloatProducts, products


def observed(case, **grids):
    """The case's layer with grids that training takes from the numbers."""
    layer = case.layer()
    for name, made in grids.items():
        setattr(layer, name, made)
    return layer


@pytest.mark.parametrize("form", ["compiled", "plain"])
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_minmax_moves_once_per_call_towards_the_float_states(kind, form):
    case = Case(kind, range="minmax", lengths=(6, 2, 0))
    layer = case.layer() if form == "compiled" else plain(case.layer())
    before = float(layer.h.scale)
    x, lengths = case.inputs()
    layer(x, lengths)
    float_h = replace(case, grid=None).layer()(x, lengths)[0].detach()
    wanted = float(float_h.abs().max()) / layer.h.hi
    assert float(layer.h.scale) == pytest.approx(before + MOMENTUM * (wanted - before), rel=1e-5)


def test_frames_behind_the_end_move_no_range():
    case = Case(range="minmax", lengths=(6, 3, 1))
    layers = [case.layer() for _ in range(2)]
    for layer in layers:
        layer.gate, layer.c = grid("int8", "minmax"), grid("int8", "sawb")
    x, lengths = case.inputs()
    louder = x.clone()
    louder[3:, 1], louder[1:, 2] = 50.0, -50.0
    for layer, frames in zip(layers, (x, louder), strict=True):
        layer(frames, lengths)
    for name in ("h", "c", "gate"):
        one, other = (getattr(layer, name).encoding() for layer in layers)
        assert one == other
        assert one != (
            Case().layer().h.encoding() if name == "h" else grid("int8", "minmax").encoding()
        )


def test_evaluation_moves_no_range():
    case = Case(range="minmax")
    layer = case.layer().eval()
    before = layer.h.encoding()
    layer(*case.inputs())
    assert layer.h.encoding() == before


def test_two_calls_before_one_backward_pass():
    case = Case(range="minmax")
    layer, (x, _) = case.layer(), case.inputs()
    (layer(x)[0].sum() + layer(x)[0].sum()).backward()
    assert layer.w.value.grad.abs().sum() > 0


@pytest.mark.parametrize("name", ["c", "gate"])
def test_grids_of_the_cell_and_of_the_gates_take_the_plain_form(name, monkeypatch):
    case = Case()
    layer = observed(case, **{name: grid("int8", "lsq")})
    monkeypatch.setattr(layer, "_fused", None)
    layer(*case.inputs())[0].sum().backward()
    assert getattr(layer, name).scale.grad is not None


def test_a_float16_state():
    case = Case()
    layer = observed(case, h=Activation("h", "fp16"))
    y = layer(*case.inputs())[0]
    assert torch.equal(y, y.half().float())


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_copy_is_a_layer_of_its_own(kind):
    case = Case(kind)
    layer, inputs = case.layer(), case.inputs()
    layer(*inputs)[0].sum().backward()
    other = copy.deepcopy(layer)
    with torch.no_grad():
        other.h.scale.mul_(2)
    assert torch.equal(case.layer()(*inputs)[0], layer(*inputs)[0])
    assert not torch.equal(other(*inputs)[0], layer(*inputs)[0])


def r_of(case):
    layer = case.layer()
    return layer.r, layer.r().detach()


def test_codes_times_scales_are_the_weights():
    weight, value = r_of(Case())
    codes = Codes.of(weight, value)
    assert torch.equal(codes.codes * codes.scales[..., None], value)
    assert codes.codes.abs().max() <= 7


@pytest.mark.parametrize("case", [Case(weights="fp32"), Case(weights="int8"), Case(hidden=1)])
def test_products_that_codes_do_not_help(case):
    assert Codes.of(*r_of(case)) is None


def test_scales_of_more_than_a_channel():
    weight, value = r_of(Case())
    per_gate = copy.deepcopy(weight)
    per_gate.rows = type(weight.rows)(weight.rows.shape, (0, 1), 25)
    per_gate.scale = torch.nn.Parameter(torch.full((8,), 0.125))
    codes = Codes.of(per_gate, (value / 0.125).round() * 0.125)
    assert codes.scales.shape == value.shape[:2] and codes.scales.unique().tolist() == [0.125]
    per_group = copy.deepcopy(weight)
    per_group.rows = type(weight.rows)(weight.rows.shape, (0, 1), 1)
    assert Codes.of(per_group, value) is None


@pytest.mark.parametrize(("format", "form"), [("int8", CodeProducts), ("uint8", FloatProducts)])
def test_states_that_int8_holds(format, form):
    weight, value = r_of(Case())
    layer = Lstm(weight, weight, hidden_size=5, h=Activation("h", format))
    lo, hi = layer.h.lo, layer.h.hi
    made = products(value, Codes.of(weight, value), 0, (0.1, 0, lo, hi))
    assert isinstance(made, form)
