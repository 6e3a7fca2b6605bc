"""A network of every kind of tensor that a package holds, and a package folder of it."""

import torch

from q4compile.qat import Activation, Constant, QatModule, Weight


class Joint(QatModule):
    """``Q(x) · Wᵀ + b`` at 4 bits, with a learned grid of each kind."""

    def __init__(self, weights=None):
        super().__init__()
        self.x = Activation("joint.x", "int4", "lsq", symmetric=False, zero_point=-3)
        self.w = Weight("joint.w", (6, 8), "int4", "lsq", channel_axes=(0,), row_elements=8)
        self.table = Weight("table", (5, 4), "int2", "sawb", channel_axes=(0,), row_elements=4)
        self.b = Constant("joint.b", (6,), "fp16")
        self.steps = Constant("steps", (), "int64")
        self.half = Activation("joint.half", "fp16")
        if weights is not None:
            self.load(weights)

    def forward(self, x):
        return self.half(self.x(x)) @ self.w().t() + self.b()


def filled(network, seed=0):
    """`network` with numbers of its own in every tensor."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, tensor in network.tensors().items():
            if tensor.dtype == torch.int64:
                tensor.fill_(3)
            elif name.endswith(".zero_point"):
                tensor.fill_(-2)
            else:
                tensor.copy_(torch.rand(tensor.shape) + 0.01)
    network.about = {"format_version": 1, "model": "joint", "props": {"q4compile.units": "é"}}
    return network
