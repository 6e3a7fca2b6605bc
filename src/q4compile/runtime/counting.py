"""An executor that counts: which component ran how often, on arrays of which size."""

from collections import Counter
from collections.abc import Mapping

from q4compile.runtime.executor import Array, Executor, Ports

Shape = tuple[int, ...]


class CountingExecutor:
    """run(...) of another executor, and in `calls` how often each size came.

    `calls[component][shape]` counts the runs whose first input had that shape: batch first, then
    time where the component sees a sequence. A model of the machine's time needs no more.
    """

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self.calls: dict[str, Counter[Shape]] = {name: Counter() for name in executor.components}

    @property
    def components(self) -> Mapping[str, Ports]:
        """Component name → its ports."""
        return self.executor.components

    def run(self, component: str, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Output name → array."""
        first = self.components[component].inputs[0].name
        self.calls[component][feeds[first].shape] += 1
        return self.executor.run(component, feeds)

    def figures(self) -> dict[str, float]:
        """``<component>_calls`` and ``<component>_rows``, the sum of the batches."""
        found: dict[str, float] = {}
        for name, sizes in self.calls.items():
            found[f"{name}_calls"] = sizes.total()
            found[f"{name}_rows"] = sum(shape[0] * count for shape, count in sizes.items())
        return found
