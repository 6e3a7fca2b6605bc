"""What every component of an emitted package has in common: its ports, and one way to call it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn


@dataclass(frozen=True)
class Port:
    """A value that enters or leaves: its ONNX name, number type and axes.

    An axis is a length, the name of a dynamic one, or None for one without a name.
    """

    name: str
    dtype: str
    shape: tuple[int | str | None, ...]


@dataclass(frozen=True)
class State:
    """A recurrent state float32[directions, batch, units], zero before the first step."""

    input_name: str
    output_name: str
    directions: int
    units: int


class Component(nn.Module):
    """outputs, state after = f(inputs, state): whole sequences in one call, or step by step.

    ``forward(*inputs, state=None)`` returns one tensor per entry of `OUTPUTS`, and after them one
    per entry of `STATES` if `state` is given: a tensor per entry, or None for zeros. A component
    without states has no such parameter.
    """

    INPUTS: ClassVar[tuple[Port, ...]] = ()
    OUTPUTS: ClassVar[tuple[Port, ...]] = ()
    STATES: ClassVar[tuple[State, ...]] = ()

    __call__: Callable[..., tuple[Tensor, ...]]

    def run(
        self, inputs: Sequence[Tensor], state: Sequence[Tensor | None] = ()
    ) -> tuple[Tensor, ...]:
        """The outputs, then the states after; an empty `state` is that before the first step."""
        if not self.STATES:
            return self(*inputs)
        return self(*inputs, state=tuple(state) or (None,) * len(self.STATES))
