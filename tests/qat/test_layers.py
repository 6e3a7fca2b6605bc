"""Products and tables of tensors that the file holds: shapes as ONNX has them, gradients to all."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from q4compile.qat import Activation, Constant, Conv, Embedding, Linear, Weight


def weight(shape, channel_axes, **how):
    made = Weight("w", shape, "int4", "lsq", channel_axes, **how)
    torch.manual_seed(0)
    with torch.no_grad():
        made.value.copy_(torch.randn(shape))
        made.scale.fill_(0.25)
    return made


def bias(units):
    made = Constant("b", (units,))
    with torch.no_grad():
        made.value.copy_(torch.arange(units))
    return made


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("batch", [(), (3,), (2, 3)], ids=str)
def test_linear_is_a_product_with_the_weight_as_the_file_stores_it(transposed, batch):
    shape, axes = ((5, 4), (0,)) if transposed else ((4, 5), (1,))
    layer = Linear(weight(shape, axes, row_elements=4), bias(5), transposed=transposed)
    x = torch.randn(*batch, 4)
    value = layer.weight().detach()
    expected = x @ (value.t() if transposed else value) + torch.arange(5.0)
    torch.testing.assert_close(layer(x).detach(), expected)


def test_an_embedding_counts_from_the_end_too():
    layer = Embedding(weight((6, 3), (0,), row_elements=3))
    table = layer.table().detach()
    indices = torch.tensor([[0, 5], [-1, -6]])
    assert torch.equal(layer(indices).detach(), table[indices])
    for beyond in (6, -7):
        with pytest.raises(IndexError):
            layer(torch.tensor([beyond]))


def test_a_table_of_float_numbers():
    layer = Embedding(Constant("table", (6, 3), "fp16"))
    with torch.no_grad():
        layer.table.value.fill_(1 / 3)
    assert torch.equal(layer(torch.tensor(2)).detach(), torch.full((3,), 1 / 3).half().float())


def test_a_convolution_has_the_attributes_of_onnx():
    layer = Conv(weight((4, 2, 3), (0,), row_elements=6), bias(4), strides=[2], pads=[2, 1])
    x = torch.randn(1, 2, 9)
    padded = functional.pad(x, (2, 1))
    expected = functional.conv1d(padded, layer.weight(), torch.arange(4.0), stride=2)
    torch.testing.assert_close(layer(x), expected)


LAYERS = {
    "linear": (lambda: Linear(weight((4, 5), (1,), row_elements=4), bias(5)), torch.randn(3, 4)),
    "embedding": (lambda: Embedding(weight((4, 5), (0,), row_elements=5)), torch.arange(4)),
    "conv": (lambda: Conv(weight((3, 4, 1), (0,), row_elements=4)), torch.randn(2, 4, 6)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_every_parameter_gets_a_gradient_and_a_copy_its_own(name):
    make, x = LAYERS[name]
    layer = make()
    layer.out = Activation("out", "int4", "lsq")
    other = copy.deepcopy(layer)
    layer.out(layer(x)).square().sum().backward()
    assert all(each.grad is not None and each.grad.any() for each in layer.parameters())
    assert all(each.grad is None for each in other.parameters())


def test_one_weight_in_two_layers_gets_both_gradients():
    shared = weight((4, 4), (1,), row_elements=4)
    x = torch.randn(3, 4)
    gradients = []
    for layers in ((0,), (1,), (0, 1)):
        chain = nn.ModuleList([Linear(shared), Linear(shared, transposed=True)])
        shared.zero_grad()
        sum(chain[each](x).sum() for each in layers).backward()
        gradients.append([each.grad.clone() for each in shared.parameters()])
    for one, other, both in zip(*gradients, strict=True):
        torch.testing.assert_close(one + other, both)
