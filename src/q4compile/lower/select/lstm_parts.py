"""The numbers of an LSTM node, before anything is laid out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from q4compile.isa.element_type import ElementType
from q4compile.lower.findings import Refused
from q4compile.lower.layout.axes import Axis
from q4compile.lower.layout.tensors import View
from q4compile.lower.numbers.kinds import F16, TABLE_OUTPUT, Fixed, Grid
from q4compile.lower.numbers.product import (
    product_of,
    scalar_multiplier,
)
from q4compile.lower.numbers.weight_codes import RowCodes, stacked_codes
from q4compile.lower.phases.phases import (
    CellNumbers,
    Direction,
)
from q4compile.lower.phases.values import Numbers
from q4compile.lower.select.linear import operand_on_grid
from q4compile.lower.select.readers import cell_format, hidden_grid
from q4compile.lower.select.selection import OtherLane, Selection, require_codes
from q4compile.quantize.network import HALF, Node

X, W, R, BIAS, LENGTHS = range(5)
PEEPHOLES = 7
REVERSED = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
USUAL = ("Sigmoid", "Tanh", "Tanh")
HIDDEN_FIX = "a recipe rule with an integer format of at most 8 bits for role hidden"


@dataclass(frozen=True, eq=False)
class Parts:
    """An LSTM node, its numbers decided, not yet laid out."""

    node: Node
    x: Numbers
    cell: CellNumbers
    weights: tuple[RowCodes, ...]
    biases: list[list[Fraction]]
    directions: tuple[Direction, ...]
    time: Axis | None
    lane: Axis | None


def require_plain(node: Node, directions: int) -> None:
    given = tuple(node.attributes.get("activations", USUAL * directions))
    refused: Mapping[str, tuple[bool, str]] = {
        "Sigmoid, Tanh, Tanh": (given != USUAL * directions, ", ".join(map(str, given))),
        "no clip": ("clip" in node.attributes, "one"),
        "input_forget = 0": (bool(node.attributes.get("input_forget", 0)), "1"),
        "layout = 0": (bool(node.attributes.get("layout", 0)), "1"),
        "no peepholes": (
            len(node.inputs) > PEEPHOLES and bool(node.inputs[PEEPHOLES].value),
            "some",
        ),
    }
    for need, (is_found, got) in refused.items():
        if is_found:
            raise Refused("Q321", f"an LSTM with {need}", got)
    for role, grid in (("cell state", node.cell), ("pre-activations", node.gate)):
        if grid not in (None, HALF):
            fix = f"a recipe rule that leaves the {role} in floating point"
            raise Refused("Q322", f"{role} that are not quantized", f"the grid '{grid}'", fix)


def lstm_parts(selection: Selection, node: Node, reverse: Sequence[bool]) -> Parts:
    network, count = selection.network, len(reverse)
    formats = None if selection.is_float else _formats(selection, node)
    weights, recurrent = (stacked_codes(network, node.inputs[port].value) for port in (W, R))
    x = operand_on_grid(selection, node, X)
    biases = _biases(selection, node, count, len(weights[0].scales))
    zeros = [Fraction(0)] * len(weights[0].scales)
    name = node.inputs[R].value
    cell = _float_cell(node) if formats is None else _cell(node, *formats, recurrent[0])
    directions = tuple(
        Direction(turned, product_of(recurrent[d], cell.hidden, zeros, cell.sums, name), d)
        for d, turned in enumerate(reverse)
    )
    time, lane = _axes(selection, x.view)
    return Parts(node, x, cell, weights, biases, directions, time, lane)


def _float_cell(node: Node) -> CellNumbers:
    return CellNumbers(int(node.attributes["hidden_size"]), F16, F16.element, 0, 0)


def _formats(selection: Selection, node: Node) -> tuple[Grid, Fixed]:
    """Of h and c."""
    hidden, cell = hidden_grid(selection.network, node), cell_format(node)
    if hidden is None:
        raise Refused("Q322", "h on a grid of integers", "one in floating point", HIDDEN_FIX)
    require_codes("h", hidden)
    if cell is None or cell.f < 0:
        got = f"a cell state up to {max(map(abs, node.cell_range or ())):g}"
        raise Refused("Q324", "a cell state below 2^14", got)
    return hidden, cell


def _cell(node: Node, hidden: Grid, cell: Fixed, recurrent: RowCodes) -> CellNumbers:
    units = int(node.attributes["hidden_size"])
    ratio = 1 / (Fraction(2) ** (2 * TABLE_OUTPUT.f) * hidden.scale)
    narrow = hidden.element is ElementType.I4 and recurrent.element is ElementType.I4
    element = ElementType.I4 if narrow and units % 2 == 0 else ElementType.I8
    return CellNumbers(units, hidden, element, cell.f, scalar_multiplier(ratio, f"{node.name}.h"))


def _biases(selection: Selection, node: Node, directions: int, rows: int) -> list[list[Fraction]]:
    """Both biases of each row, added as real numbers."""
    name = node.inputs[BIAS].value if len(node.inputs) > BIAS else ""
    if not name:
        return [[Fraction(0)] * rows for _ in range(directions)]
    constant = selection.network.constants.get(name)
    if constant is None:
        raise Refused("Q323", "a constant bias", f"'{name}', computed at run time")
    halves = constant.reshape(directions, 2, rows).tolist()
    return [[Fraction(w) + Fraction(r) for w, r in zip(*each, strict=True)] for each in halves]


def _axes(selection: Selection, view: View) -> tuple[Axis | None, Axis | None]:
    """Time and batch of X [T, B, K]; None for one of length 1."""
    found: list[Axis | None] = []
    for group in view.axes[:2]:
        if len(group) > 1:
            names = " · ".join(map(str, group))
            raise Refused("Q325", "one axis of frames and one of sequences", names)
        found.append(group[0] if group else None)
    time, lane = found
    if lane not in (None, selection.lane) and not selection.lane_is_known:
        raise OtherLane(lane)
    if not view.is_row_wise or lane not in (None, selection.lane):
        raise Refused("Q325", f"sequences along '{selection.lane}'", f"along '{lane}'")
    return time, lane
