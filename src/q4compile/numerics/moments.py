"""Second moments of vectors, summed as they stream by: flat in memory."""

import numpy as np
from numpy.typing import NDArray


class SecondMoments:
    """``sums[d] = Σ x·xᵀ`` over the vectors along the last axis: ``float64[D, K, K]``.

    With `split_axis`, the slices along that axis (the directions of a recurrent output) are kept
    apart; without, D is 1.
    """

    def __init__(self, split_axis: int | None = None) -> None:
        self.split_axis = split_axis
        self.sums: NDArray[np.float64] | None = None

    def add(self, values: NDArray[np.generic]) -> None:
        """Take in every vector of `values`, float32 of shape ``[..., K]``."""
        parts = [values] if self.split_axis is None else np.moveaxis(values, self.split_axis, 0)
        vectors = [np.asarray(part, np.float32).reshape(-1, values.shape[-1]) for part in parts]
        if self.sums is None:
            length = values.shape[-1]
            self.sums = np.zeros((len(vectors), length, length))
        for sums, each in zip(self.sums, vectors, strict=True):
            sums += each.T @ each
