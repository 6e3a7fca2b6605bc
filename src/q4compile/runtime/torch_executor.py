"""Components that are torch functions: tensors in, tensors out, no gradients."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from q4compile.runtime.executor import Array, Ports

Network = Callable[..., Sequence[Tensor]]
"""The component's inputs in the order of its ports, then its states; outputs and states alike."""


class TorchExecutor:
    """An `Executor` over torch functions, one per component."""

    def __init__(self, networks: Mapping[str, tuple[Network, Ports]]) -> None:
        self._networks = networks

    @property
    def components(self) -> Mapping[str, Ports]:
        """Component name → its ports."""
        return {name: ports for name, (_, ports) in self._networks.items()}

    @torch.inference_mode()
    def run(self, component: str, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Output name → array."""
        network, ports = self._networks[component]
        read = [port.name for port in ports.inputs] + [state.input_name for state in ports.states]
        written = [port.name for port in ports.outputs]
        written += [state.output_name for state in ports.states]
        results = network(*(torch.from_numpy(np.ascontiguousarray(feeds[name])) for name in read))
        return {name: result.numpy() for name, result in zip(written, results, strict=True)}
