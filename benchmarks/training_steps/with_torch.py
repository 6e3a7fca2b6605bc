"""The float stack as users write it: the time and the memory that the others are divided by."""

from collections.abc import Callable

from serve import LAYERS, main
from torch import nn


def build(features: int, hidden: int, calibrate: Callable[[nn.Module], None]) -> nn.Module:
    """Two bidirectional layers."""
    return nn.LSTM(features, hidden, LAYERS, bidirectional=True)


if __name__ == "__main__":
    main(build)
