"""Run one component of a model on arrays: the only thing the search knows of a backend."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]
ONNX, SIM, TORCH = "onnxruntime", "sim", "torch"
BACKENDS = (ONNX, SIM, TORCH)


@dataclass(frozen=True)
class Port:
    """An input or output of a component: its name, number of axes and kind of number."""

    name: str
    rank: int
    is_integer: bool = False


@dataclass(frozen=True)
class State:
    """A recurrent state ``[directions, batch, units]``, zero before the first step."""

    input_name: str
    output_name: str
    directions: int
    units: int


@dataclass(frozen=True)
class Ports:
    """What a component reads and writes; states are in `states` alone."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    states: tuple[State, ...] = ()


class Executor(Protocol):
    """A model whose components run one at a time."""

    @property
    def components(self) -> Mapping[str, Ports]:
        """Component name → its ports."""
        ...

    def run(self, component: str, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Output name → array, of input name → array; batch and time axes may be any length."""
        ...
