"""Arrays that grow: what is known of each prefix, by number."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


class Column:
    """column.take(i) == the values last put at i, along `axis`; the array doubles as it fills."""

    def __init__(self, example: NDArray[Any], axis: int = 0) -> None:
        """Hold nothing yet; items have the shape and type of `example`, but along `axis`."""
        self.axis = axis
        shape = list(example.shape)
        shape[axis] = 0
        self.data: NDArray[Any] = np.zeros(shape, example.dtype)

    def reserve(self, count: int) -> None:
        """Make room for `count` items; new ones are zero."""
        have = self.data.shape[self.axis]
        if count <= have:
            return
        shape = list(self.data.shape)
        shape[self.axis] = max(count, 2 * have) - have
        self.data = np.concatenate([self.data, np.zeros(shape, self.data.dtype)], axis=self.axis)

    def take(self, at: Ints) -> NDArray[Any]:
        """The items `at`, in a new array."""
        return self.data.take(at, axis=self.axis)

    def put(self, at: Ints, values: NDArray[Any]) -> None:
        """Write items."""
        self.data[(slice(None),) * self.axis + (at,)] = values
