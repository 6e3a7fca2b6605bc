"""NVIDIA ModelOpt's fake-quantized nn.LSTM at W4A4: it quantizes h at every step as well."""

from collections.abc import Callable

import modelopt.torch.quantization as mtq
from serve import LAYERS, main
from torch import nn

W4A4 = {
    "quant_cfg": {
        "default": {"enable": False},  # first: later rules win
        "*weight_quantizer": {"num_bits": 4, "axis": 0},
        "*input_quantizer": {"num_bits": 4, "axis": None},
    },
    "algorithm": "max",
}


def build(features: int, hidden: int, calibrate: Callable[[nn.Module], None]) -> nn.Module:
    """Two bidirectional layers, calibrated."""
    stack = nn.LSTM(features, hidden, LAYERS, bidirectional=True)
    return mtq.quantize(stack, W4A4, calibrate)


if __name__ == "__main__":
    main(build)
