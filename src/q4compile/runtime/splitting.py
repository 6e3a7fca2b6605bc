"""An executor whose calls are cut to the batch that a machine's program was made for."""

from collections.abc import Mapping

import numpy as np

from q4compile.runtime.executor import Array, Executor, Ports


class SplittingExecutor:
    """run(...) of another executor, `most` rows at a time: the same outputs, in several calls.

    The batch is axis 0 of inputs and outputs, and axis 1 of states.
    """

    def __init__(self, executor: Executor, most: int) -> None:
        self.executor, self.most = executor, most

    @property
    def components(self) -> Mapping[str, Ports]:
        """Component name → its ports."""
        return self.executor.components

    def run(self, component: str, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Output name → array; raises what the executor raises."""
        ports = self.components[component]
        rows = len(feeds[ports.inputs[0].name])
        if rows <= self.most:
            return self.executor.run(component, feeds)
        axes = {name: 1 for each in ports.states for name in (each.input_name, each.output_name)}
        parts = []
        for first in range(0, rows, self.most):
            chosen = np.arange(first, min(first + self.most, rows))
            own = {key: array.take(chosen, axes.get(key, 0)) for key, array in feeds.items()}
            parts.append(self.executor.run(component, own))
        return {
            key: np.concatenate([part[key] for part in parts], axis=axes.get(key, 0))
            for key in parts[0]
        }
