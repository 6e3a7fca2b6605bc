"""The plain form of recurrent layers against torch's layers; its gradients against differences."""

import pytest
import torch
from recurrent_layers import KINDS, Case, plain
from torch import nn

TORCH = {
    "lstm": (nn.LSTM, {}),
    "gru-linear": (nn.GRU, {}),
    "rnn": (nn.RNN, {}),
    "rnn-relu": (nn.RNN, {"nonlinearity": "relu"}),
}
ORDER = {"lstm": (0, 2, 3, 1), "gru-linear": (1, 0, 2), "rnn": (0,), "rnn-relu": (0,)}
"""For each of torch's gates (LSTM i, f, g, o; GRU r, z, n) its place among ONNX's."""


def torchs(case, layer):
    """torch's layer with the weights of ours, in float64."""
    kind, options = TORCH[case.kind]
    theirs = kind(case.width, case.hidden, bidirectional=case.directions == 2, **options).double()
    ours, recurrent = layer.b().chunk(2, -1)
    parts = {"weight_ih": layer.w(), "weight_hh": layer.r(), "bias_ih": ours, "bias_hh": recurrent}
    suffixes = ("", "_reverse")[: case.directions]
    with torch.no_grad():
        for name, value in parts.items():
            for d, suffix in zip(range(case.directions), suffixes, strict=True):
                blocks = value[d].chunk(len(ORDER[case.kind]))
                turned = torch.cat([blocks[gate] for gate in ORDER[case.kind]])
                getattr(theirs, f"{name}_l0{suffix}").copy_(turned)
    return theirs


@pytest.mark.parametrize("kind", sorted(TORCH))
@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
@pytest.mark.parametrize("lengths", [None, (6, 5, 2)])
def test_without_grids_it_is_torchs_layer(kind, direction, lengths):
    case = Case(kind, direction, grid=None, weights="fp32", lengths=lengths, states=True)
    layer, inputs = case.layer().double(), case.inputs()
    x, _, *states = (None if each is None else each.double() for each in inputs)
    y, *finals = layer(x, inputs[1], *states)
    theirs, given = torchs(case, layer), tuple(states) if kind == "lstm" else states[0]
    if lengths is None:
        expected, last = theirs(x, given)
    else:
        packed = nn.utils.rnn.pack_padded_sequence(x, inputs[1])
        expected, last = theirs(packed, given)
        expected = nn.utils.rnn.pad_packed_sequence(expected)[0]
    joined = y.transpose(1, 2).flatten(2)
    torch.testing.assert_close(joined, expected, rtol=1e-12, atol=1e-12)
    for ours, final in zip(finals, last if kind == "lstm" else [last], strict=True):
        torch.testing.assert_close(ours, final, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_gradients_are_the_differences(kind):
    case = Case(kind, steps=3, batch=2, width=2, hidden=2, grid=None, weights="fp32", states=True)
    case = Case(**{**vars(case), "lengths": (3, 2)})
    layer = case.layer().double()
    x, lengths, *states = case.inputs()
    reals = [each.double().requires_grad_() for each in (x, *states)]
    names = [name for name, _ in layer.named_parameters()]

    def outputs(x, *rest):
        values = dict(zip(names, rest[len(states) :], strict=True))
        return torch.func.functional_call(layer, values, (x, lengths, *rest[: len(states)]))

    assert torch.autograd.gradcheck(outputs, (*reals, *layer.parameters()))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_float_layers_agree_in_both_forms(kind):
    case = Case(kind, grid=None, weights="fp32")
    compiled, eager = case.layer()(*case.inputs()), plain(case.layer())(*case.inputs())
    for ours, theirs in zip(compiled, eager, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=2e-6)
