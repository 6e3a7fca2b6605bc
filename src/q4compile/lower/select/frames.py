"""Neighbouring frames side by side.

    y = [x(f t), x(f t + 1), …, x(f t + f − 1)]

comes as slices of every f-th frame of x and of x with zeros behind it, joined at the last axis.
"""

from collections.abc import Sequence
from dataclasses import replace

from q4compile.isa.element_type import UNIT_BYTES
from q4compile.lower.findings import Refused
from q4compile.lower.layout.axes import Axis
from q4compile.lower.layout.tensors import Tensor, View
from q4compile.lower.phases.phases import FoldPhase, RecurrentPhase
from q4compile.lower.phases.values import Frames, Measured, Numbers, Value, Zeros
from q4compile.lower.select.joining import side_by_side
from q4compile.lower.select.moving import integers, moved, numbers_of, require_whole
from q4compile.lower.select.selection import Fold, OtherLane, Selection
from q4compile.quantize.network import Node

FAR = 2**31 - 1
"""An end from here on is that of the axis."""


def pad(selection: Selection, node: Node) -> None:
    """Zeros behind the last frame, until a Slice takes them up."""
    found = require_whole(moved(selection, node))
    mode = node.attributes.get("mode", "constant")
    if mode not in ("constant", b"constant"):
        raise Refused("Q321", "a Pad with a constant", f"mode {mode}")
    fill = node.inputs[2].value if len(node.inputs) > 2 else ""
    if fill and not isinstance(selection.value(fill), Zeros):
        raise Refused("Q321", "a Pad with 0", f"'{fill}'")
    pads = integers(selection, node, 1)
    if isinstance(found, Numbers) and any(pads):
        selection.values[node.outputs[0]] = _padded(found, pads)
    else:
        selection.values[node.outputs[0]] = found


def _padded(found: Numbers, pads: Sequence[int]) -> Frames:
    rank = len(found.view.axes)
    behind = pads[rank:]
    padded = [axis for axis, count in enumerate(behind) if count]
    if any(pads[:rank]) or len(padded) != 1 or behind[padded[0]] < 0 or len(pads) != 2 * rank:
        raise Refused("Q325", "zeros behind the frames of one axis", f"pads {list(pads)}")
    return Frames(found, _frame_axis(found, padded[0]), pad=behind[padded[0]])


def slice_(selection: Selection, node: Node) -> None:
    """Every f-th frame from some frame on; a part of a shape."""
    found = moved(selection, node)
    ranges = _ranges(selection, node)
    if isinstance(found, Zeros) or all(each[1:] == (0, FAR, 1) for each in ranges):
        selection.values[node.outputs[0]] = found
    elif isinstance(found, Measured):
        ((_, *bounds),) = ranges
        selection.values[node.outputs[0]] = Measured(found.sizes[slice(*bounds)])
    else:
        selection.values[node.outputs[0]] = _strided(found, ranges)


def _ranges(selection: Selection, node: Node) -> list[tuple[int, int, int, int]]:
    """``(axis, start, end, step)`` of each axis."""
    starts, ends = (integers(selection, node, port) for port in (1, 2))
    given = [port < len(node.inputs) and bool(node.inputs[port].value) for port in range(5)]
    axes = integers(selection, node, 3) if given[3] else tuple(range(len(starts)))
    steps = integers(selection, node, 4) if given[4] else (1,) * len(starts)
    ends = tuple(min(end, FAR) for end in ends)
    return list(zip(axes, starts, ends, steps, strict=True))


def _strided(found: Value, ranges: Sequence[tuple[int, int, int, int]]) -> Frames:
    numbers = numbers_of(found)
    base = found if isinstance(found, Frames) else None
    _, start, end, step = ranges[0]
    plain = base is None or (base.start, base.step) == (0, 1)
    if len(ranges) > 1 or end < FAR or start < 0 or step < 1 or not plain:
        got = "; ".join(f"axis {a}, {s} to {e} by {k}" for a, s, e, k in ranges)
        raise Refused("Q325", "every n-th frame of one axis, up to its end", got)
    axis = _frame_axis(numbers, ranges[0][0])
    if base is not None and base.axis != axis:
        raise Refused("Q325", "frames of the axis with zeros behind it", f"axis {axis}")
    return Frames(numbers, axis, start, step, 0 if base is None else base.pad)


def _frame_axis(found: Numbers, axis: int) -> Axis:
    group = found.view.axes[axis]
    if len(group) != 1 or isinstance(group[0].size, int):
        raise Refused("Q325", "an axis of frames", f"axis {axis}")
    return group[0]


def concat(selection: Selection, node: Node) -> None:
    """Neighbouring frames side by side, rows of several tensors side by side, or shapes."""
    found = [moved(selection, node, port) for port in range(len(node.inputs))]
    shapes = [each for each in found if isinstance(each, Measured)]
    if len(shapes) == len(found):
        sizes = tuple(size for each in shapes for size in each.sizes)
        selection.values[node.outputs[0]] = Measured(sizes)
        return
    if all(isinstance(each, Zeros) for each in found):
        selection.values[node.outputs[0]] = Zeros()
        return
    rank = len(numbers_of(found[0]).view.axes)
    if node.attributes["axis"] % rank != rank - 1:
        got = f"axis {node.attributes['axis']}"
        raise Refused("Q325", "parts side by side along the last axis", got)
    if any(isinstance(each, Frames) for each in found):
        _fold(selection, node, found)
    else:
        side_by_side(selection, node, [numbers_of(each) for each in found])


def _fold(selection: Selection, node: Node, found: Sequence[Value]) -> None:
    """As many frames in one row as there are parts."""
    factor, numbers = len(found), numbers_of(found[0])
    axis = found[0].axis if isinstance(found[0], Frames) else None
    wanted = [Frames(numbers, axis, k, factor, k) for k in range(factor)] if axis else []
    if axis is None or list(found) != wanted or not numbers.view.is_row_wise:
        need = f"frames {factor} t to {factor} t + {factor - 1} of one value, in order"
        raise Refused("Q325", need, "other parts")
    size = selection.sizes.reduced(str(axis.size), factor)
    if size is None:
        raise Refused("Q325", f"one time reduction of '{axis}'", "two different ones")
    folded = _folded_view(selection, node, numbers.view, (axis, Axis(size)), factor)
    source = numbers.view.tensor
    if _makes_rows(selection, node, source, factor):
        selection.folds[source.name] = Fold(folded.tensor, factor)
        selection.sizes.filled.add(str(axis.size))
    else:
        _copy(selection, node, source, folded.tensor, factor, axis)
    selection.values[node.outputs[0]] = replace(numbers, view=folded)


def _makes_rows(selection: Selection, node: Node, source: Tensor, factor: int) -> bool:
    """Whether an LSTM makes the frames for this node alone, and can leave out what fills up."""
    made = any(
        isinstance(phase, RecurrentPhase) and phase.output == source and phase.lengths is not None
        for phase in selection.phases
    )
    readings = len(list(selection.readers.of_numbers(source.name)))
    through_here = factor * len(list(selection.readers.of_numbers(node.outputs[0])))
    return made and readings == through_here


def _copy(
    selection: Selection, node: Node, source: Tensor, result: Tensor, factor: int, time: Axis
) -> None:
    """A phase of its own."""
    others = tuple(axis for axis in source.rows if axis != time)
    if len(others) == 1 and others != (selection.lane,) and not selection.lane_is_known:
        raise OtherLane(others[0])
    if source.rows != (time, *others) or others not in ((), (selection.lane,)):
        got = ", ".join(map(str, source.rows))
        raise Refused("Q325", f"rows of '{time}' and the batch", got)
    stored = selection.stored(source)
    selection.phases.append(FoldPhase(node.name, stored, result, factor, time))


def _folded_view(
    selection: Selection, node: Node, view: View, axes: tuple[Axis, Axis], factor: int
) -> View:
    """`factor` rows of `view` in one; the first of `axes` becomes the second."""
    (old, new), source = axes, view.tensor
    if not source.has_aligned_slices or (source.slices > 1 and source.row_bytes % UNIT_BYTES):
        got = f"{source.row_bytes} of '{source.name}'"
        raise Refused("Q325", f"frames of a multiple of {UNIT_BYTES} bytes", got)
    tensor = replace(
        source,
        name=node.outputs[0],
        rows=tuple(new if each == old else each for each in source.rows),
        columns=(selection.length(factor), *source.columns),
        slices=factor * source.slices,
    )
    outer = tuple((new,) if group == (old,) else group for group in view.axes[:-1])
    return View(tensor, (*outer, tensor.columns))
