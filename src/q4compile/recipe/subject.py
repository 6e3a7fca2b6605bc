"""What a recipe is asked about: one tensor in one role at one node, as plain values.

Whoever knows the graph fills these in; the recipe knows no graph.
"""

import math
from dataclasses import dataclass
from typing import Self

from q4compile.numerics.histogram import Histogram

ROLES = (
    "bias",
    "cell",
    "gate",
    "hidden",
    "input",
    "recurrent_weight",
    "table",
    "weight",
)
CONSTANT_ROLES = frozenset({"bias", "recurrent_weight", "table", "weight"})
POSITIONS = ("first", "last", "middle")
BOUNDS = ("clip", "hardsigmoid", "none", "relu", "sigmoid", "softmax", "tanh")
OUTLIER_SIGMAS = 4.0  # of a normal distribution, 6e-5 lies beyond


@dataclass(frozen=True)
class Measured:
    """Statistics of a tensor's values: over calibration, or of the weights themselves."""

    max_abs: float
    kurtosis: float
    """Fourth standardized moment: 3 for a normal distribution, 1.8 for a uniform one."""
    skew: float
    outlier_share: float
    """Share of values beyond 4 standard deviations from the mean, in [0, 1]."""

    @classmethod
    def of(cls, histogram: Histogram) -> Self:
        """The statistics of everything that was added to `histogram`."""
        return cls(
            max_abs=histogram.extent.max_abs,
            kurtosis=histogram.kurtosis,
            skew=histogram.skew,
            outlier_share=histogram.outlier_share(OUTLIER_SIGMAS),
        )


@dataclass(frozen=True)
class Subject:
    """A tensor in its role; `shape` has None where an axis is dynamic."""

    component: str
    node: str
    op: str
    role: str
    name: str
    shape: tuple[int | None, ...]
    position: frozenset[str] = frozenset()
    """`first` and `last`: the node is the first or last quantizable one of its component; else
    `middle`."""
    producer: str | None = None
    """The op that computes the tensor; None for an input of the model or a constant."""
    consumers: frozenset[str] = frozenset()
    """The ops that read the tensor."""
    bounded_by: str = "none"
    """The op whose range bounds the values, in lower case, or `none`."""
    measured: Measured | None = None

    @property
    def size(self) -> int | None:
        """The number of elements; None when an axis is dynamic."""
        known = [axis for axis in self.shape if axis is not None]
        return math.prod(known) if len(known) == len(self.shape) else None

    @property
    def place(self) -> str:
        """``node 'joint/out' (MatMul), weight 'W' [256, 46]``: the tensor in words."""
        axes = ", ".join("?" if axis is None else str(axis) for axis in self.shape)
        return f"node {self.node!r} ({self.op}), {self.role} {self.name!r} [{axes}]"
