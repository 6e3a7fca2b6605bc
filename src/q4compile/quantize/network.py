"""A network without its quantizers: which node reads which value on which grid.

    x ─ QuantizeLinear ─ DequantizeLinear ─ MatMul    becomes    MatMul (x on grid "x")

Plain values and numpy arrays: what trainable code is written from. Module `network_read` makes it
of an ONNX graph.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Float32 = NDArray[np.float32]

HALF = "fp16"
"""The grid of what is rounded to float16; it has no entry in `Network.grids`."""
LEARNED = "lsq"
"""The range setter of a grid whose file does not name one."""


@dataclass(frozen=True)
class Port:
    """A value: its numpy type (``float32``, ``int64``, ``bool``) and its axes.

    An axis is a length, the name of a dynamic one, or None; `shape` is None for an unknown rank.
    """

    name: str
    dtype: str
    shape: tuple[int | str | None, ...] | None


@dataclass(frozen=True)
class Operand:
    """An input of a node: a value's name, "" where it is left out.

    The node reads the value on `grid`: a name in `Network.grids`, `HALF`, or None for as it is.
    """

    value: str
    grid: str | None = None


@dataclass(frozen=True)
class Node:
    """One operator of the float network.

    `hidden`, `cell` and `gate` are the grids of what a recurrent node quantizes at every step.
    Attributes are Python numbers, strings, tuples of them, and numpy arrays.
    """

    name: str
    op: str
    domain: str
    component: str
    inputs: tuple[Operand, ...]
    outputs: tuple[str, ...]
    """"" for an output that nobody takes."""
    attributes: Mapping[str, Any]
    hidden: str | None = None
    cell: str | None = None
    gate: str | None = None
    cell_range: tuple[float, float] | None = None
    """The least and the greatest cell state that calibration saw, where the file tells."""


@dataclass(frozen=True)
class WeightGrid:
    """``w = q · scale`` by rows of a `quantize.rows.Blocking`, q in the codes of `format`.

    `narrow` says that q = −w is a code wherever q = w is (int4: −7 to 7), `half_scales` that
    scales are float16 numbers where float16 holds them at full precision.
    """

    format: str
    scales: Float32
    """[R], one per row."""
    channel_axes: tuple[int, ...]
    row_elements: int
    range: str = LEARNED
    narrow: bool = True
    half_scales: bool = True


@dataclass(frozen=True)
class ActivationGrid:
    """``x = (q − zero_point) · scale``, q in the full range of codes of `format`."""

    format: str
    scale: np.float32
    zero_point: int
    symmetric: bool
    range: str = LEARNED


@dataclass(frozen=True)
class Network:
    """Everything that trainable code needs to know of a model.

    `constants` hold real numbers as float32, dequantized, in the shape of their initializer, and
    integers as they are; those in `halves` are stored as float16. `values` describes every value
    that a node reads or makes, graph inputs and outputs included. Names of weights and of constants
    are those of the file; a grid is named after the value that it was made for.
    """

    name: str
    opset: int
    components: tuple[str, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    nodes: tuple[Node, ...]
    """In an order in which each comes after those it reads from."""
    constants: Mapping[str, Array]
    weights: Mapping[str, WeightGrid]
    grids: Mapping[str, ActivationGrid]
    halves: frozenset[str]
    values: Mapping[str, Port]
    metadata: Mapping[str, str]
