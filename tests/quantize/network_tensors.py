"""The tensors of an untrained package, by their ONNX names."""

import numpy as np


def tensors_of(network):
    tensors = dict(network.constants)
    for name, weight in network.weights.items():
        tensors[f"{name}.scale"] = weight.scales
    for name, grid in network.grids.items():
        tensors[f"{name}.scale"] = np.array(grid.scale)
        tensors[f"{name}.zero_point"] = np.array(grid.zero_point, np.int32)
    return tensors


def stored(model):
    """Initializer → its type, shape and bytes."""
    held = {name: value.const_value for name, value in model.graph.initializers.items()}
    return {name: (each.dtype, tuple(each.shape), each.tobytes()) for name, each in held.items()}
