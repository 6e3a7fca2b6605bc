"""Weights are finite: one pass over the stored numbers."""

from collections.abc import Iterator

import numpy as np
import onnx_ir as ir

from q4compile.errors import Finding

MULTIPLIED = {
    *("BatchNormalization", "Conv", "ConvTranspose", "GRU", "Gather", "Gemm", "GroupNormalization"),
    *("InstanceNormalization", "LSTM", "LayerNormalization", "MatMul", "Mul", "RNN"),
}
"""Operators for which an infinite constant is a mistake; elsewhere −∞ is how a mask is written."""


def weight_findings(model: ir.Model) -> Iterator[Finding]:
    """Q106 for each stored tensor that holds a NaN, or an infinity where weights are expected."""
    for value in stored_values(model):
        tensor = value.const_value
        if isinstance(tensor, ir.StringTensor) or tensor is None:
            continue
        array = tensor.numpy()  # maps external data now, before its file can be replaced
        if tensor.dtype.is_floating_point() and not np.isfinite(array).all():
            yield from _broken(value.name or "", value, array)


def stored_values(model: ir.Model) -> Iterator[ir.Value]:
    """Every initializer of `model` and of its subgraphs."""
    for graph in model.graphs():
        yield from graph.initializers.values()


def _broken(name: str, value: ir.Value, array: np.ndarray) -> Iterator[Finding]:
    weight = any(user.op_type in MULTIPLIED for user in value.consumers())
    bad = ~np.isfinite(array) if weight else np.isnan(array)
    count = int(np.count_nonzero(bad))
    if count:
        first = tuple(int(index) for index in np.unravel_index(int(np.argmax(bad)), bad.shape))
        users = ", ".join(sorted(f"'{user.name}' ({user.op_type})" for user in value.consumers()))
        yield Finding(
            "Q106",
            "NaN or infinite weights",
            f"tensor '{name}' {tensor_kind(array)}" + (f" of {users}" if users else ""),
            "finite numbers",
            f"{count} of {array.size} not finite, first {array[first]} at {list(first)}",
            "train further from an earlier checkpoint, or look for a division by zero",
        )


def tensor_kind(array: np.ndarray) -> str:
    """``float32[4, 256]``: the element type and shape of `array`."""
    return f"{array.dtype}{list(array.shape)}"
