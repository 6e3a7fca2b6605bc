"""A float network read in halves: every weight, bias and table as it is, activations in f16."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from q4compile.errors import Finding
from q4compile.lower.findings import Refused, place_of
from q4compile.numerics.half import LARGEST, Half, nearest_half
from q4compile.quantize.network import HALF, Network, Node, WeightGrid

HALVES = "fp16"
"""The format of weights that are read in halves."""
MATRIX_AXES = 2
FLOAT_FIX = "lower the float model that it was made of, or leave out --precision"


def halved(network: Network) -> Network:
    """`network` with all its matrices in the format `HALVES`."""
    ones = np.ones(1, np.float32)
    matrices = {
        name: WeightGrid(HALVES, ones, (0,), array.size)
        for name, array in network.constants.items()
        if array.dtype.kind == "f" and array.ndim >= MATRIX_AXES
    }
    return replace(network, weights=matrices)


def quantizer_findings(component: str, network: Network) -> Iterator[Finding]:
    """Q329 for the first quantizer of a network that is to be read in halves."""
    for node in network.nodes:
        grids = [grid for grid in _grids(node) if grid not in (None, HALF)]
        weights = [each.value for each in node.inputs if each.value in network.weights]
        if grids or weights:
            got = f"the grid '{grids[0]}'" if grids else f"codes for '{weights[0]}'"
            refused = Refused("Q329", "a float model, for precision fp16", got, FLOAT_FIX)
            yield refused.finding(f"component {component}, {place_of(node)}")
            return


def _grids(node: Node) -> tuple[str | None, ...]:
    return (*(each.grid for each in node.inputs), node.hidden, node.cell, node.gate)


def halves_of(numbers: NDArray[Any], name: str) -> Half:
    """The nearest halves; Refused (Q324) for numbers beyond ±65504."""
    largest = float(np.abs(numbers).max(initial=0))
    if largest > LARGEST:
        raise Refused("Q324", f"weights up to ±{LARGEST:g}", f"{largest:g} in '{name}'")
    return nearest_half(numbers)
