"""Words as the timing knows them: one item for each word of the code and number of rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from q4compile.isa.engine import Engine
from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import Share
from q4compile.isa.target import Target
from q4compile.sim.binding import bits_of
from q4compile.sim.scale_sim import Dataflow
from q4compile.sim.timing.cost import Cost, cost_of
from q4compile.sim.timing.work import Work


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """A word of the code with its rows; the same object each time that it is issued."""

    number: int
    """Among the items of a run."""
    index: int
    """In the code."""
    engine: int
    node: int
    wait: tuple[int, ...]
    post: tuple[int, ...]
    work_cycles: int
    latency_cycles: int
    least_cycles: int
    is_serial: bool
    uses_dram: bool
    is_shared: bool
    """Begins on all cores at once."""
    cost: Cost


@dataclass
class Items:
    """Those of a run, made when they are first met."""

    code: Sequence[Instruction]
    target: Target
    cores: int = 1
    dataflow: Dataflow | None = None
    """Products as SCALE-Sim times them; None for the target's own array."""
    found: list[Item] = field(default_factory=list)
    known: dict[tuple[int, int], Item] = field(default_factory=dict)

    def item(self, index: int, rows: int) -> Item:
        """The word at `index` with that many rows."""
        made = self.known.get((index, rows))
        if made is None:
            made = self.known[index, rows] = self._made(index, rows)
            self.found.append(made)
        return made

    def _made(self, index: int, rows: int) -> Item:
        word = self.code[index]
        if word.engine is Engine.SQ:
            cost = Cost(Work(words=1), self.target.sequencer.issue_cycles)
        else:
            cost = cost_of(word, rows, self.target, self.cores, self.dataflow)
        return Item(
            len(self.found),
            index,
            int(word.engine),
            word.node,
            bits_of(word.wait),
            bits_of(word.post),
            cost.work_cycles,
            cost.latency_cycles,
            cost.least_cycles,
            cost.is_serial,
            cost.work.dram_burst_bytes > 0,
            isinstance(word, Share) and self.cores > 1,
            cost,
        )
