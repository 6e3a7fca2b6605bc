"""Results of the vector engine as steps: what they are, and over which rows."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from q4compile.lower.findings import Refused
from q4compile.lower.layout.tensors import Group, View, memory_rows, names
from q4compile.lower.numbers.kinds import Fixed, Real
from q4compile.lower.phases.operations import Operation, Step
from q4compile.lower.phases.values import Numbers
from q4compile.lower.select.moving import row_tensor
from q4compile.lower.select.selection import Selection


def computed(
    selection: Selection,
    name: str,
    kind: Fixed | Real,
    bound: Fraction,
    operation: Operation,
    views: Sequence[View],
) -> Numbers:
    """A step called `name`, in the columns of the first operand."""
    first = views[0].tensor
    axes, rows = views[0].axes, first.rows
    if len({_layout(view) for view in views}) > 1:
        axes = _broadcast(views)
        rows = memory_rows(axes[:-1], selection.lane)
    tensor = replace(first.recoded(name, kind, kind.element), rows=rows)
    selection.steps[tensor.name] = Step(operation, tuple(views), tensor)
    bound = min(bound, kind.bound) if isinstance(kind, Fixed) else bound
    return Numbers(kind, bound, View(tensor, axes))


def _layout(view: View) -> tuple[object, ...]:
    """Equal for views of which each number lies at the same place."""
    tensor = view.tensor
    places = tuple(tuple(tensor.axes.index(axis) for axis in group) for group in view.axes)
    gaps = () if tensor.is_dense else (tensor.slices, tensor.slice_step)
    return places, names(tensor.rows), names(tensor.columns), gaps


def _broadcast(views: Sequence[View]) -> tuple[Group, ...]:
    """The ONNX axes of the result: an axis of length 1 takes the other operand's.

    Raises:
        Refused: Q325 for axes that differ otherwise, and for rows that are not whole or differ.
    """
    rank = max(len(view.axes) for view in views)
    padded = [((),) * (rank - len(view.axes)) + view.axes[:-1] for view in views]
    found = []
    for groups in zip(*padded, strict=True):
        distinct = {names(group) for group in groups if group}
        if len(distinct) > 1:
            got = " and ".join(" · ".join(map(str, group)) or "1" for group in groups)
            raise Refused("Q325", "operands of the same axes, or of length 1", got)
        found.append(next((group for group in groups if group), ()))
    _require_alike(views)
    return (*found, views[0].tensor.columns)


def _require_alike(views: Sequence[View]) -> None:
    """Whole rows of as many columns, with gaps at the same places."""
    first = views[0].tensor
    for view in views:
        tensor = row_tensor(view)
        gaps = () if tensor.is_dense else (tensor.slices, tensor.slice_step)
        wanted = () if first.is_dense else (first.slices, first.slice_step)
        if tensor.width != first.width or gaps != wanted:
            got = f"{first.width} of '{first.name}', {tensor.width} of '{tensor.name}'"
            raise Refused("Q325", "as many columns in all operands, laid out alike", got)
