"""Biases that other tools store as int32 codes: ``b ≈ q · s_x · s_w``.

Their scale is that of the product they are added to, and runtimes count on it: a fused convolution
adds the codes without looking at the scale. So it follows the scales it was made of.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import onnx_ir as ir

from q4compile.quantize.absorb_put import Written
from q4compile.quantize.constant_chains import Array, stored_numbers
from q4compile.quantize.encoding import Float32
from q4compile.quantize.network import Network
from q4compile.quantize.network_read import Located

CLOSE = 1e-6
"""Float32 products of the same two numbers differ by less, relative to either."""


def bias_codes(
    located: Located, name: str, tensors: Mapping[str, Array], scales: Mapping[str, Float32]
) -> Iterator[Written]:
    """The codes of the bias `name`, and its scales where they follow others.

    `scales` are the new ones of every weight. A bias that did not change keeps its codes.
    """
    found = located.constants[name]
    assert found.scales is not None and found.step is not None, "int32 codes have scales"
    old, step = stored_numbers(found.scales), found.step
    new = old
    for x, weight in _factors(located.network, name, old):
        product = np.float32(tensors[f"{x}.scale"]) * scales[weight]
        new = np.asarray(product, np.float32).reshape(old.shape)
        step = np.broadcast_to(new, step.shape)
    if np.array_equal(new, old) and np.array_equal(tensors[name], found.values):
        return
    codes = np.rint(tensors[name].astype(np.float64) / step)
    ends = np.iinfo(np.int32)
    stored = ir.Tensor(np.clip(codes, ends.min, ends.max).astype(np.int32))
    yield from (Written(found.stored, stored), Written(found.scales, ir.Tensor(new)))


def _factors(network: Network, bias: str, scales: Array) -> Iterator[tuple[str, str]]:
    """The grid and the weight whose scales, multiplied, are those of a bias; none if none are."""
    for node in network.nodes:
        names = [operand.value for operand in node.inputs]
        if bias not in names or scales.ndim > 1:
            continue
        x, weight = node.inputs[0].grid, names[1] if len(names) > 1 else ""
        if x is None or x not in network.grids or weight not in network.weights:
            continue
        product = network.grids[x].scale * network.weights[weight].scales
        if product.size == scales.size and np.allclose(product, scales.reshape(-1), CLOSE, 0):
            yield x, weight
            return
