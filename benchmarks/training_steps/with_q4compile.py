"""q4compile's stack at W4A4: SAWB weights, learned ranges of the inputs and of h."""

from collections.abc import Callable

import torch
from serve import LAYERS, main
from torch import Tensor, nn

from q4compile.qat import Activation, Constant, Lstm, Weight


class Layer(nn.Module):
    """One bidirectional layer with its input on a grid of its own."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        rows = 4 * hidden
        shapes = {"W": (2, rows, features), "R": (2, rows, hidden)}
        w, r = (
            Weight(name, shape, "int4", "sawb", channel_axes=(0, 1), row_elements=shape[2])
            for name, shape in shapes.items()
        )
        b, h = Constant("B", (2, 2 * rows)), Activation("h", "int4", "lsq")
        self.input = Activation("x", "int4", "lsq")
        self.lstm = Lstm(w, r, b, hidden_size=hidden, direction="bidirectional", h=h)
        with torch.no_grad():
            for constant in (w, r, b):
                constant.value.uniform_(-(hidden**-0.5), hidden**-0.5)
            h.scale.fill_(1 / 8)
            self.input.scale.fill_(3 / 8)

    def forward(self, x: Tensor) -> Tensor:
        """float[T, B, 2 · hidden]."""
        y, _, _ = self.lstm(self.input(x))
        return y.transpose(1, 2).flatten(2)


def build(features: int, hidden: int, calibrate: Callable[[nn.Module], None]) -> nn.Module:
    """Two bidirectional layers; ranges are given, so nothing is calibrated."""
    widths = [features, *[2 * hidden] * (LAYERS - 1)]
    return nn.Sequential(*(Layer(width, hidden) for width in widths))


if __name__ == "__main__":
    main(build)
