"""What a model needs of trained tensors, and what keeps them from going into its file."""

from collections.abc import Iterator, Mapping

import numpy as np

from q4compile.errors import Finding
from q4compile.numerics.formats import FORMATS
from q4compile.quantize.network import Array, Network
from q4compile.quantize.network_read import Located
from q4compile.quantize.slots import Slot

SCALE, ZERO_POINT = ".scale", ".zero_point"
FLOAT32, INT32 = np.dtype(np.float32), np.dtype(np.int32)


def slots_of(network: Network, tensors: Mapping[str, Array]) -> dict[str, Slot]:
    """What `tensors` must hold: every weight and every grid, and a constant if they hold it."""
    layers = _layers(network)
    slots: dict[str, Slot] = {}
    for name, array in network.constants.items():
        if name not in network.weights and name not in tensors:
            continue
        kind = np.dtype(np.float16) if name in network.halves else array.dtype
        finite = array.dtype.kind != "f" or bool(np.isfinite(array).all())
        slots[name] = Slot(array.shape, kind, layers[name], "weight" if finite else "constant")
    for name, weight in network.weights.items():
        slots[f"{name}{SCALE}"] = Slot(weight.scales.shape, FLOAT32, layers[name], "scale")
    for name, grid in network.grids.items():
        codes = FORMATS[grid.format].codes()
        slots[f"{name}{SCALE}"] = Slot((), FLOAT32, layers[name], "scale")
        slots[f"{name}{ZERO_POINT}"] = Slot((), INT32, layers[name], "zero point", codes)
    return slots


def shifted(located: Located, tensors: Mapping[str, Array]) -> Iterator[Finding]:
    """Q158 for every zero point that the file has no initializer for."""
    for name in located.network.grids:
        zero_point = int(tensors[f"{name}{ZERO_POINT}"])
        if zero_point and any(each.zero_point is None for each in located.quantizers[name]):
            yield Finding(
                "Q158",
                "a number that the file cannot hold",
                f"'{name}{ZERO_POINT}'",
                "0: the quantizer in the file has no zero point",
                f"{zero_point}",
                "train it as a symmetric grid",
            )


def _layers(network: Network) -> dict[str, str]:
    """Constant or grid → the first node that reads it."""
    found = dict.fromkeys(network.constants, "none")
    for node in reversed(network.nodes):
        read = [each for operand in node.inputs for each in (operand.value, operand.grid)]
        for name in filter(None, (*read, node.hidden, node.cell, node.gate)):
            found[name] = f"'{node.name}' ({node.op})"
    return found
