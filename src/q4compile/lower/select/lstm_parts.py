"""The numbers of a recurrent node, before anything is laid out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from q4compile.isa.element_type import ElementType
from q4compile.lower.findings import Refused
from q4compile.lower.layout.axes import Axis
from q4compile.lower.layout.tensors import View
from q4compile.lower.numbers.kinds import F16, TABLE_INPUT, TABLE_OUTPUT, Fixed, Grid, Wide
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
USUAL = {
    "GRU": (("Sigmoid", "Tanh"),),
    "LSTM": (("Sigmoid", "Tanh", "Tanh"),),
    "RNN": (("Tanh",), ("Relu",)),
}
"""What machines have of each direction; the first is what ONNX has where none is given."""
LEAST_SCALE = Fraction(2) ** -37
HIDDEN_FIX = "a recipe rule with an integer format of at most 8 bits for role hidden"


@dataclass(frozen=True, eq=False)
class Parts:
    """A recurrent node, its numbers decided, not yet laid out."""

    node: Node
    x: Numbers
    cell: CellNumbers
    weights: tuple[RowCodes, ...]
    biases: list[list[Fraction]]
    directions: tuple[Direction, ...]
    time: Axis | None
    lane: Axis | None


def require_plain(node: Node, directions: int) -> None:
    known = USUAL[node.op]
    given = tuple(node.attributes.get("activations", known[0] * directions))
    resets_first = node.op == "GRU" and not node.attributes.get("linear_before_reset", 0)
    refused: Mapping[str, tuple[bool, str]] = {
        " or ".join(", ".join(each) for each in known): (
            given not in [each * directions for each in known],
            ", ".join(map(str, given)),
        ),
        "linear_before_reset = 1": (resets_first, "0"),
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
            article = "a" if node.op == "GRU" else "an"
            raise Refused("Q321", f"{article} {node.op} with {need}", got)
    for role, grid in (("cell state", node.cell), ("pre-activations", node.gate)):
        if grid not in (None, HALF):
            fix = f"a recipe rule that leaves the {role} in floating point"
            raise Refused("Q322", f"{role} that are not quantized", f"the grid '{grid}'", fix)


def lstm_parts(selection: Selection, node: Node, reverse: Sequence[bool]) -> Parts:
    network, count = selection.network, len(reverse)
    formats = None if selection.is_float else _formats(selection, node)
    weights, recurrent = (stacked_codes(network, node.inputs[port].value) for port in (W, R))
    x = operand_on_grid(selection, node, X)
    biases, inside = _biases(selection, node, count, len(weights[0].scales))
    name = node.inputs[R].value
    cell = _float_cell(node) if formats is None else _cell(node, *formats, recurrent[0])
    directions = tuple(
        Direction(turned, product_of(recurrent[d], cell.hidden, inside[d], cell.sums, name), d)
        for d, turned in enumerate(reverse)
    )
    time, lane = _axes(selection, x.view)
    return Parts(node, x, cell, weights, biases, directions, time, lane)


def _float_cell(node: Node) -> CellNumbers:
    if node.op != "LSTM":
        raise Refused("Q321", "an LSTM, where numbers are floats", f"a {node.op}")
    return CellNumbers(int(node.attributes["hidden_size"]), F16, F16.element, 0, 0)


def _formats(selection: Selection, node: Node) -> tuple[Grid, Fixed | Wide]:
    """Of h and c."""
    hidden, wide = hidden_grid(selection.network, node), selection.has_wide_cells
    cell = cell_format(node, wide) if node.op == "LSTM" else Fixed(0)
    if hidden is None:
        raise Refused("Q322", "h on a grid of integers", "one in floating point", HIDDEN_FIX)
    require_codes("h", hidden)
    if cell is None or cell.f < 0:
        got = f"a cell state up to {max(map(abs, node.cell_range or ())):g}"
        raise Refused("Q324", "a cell state below 2^14", got)
    return hidden, cell


def _cell(node: Node, hidden: Grid, cell: Fixed | Wide, recurrent: RowCodes) -> CellNumbers:
    units = int(node.attributes["hidden_size"])
    is_relu = node.op == "RNN" and "Relu" in node.attributes.get("activations", ())
    bits = {"GRU": 2 * TABLE_OUTPUT.f, "LSTM": 2 * TABLE_OUTPUT.f, "RNN": TABLE_OUTPUT.f}[node.op]
    ratio = 1 / (Fraction(2) ** (TABLE_INPUT.f if is_relu else bits) * hidden.scale)
    _require_scale(node, hidden, is_relu)
    narrow = hidden.element is ElementType.I4 and recurrent.element is ElementType.I4
    element = ElementType.I4 if narrow and units % 2 == 0 else ElementType.I8
    multiplier = scalar_multiplier(ratio, f"{node.name}.h")
    wide = isinstance(cell, Wide)
    return CellNumbers(units, hidden, element, cell.f, multiplier, node.op, is_relu, wide)


def _require_scale(node: Node, hidden: Grid, is_relu: bool) -> None:
    """Of a GRU the product of h must fit int64; of an RNN with Relu z must reach all of h."""
    if node.op == "GRU" and not LEAST_SCALE <= hidden.scale <= 1:
        raise Refused("Q324", "a scale of h of at most 1", f"{float(hidden.scale):g}")
    if is_relu and hidden.bound > TABLE_INPUT.bound:
        got = f"{float(hidden.bound):g}"
        raise Refused("Q324", "h of an RNN with Relu below 16", got)


def _biases(
    selection: Selection, node: Node, directions: int, rows: int
) -> tuple[list[list[Fraction]], list[list[Fraction]]]:
    """Both biases of each row, added as real numbers; and those that stay with the h of a GRU.

    Its candidate has them inside of the reset: r ⊙ (R h + b).
    """
    none = [[Fraction(0)] * rows for _ in range(directions)]
    name = node.inputs[BIAS].value if len(node.inputs) > BIAS else ""
    if not name:
        return none, none
    constant = selection.network.constants.get(name)
    if constant is None:
        raise Refused("Q323", "a constant bias", f"'{name}', computed at run time")
    halves = [
        [list(map(Fraction, half)) for half in each]
        for each in constant.reshape(directions, 2, rows).tolist()
    ]
    apart = rows - rows // 3 if node.op == "GRU" else rows
    joined = [[w + (r if n < apart else 0) for n, (w, r) in _rows(each)] for each in halves]
    inside = [[r if n >= apart else Fraction(0) for n, (_, r) in _rows(each)] for each in halves]
    return joined, inside


def _rows(halves: Sequence[Sequence[Fraction]]) -> Iterator[tuple[int, tuple[Fraction, Fraction]]]:
    """Number of a row, and its two biases."""
    return enumerate(zip(halves[0], halves[1], strict=True))


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
    if view.positions() is None or lane not in (None, selection.lane):
        raise Refused("Q325", f"sequences along '{selection.lane}'", f"along '{lane}'")
    return time, lane
