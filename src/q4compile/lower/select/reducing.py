"""ReduceSum along rows; ReduceMean, ReduceMax and ReduceMin along rows, over frames, or both."""

from dataclasses import replace
from fractions import Fraction

from q4compile.isa.instructions import Max, Min
from q4compile.isa.instructions.rowwise import Reducing
from q4compile.lower.findings import Refused
from q4compile.lower.layout.axes import Axis
from q4compile.lower.layout.tensors import Tensor, View
from q4compile.lower.numbers.kinds import F16, FINEST, Fixed, finest_for
from q4compile.lower.numbers.means import MOST_FRAMES
from q4compile.lower.numbers.product import scalar_multiplier
from q4compile.lower.phases.operations import Step
from q4compile.lower.phases.row_operations import Reduction
from q4compile.lower.phases.values import Numbers
from q4compile.lower.phases.windows import ExtremePhase, MeanPhase
from q4compile.lower.select.fixed import fixed_operand
from q4compile.lower.select.linear import fixed_for
from q4compile.lower.select.moving import integers, row_tensor
from q4compile.lower.select.selection import OtherLane, Selection
from q4compile.quantize.network import Node

REDUCING = {
    "GlobalAveragePool": Reducing.SUM,
    "GlobalMaxPool": Reducing.MAX,
    "ReduceMax": Reducing.MAX,
    "ReduceMean": Reducing.SUM,
    "ReduceMin": Reducing.MIN,
    "ReduceSum": Reducing.SUM,
}
WORDS: dict[str, type[Max] | type[Min]] = {
    "GlobalMaxPool": Max,
    "ReduceMax": Max,
    "ReduceMin": Min,
}
MEANS = ("GlobalAveragePool", "ReduceMean")
FIX = "a ReduceMean over frames"


def reduce(selection: Selection, node: Node) -> None:
    """One axis after the other, rows last.

    Raises:
        Refused: Q325 for axes that are neither frames nor rows, and for sums over frames.
    """
    found = _operand(selection, node)
    rank, last = len(found.view.axes), len(found.view.axes) - 1
    axes = sorted({axis % rank for axis in _axes(selection, node, rank)})
    if len(axes) > 1 and node.op not in WORDS:
        raise Refused("Q325", "sums and means along one axis", f"axes {axes}")
    if not axes:
        raise Refused("Q325", "axes that are reduced", "none")
    for n, axis in enumerate(axes):
        name = node.outputs[0] if n + 1 == len(axes) else f"{node.outputs[0]} over {axis}"
        is_row = axis == last and found.view.axes[axis] == found.view.tensor.columns
        found = (_along_rows if is_row else _over_frames)(selection, node, found, axis, name)
    if not node.attributes.get("keepdims", 1):
        kept = tuple(group for n, group in enumerate(found.view.axes) if n not in axes)
        found = replace(found, view=View(found.view.tensor, kept))
    selection.values[node.outputs[0]] = found


def _operand(selection: Selection, node: Node) -> Numbers:
    if not selection.is_float:
        return fixed_operand(selection, node, 0)[0]
    found = selection.numbers(node, 0)
    if found.kind != F16:
        raise Refused("Q322", "an operand in f16", f"'{node.inputs[0].value}', {found.kind}")
    return found


def _axes(selection: Selection, node: Node, rank: int) -> tuple[int, ...]:
    if node.op.startswith("Global"):
        return tuple(range(2, rank))
    given = len(node.inputs) > 1 and bool(node.inputs[1].value)
    if given:
        return integers(selection, node, 1)
    return tuple(map(int, node.attributes.get("axes", ())))


def _along_rows(selection: Selection, node: Node, found: Numbers, axis: int, name: str) -> Numbers:
    """One number for each row."""
    kind, tensor = found.kind, row_tensor(found.view)
    if not isinstance(kind, Fixed):
        raise Refused("Q325", "a reduction over frames, where numbers are floats", f"axis {axis}")
    if not tensor.is_dense:
        got = f"'{tensor.name}', with gaps behind {tensor.slice_columns} numbers"
        raise Refused("Q325", "rows without gaps", got)
    bound, result, multiplier = found.bound, kind, 0
    if node.op == "ReduceSum":
        bound *= tensor.width
        result = finest_for(bound, min(kind.f, FINEST)) or fixed_for(bound, name)
    if REDUCING[node.op] is Reducing.SUM:
        parts = tensor.width if node.op in MEANS else 1
        multiplier = scalar_multiplier(Fraction(2) ** (result.f - kind.f) / parts, name)
    columns = (selection.length(1),)
    single = Tensor(name, result, result.element, tensor.rows, columns)
    operation = Reduction(REDUCING[node.op], multiplier)
    selection.steps[name] = Step(operation, (found.view,), single)
    view = View(single, (*found.view.axes[:-1], columns))
    return Numbers(result, min(bound, result.bound), view)


def _over_frames(selection: Selection, node: Node, found: Numbers, axis: int, name: str) -> Numbers:
    """The largest or the least number of all frames, or their mean, in a phase of its own."""
    view, is_mean = found.view, node.op in MEANS and isinstance(found.kind, Fixed)
    if node.op not in WORDS and not is_mean:
        got = f"{node.op} over axis {axis} of '{view.tensor.name}'"
        raise Refused("Q325", "sums along the last axis", got, FIX)
    source = selection.stored(view.tensor)
    time = _frames(selection, view, axis)
    result = replace(source, name=name, rows=source.rows[1:])
    if is_mean:
        _limit(selection, time, axis == len(view.axes) - 1)
        selection.phases.append(MeanPhase(node.name, source, result, time))
    else:
        phase = ExtremePhase(node.name, source, result, time, WORDS[node.op])
        selection.phases.append(phase)
    axes = (*view.axes[:axis], (), *view.axes[axis + 1 :])
    return replace(found, view=View(result, axes))


def _limit(selection: Selection, time: Axis, is_last: bool) -> None:
    """No more frames than the sums hold."""
    if isinstance(time.size, str):
        selection.sizes.limits[time.size] = MOST_FRAMES
    elif is_last or time.size > MOST_FRAMES:
        need = f"a mean along rows, or of at most {MOST_FRAMES} frames that are no last axis"
        raise Refused("Q325", need, f"{time.size} frames")


def _frames(selection: Selection, view: View, axis: int) -> Axis:
    """The axis of frames: the outer one of rows, around that of the batch."""
    tensor = view.tensor
    time, others = tensor.rows[:1], tensor.rows[1:]
    if view.axes[axis] == (selection.lane,) and not selection.lane_is_known:
        other = next((each for each in tensor.rows if each != selection.lane), None)
        if other is not None:
            raise OtherLane(other)
    if view.axes[axis] != time or others not in ((), (selection.lane,)):
        got = f"axis {axis} of '{tensor.name}', whose rows are " + ", ".join(map(str, tensor.rows))
        raise Refused("Q325", "a reduction over frames or along the last axis", got)
    return time[0]
