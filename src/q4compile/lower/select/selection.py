"""What is known about one component while its nodes are taken in turn.

Products and recurrences store their results. What the vector engine computes element by element is
kept as a `Step` and becomes part of the phase that reads it, unless several read it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import count

import numpy as np

from q4compile.errors import Finding
from q4compile.isa.element_type import ElementType
from q4compile.isa.engine import Precision
from q4compile.lower.findings import Refused
from q4compile.lower.layout.axes import Axis, Extent, Sizes
from q4compile.lower.layout.tensors import Group, Tensor, View, memory_rows
from q4compile.lower.numbers.kinds import MAX_CODE_BITS, Fixed, Grid, Integer, Kind, Wide, grid_of
from q4compile.lower.numbers.product import requantizer_to, scalar_multiplier
from q4compile.lower.numbers.weight_codes import Integers
from q4compile.lower.options import Room
from q4compile.lower.phases.operations import Requantize, Step
from q4compile.lower.phases.phases import GatherPhase, Phase, RowsPhase, Stored
from q4compile.lower.phases.values import Frames, Lengths, Measured, Numbers, Value, Zeros
from q4compile.lower.select.readers import Readers
from q4compile.quantize.network import HALF, Network, Node

NOTHING = Fraction(0)


@dataclass(frozen=True, eq=False)
class Gathered:
    """Rows of a table that nobody has taken yet."""

    ids: Tensor
    table: Integers


@dataclass(frozen=True)
class Fold:
    """`factor` neighbouring frames in one row of `result`."""

    result: Tensor
    factor: int


class OtherLane(Exception):
    """An LSTM has its sequences along another axis than was guessed."""

    def __init__(self, lane: Axis) -> None:
        super().__init__(f"{lane}")
        self.lane = lane


@dataclass
class Selection:
    """A component half way to phases."""

    component: str
    network: Network
    room: Room
    lane: Axis | None
    """The axis of the batch: innermost of all rows."""
    readers: Readers
    lane_is_known: bool = False
    """Whether an LSTM has said so; before, it is a guess."""
    sizes: Sizes = field(default_factory=Sizes)
    values: dict[str, Value] = field(default_factory=dict)
    inputs: dict[str, View] = field(default_factory=dict)
    phases: list[Phase] = field(default_factory=list)
    steps: dict[str, Step] = field(default_factory=dict)
    gathered: dict[str, Gathered] = field(default_factory=dict)
    folds: dict[str, Fold] = field(default_factory=dict)
    """By the tensor that is folded."""
    passed_by: set[str] = field(default_factory=set)
    """Nodes that are part of another one."""
    findings: list[Finding] = field(default_factory=list)
    serials: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def is_float(self) -> bool:
        """Whether the network is read in halves."""
        return self.room.options.precision is Precision.FP16

    @property
    def has_wide_cells(self) -> bool:
        """Whether LSTMs in integers are wide."""
        return self.room.options.has_wide_cells

    @property
    def takes_tokens(self) -> bool:
        """Whether it is called with tokens, of which a search has one at a time."""
        given = (self.values.get(name) for name in self.inputs)
        return any(isinstance(each, Numbers) and isinstance(each.kind, Integer) for each in given)

    @contextmanager
    def collecting(self, at: str) -> Iterator[None]:
        """What is refused inside becomes a finding at that place of the component."""
        try:
            yield
        except Refused as refused:
            self.findings.append(refused.finding(f"component {self.component}, {at}"))

    def length(self, size: int) -> Axis:
        """A new axis of that length."""
        return Axis(size, next(self.serials))

    def value(self, name: str) -> Value | None:
        """What a name stands for; None for constants of real numbers, and for what was refused."""
        constant = self.network.constants.get(name)
        if constant is None:
            return self.values.get(name)
        if constant.dtype.kind in "iu":
            sizes = tuple(Extent(int(each)) for each in constant.reshape(-1))
            return Measured(sizes, constant.ndim == 0)
        return None if np.any(constant) else Zeros()

    def is_ready(self, node: Node) -> bool:
        """Whether nothing that `node` reads was refused."""
        names = (operand.value for operand in node.inputs if operand.value)
        return all(name in self.values or name in self.network.constants for name in names)

    def numbers(self, node: Node, port: int, wanted: Grid | None = None) -> Numbers:
        """Codes at a port, on the grid of the operand, or else on `wanted` if there is one.

        Raises:
            Refused: Q322 for anything else, and for codes on another grid.
        """
        operand = node.inputs[port]
        found = self.value(operand.value)
        if not isinstance(found, Numbers):
            got = f"'{operand.value}', {described(found)}"
            raise Refused("Q322", f"numbers as input {port}", got)
        if operand.grid is not None and operand.grid != HALF:
            wanted = grid_of(self.network.grids[operand.grid])
        return found if wanted is None or wanted == found.kind else self.read_on(found, wanted)

    def wanted_grid(self, value: str) -> Grid | None:
        """The grid on which all readers of a value want it, if they agree."""
        found = self.readers.wanted(value)
        if not isinstance(found, Grid):
            return None
        require_codes(value, found)
        return found

    def read_on(self, found: Numbers, grid: Grid) -> Numbers:
        """Fixed-point numbers on a grid: a step of their reader."""
        source = found.view.tensor
        require_codes(source.name, grid)
        if not isinstance(found.kind, Fixed):
            raise Refused("Q322", f"'{source.name}' read on {found.kind}", f"on {grid}")
        ratio = 1 / (Fraction(2) ** found.kind.f * grid.scale)
        multiplier = scalar_multiplier(ratio, source.name, grid)
        tensor = source.recoded(f"{source.name} on {next(self.serials)}", grid, grid.element)
        operation = Requantize(multiplier, requantizer_to(grid, tensor.element))
        self.steps[tensor.name] = Step(operation, (found.view,), tensor)
        return Numbers(grid, grid.bound, View(tensor, found.view.axes))

    def result(
        self, name: str, kind: Kind, axes: tuple[Group, ...], *, element: ElementType | None = None
    ) -> View:
        """A new tensor of rows as ONNX `axes` say, the last of them its columns."""
        rows, columns = memory_rows(axes[:-1], self.lane), axes[-1]
        return View(Tensor(name, kind, element or kind.element, rows, columns), axes)

    def keep(self, name: str, kind: Kind, bound: Fraction, view: View) -> None:
        """`name` is `kind`, no larger than `bound`."""
        if isinstance(kind, Fixed | Wide):
            bound = min(bound, kind.bound)
        self.values[name] = Numbers(kind, bound, view)

    def chain(self, view: View) -> tuple[tuple[Tensor, ...], tuple[Step, ...]]:
        """The tensors to load and the steps to take for the rows of `view`."""
        inputs: dict[str, Tensor] = {}
        steps: dict[str, Step] = {}
        self._collect(view.tensor, inputs, steps)
        return tuple(inputs.values()), tuple(steps.values())

    def _collect(self, tensor: Tensor, inputs: dict[str, Tensor], steps: dict[str, Step]) -> None:
        step = self.steps.get(tensor.name)
        if step is None or self._is_shared(tensor.name):
            inputs[tensor.name] = self.stored(tensor)
            return
        for source in step.sources:
            self._collect(source.tensor, inputs, steps)
        steps[tensor.name] = step

    def maker(self, value: str) -> str:
        """The node that makes a value; the value itself where none does."""
        made = (node.name for node in self.network.nodes if value in node.outputs)
        return next(made, value)

    def _is_shared(self, name: str) -> bool:
        return len(list(self.readers.of_numbers(name))) > 1

    def stored(self, tensor: Tensor) -> Tensor:
        """`tensor`, in memory from here on."""
        gathered = self.gathered.pop(tensor.name, None)
        if gathered is not None:
            node = self.maker(tensor.name)
            self.phases.append(GatherPhase(node, gathered.ids, gathered.table, tensor))
        step = self.steps.pop(tensor.name, None)
        if step is not None:
            inputs: dict[str, Tensor] = {}
            steps: dict[str, Step] = {}
            for source in step.sources:
                self._collect(source.tensor, inputs, steps)
            self.phases.append(
                RowsPhase(
                    self.maker(tensor.name),
                    tensor.rows,
                    tuple(inputs.values()),
                    (*steps.values(), step),
                    (Stored(tensor.name, tensor),),
                )
            )
        return tensor


def require_codes(name: str, grid: Grid) -> None:
    """Refuse (Q322) grids of more codes than memory holds."""
    if grid.bits > MAX_CODE_BITS:
        got = f"'{name}' with {grid.bits}"
        fix = "a recipe rule with an integer format of at most 8 bits"
        raise Refused("Q322", f"grids of at most {MAX_CODE_BITS} bits", got, fix)


WORDS: Mapping[type, str] = {
    Numbers: "numbers",
    Frames: "some of the frames of a sequence",
    Lengths: "lengths of sequences",
    Measured: "integers",
    Zeros: "zeros",
    type(None): "a constant in floating point",
}


def described(value: Value | None) -> str:
    """What a finding calls a value."""
    return WORDS[type(value)]
