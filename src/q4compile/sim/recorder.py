"""Values between the nodes of a network, taken out of DRAM at the moment when they are whole."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from q4compile.isa.element_type import UNIT_BYTES
from q4compile.isa.program import Made
from q4compile.sim.memory import Memory
from q4compile.sim.ports import extent, read_codes


class Recorder:
    """Codes by name, as `Made.after` of each comes to pass; engines are at rest then."""

    def __init__(
        self,
        made: Sequence[Made],
        sizes: Mapping[str, int],
        scalars: Sequence[int],
        dram: Memory,
    ) -> None:
        self.codes: dict[str, NDArray[Any]] = {}
        self._sizes, self._scalars, self._dram = sizes, tuple(scalars), dram
        self._due: dict[int, list[Made]] = {}
        self._visits: dict[int, int] = {}
        for each in made:
            self._due.setdefault(each.after, []).append(each)

    def is_due(self, index: int) -> bool:
        """Whether something is to be taken before word `index`, now or at another visit."""
        return index in self._due

    def take(self, index: int) -> None:
        """Word `index` is the next one: take what is whole then.

        Raises:
            Fault: Q360, it lies outside of memory.
        """
        visit = self._visits.get(index, 0)
        self._visits[index] = visit + 1
        due = [each for each in self._due[index] if each.visit == visit]
        self.codes |= dict(self._taken(due))

    def _taken(self, due: Sequence[Made]) -> Iterator[tuple[str, NDArray[Any]]]:
        for made in due:
            layout = made.layout
            units = self._scalars[layout.register] + layout.offset + made.start.value(self._sizes)
            used = extent(layout, self._sizes)
            yield layout.name, read_codes(used, self._dram, units * UNIT_BYTES)
