"""Constructor calls of parameters and quantizers, as they stand in the emitted code."""

import numpy as np

from q4compile.qat.emit.members import Part
from q4compile.qat.emit.names import literal
from q4compile.quantize.network import HALF, Network


def weight_part(network: Network, name: str) -> Part:
    """``Weight("joint.weight", (256, 46), "int4", "mse")``."""
    grid, shape = network.weights[name], network.constants[name].shape
    arguments = [literal(name), str(tuple(shape)), literal(grid.format), literal(grid.range)]
    if tuple(grid.channel_axes) != (1,):
        arguments.append(f"channel_axes={tuple(grid.channel_axes)}")
    arguments.append(f"row_elements={grid.row_elements}")
    flags = {"narrow": grid.narrow, "half_scales": grid.half_scales}
    arguments += [f"{flag}=False" for flag, value in flags.items() if not value]
    return Part(f"weight {name}", "Weight", f"Weight({', '.join(arguments)})")


def constant_part(network: Network, name: str, trainable: bool) -> Part:
    """``Constant("joint.bias", (46,), "fp16")``."""
    array = np.asarray(network.constants[name])
    real = array.dtype == np.float32
    stored = HALF if name in network.halves else "fp32" if real else array.dtype.name
    arguments = [literal(name), str(array.shape)]
    if stored != "fp32":
        arguments.append(literal(stored))
    trained = real and trainable and bool(np.isfinite(array).all())
    if not trained:
        arguments.append("trainable=False")
    return Part(f"constant {name}", "Constant", f"Constant({', '.join(arguments)})", trained)


def grid_part(network: Network, name: str) -> Part:
    """``Activation("/joint/Tanh_output_0", "int4", "lsq")``."""
    if name == HALF:
        return Part(HALF, "Activation", f"Activation({literal(HALF)}, {literal(HALF)})")
    grid = network.grids[name]
    arguments = [literal(name), literal(grid.format), literal(grid.range)]
    if not grid.symmetric:
        arguments.append("symmetric=False")
    if grid.zero_point:
        arguments.append(f"zero_point={int(grid.zero_point)}")
    return Part(f"grid {name}", "Activation", f"Activation({', '.join(arguments)})")
