"""Recurrent layers of every variant with numbers of their own, and a step of training them."""

from dataclasses import dataclass

import torch
from hypothesis import strategies as st

from q4compile.qat import Activation, Constant, Gru, Lstm, Rnn, Weight

GATES = {Lstm: 4, Gru: 3, Rnn: 1}
KINDS = {
    "lstm": (Lstm, {}),
    "gru": (Gru, {}),
    "gru-linear": (Gru, {"linear_before_reset": True}),
    "rnn": (Rnn, {}),
    "rnn-relu": (Rnn, {"activation": "relu"}),
}
GRIDS = {"int2": (0.5, 0), "int4": (0.12, 0), "int8": (0.011, 0), "uint4": (0.12, 6)}
"""Scale and zero point of the hidden state."""


@dataclass(frozen=True)
class Case:
    """A layer and the shape of what it reads."""

    kind: str = "lstm"
    direction: str = "bidirectional"
    steps: int = 6
    batch: int = 3
    width: int = 4
    hidden: int = 5
    grid: str | None = "int4"
    range: str = "lsq"
    weights: str = "int4"
    bias: bool = True
    lengths: tuple[int, ...] | None = None
    states: bool = False
    seed: int = 0

    @property
    def directions(self):
        return 2 if self.direction == "bidirectional" else 1

    def layer(self):
        torch.manual_seed(self.seed)
        kind, options = KINDS[self.kind]
        rows, d = GATES[kind] * self.hidden, self.directions
        w = weight("W", self.weights, (d, rows, self.width))
        r = weight("R", self.weights, (d, rows, self.hidden))
        b = filled(Constant("B", (d, 2 * rows)), 0.3) if self.bias else None
        h = None if self.grid is None else grid(self.grid, self.range)
        size, direction = self.hidden, self.direction
        return kind(w, r, b, hidden_size=size, direction=direction, h=h, **options)

    def inputs(self):
        """x, lengths and, if there are any, the initial states."""
        torch.manual_seed(self.seed + 1)
        x = torch.randn(self.steps, self.batch, self.width)
        lengths = None if self.lengths is None else torch.tensor(self.lengths)
        count = self.states * (2 if self.kind == "lstm" else 1)
        states = [torch.randn(self.directions, self.batch, self.hidden) for _ in range(count)]
        return [x, lengths, *states]


def weight(name, format, shape):
    """A tensor whose rows are the output channels; fp32 is a constant."""
    if format == "fp32":
        return filled(Constant(name, shape), 0.5)
    made = filled(Weight(name, shape, format, "lsq", (0, 1), shape[-1]), 0.5)
    with torch.no_grad():
        made.scale.copy_(0.08 + 0.08 * torch.rand(made.scale.shape))
    return made


def filled(module, size):
    with torch.no_grad():
        module.value.copy_(torch.randn(module.value.shape) * size)
    return module


def grid(format, range):
    scale, zero = GRIDS[format]
    made = Activation("h", format, range, zero == 0, zero)
    with torch.no_grad():
        made.scale.fill_(scale)
    return made


@st.composite
def cases(draw):
    """Every variant, small."""
    steps, batch = draw(st.integers(1, 7)), draw(st.integers(1, 4))
    length = st.integers(0, steps)
    lengths = st.none() | st.lists(length, min_size=batch, max_size=batch).map(tuple)
    return Case(
        kind=draw(st.sampled_from(sorted(KINDS))),
        direction=draw(st.sampled_from(["forward", "reverse", "bidirectional"])),
        steps=steps,
        batch=batch,
        width=draw(st.integers(1, 6)),
        hidden=draw(st.integers(1, 6)),
        grid=draw(st.none() | st.sampled_from(sorted(GRIDS))),
        range=draw(st.sampled_from(["lsq", "pact", "pact+", "fixed"])),
        weights=draw(st.sampled_from(["int2", "int4", "int8", "fp32"])),
        bias=draw(st.booleans()),
        lengths=draw(lengths),
        states=draw(st.booleans()),
        seed=draw(st.integers(0, 2**16)),
    )


def plain(layer):
    """The layer in the form of plain torch, whatever it would choose."""
    layer._can_fuse = lambda x: False
    return layer


def step(layer, inputs):
    """(outputs, gradients by name) of the sum of all outputs, each number times one of its own."""
    floats = {str(k): x for k, x in enumerate(inputs) if x is not None and x.is_floating_point()}
    floats = {name: x.requires_grad_() for name, x in floats.items()}
    outputs = layer(*inputs)
    torch.manual_seed(0)
    sum((each * torch.randn(each.shape)).sum() for each in outputs).backward()
    gradients = {name: x.grad for name, x in (*floats.items(), *layer.named_parameters())}
    return [each.detach() for each in outputs], gradients


def nearest_border(case):
    """How close, in codes, any h comes to the border between two of them."""
    if case.grid is None:
        return 0.5
    layer = plain(case.layer())
    scale, near, rounded = float(layer.h.scale.detach()), [0.5], layer.h.quantized

    def watched(h):
        near.append(
            float((h.detach() / scale - 0.5).frac().abs().sub(0.5).abs().sub(0.5).abs().min())
        )
        return rounded(h)

    layer.h.quantized = watched
    with torch.no_grad():
        layer(*case.inputs())
    return min(near)
