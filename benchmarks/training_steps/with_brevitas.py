"""Brevitas' QuantLSTM with 4-bit weights, inputs and states; its gates stay at 8 bits."""

from collections.abc import Callable

from brevitas.nn import QuantLSTM
from serve import LAYERS, main
from torch import nn


def build(features: int, hidden: int, calibrate: Callable[[nn.Module], None]) -> nn.Module:
    """Two bidirectional layers; the first steps of training calibrate."""
    return QuantLSTM(
        features,
        hidden,
        LAYERS,
        bidirectional=True,
        weight_bit_width=4,
        weight_scaling_per_output_channel=True,
        io_bit_width=4,
    )


if __name__ == "__main__":
    main(build)
