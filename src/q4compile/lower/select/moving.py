"""Nodes that give numbers other ONNX axes: the rows in memory stay as they are."""

from collections.abc import Sequence
from dataclasses import replace

from q4compile.lower.findings import Refused
from q4compile.lower.layout.axes import Axis, Extent
from q4compile.lower.layout.tensors import Group, Tensor, View
from q4compile.lower.phases.values import Frames, Measured, Numbers, Value
from q4compile.lower.select.selection import Selection, described
from q4compile.quantize.network import Node


def identity(selection: Selection, node: Node) -> None:
    """The operand itself."""
    selection.values[node.outputs[0]] = moved(selection, node)


def transpose(selection: Selection, node: Node) -> None:
    """The axes in another order."""
    found = require_whole(moved(selection, node))
    if isinstance(found, Numbers):
        axes = len(found.view.axes)
        order = node.attributes.get("perm", tuple(reversed(range(axes))))
        found = replace(found, view=found.view.transposed(order))
    selection.values[node.outputs[0]] = found


def unsqueeze(selection: Selection, node: Node) -> None:
    """New axes of length 1."""
    found = require_whole(moved(selection, node))
    if isinstance(found, Numbers):
        groups = list(found.view.axes)
        axes = integers(selection, node, 1)
        rank = len(groups) + len(axes)
        for axis in sorted(axis % rank for axis in axes):
            groups.insert(axis, ())
        found = _seen(found, groups)
    elif isinstance(found, Measured):
        found = replace(found, is_scalar=False)
    selection.values[node.outputs[0]] = found


def squeeze(selection: Selection, node: Node) -> None:
    """Without axes of length 1: those it names, or all."""
    found = require_whole(moved(selection, node))
    if isinstance(found, Numbers):
        groups = found.view.axes
        named = len(node.inputs) > 1 and node.inputs[1].value
        every = tuple(n for n, group in enumerate(groups) if not group)
        axes = {n % len(groups) for n in (integers(selection, node, 1) if named else every)}
        if any(groups[n] for n in axes):
            raise Refused("Q325", "axes of length 1", "a longer one")
        found = _seen(found, [group for n, group in enumerate(groups) if n not in axes])
    elif isinstance(found, Measured):
        found = replace(found, is_scalar=True)
    selection.values[node.outputs[0]] = found


def reshape(selection: Selection, node: Node) -> None:
    """The same axes in memory, grouped otherwise."""
    found = require_whole(moved(selection, node))
    if isinstance(found, Numbers):
        target = selection.value(node.inputs[1].value)
        if not isinstance(target, Measured):
            raise Refused("Q325", "a shape made of lengths of axes", described(target))
        keeps_zeros = bool(node.attributes.get("allowzero", 0))
        found = _seen(found, regrouped(found.view.axes, target.sizes, keeps_zeros))
    selection.values[node.outputs[0]] = found


def regrouped(
    groups: Sequence[Group], target: Sequence[Extent], keeps_zeros: bool = False
) -> list[Group]:
    """`groups` with the sizes of `target`, where 0 is "as before" and −1 "the rest".

    Raises:
        Refused: Q325 when an axis in memory would have to be split.
    """
    wanted = [
        _extent(groups[n]) if size == Extent(0) and not keeps_zeros and n < len(groups) else size
        for n, size in enumerate(target)
    ]
    axes = [axis for group in groups for axis in group]
    if Extent(-1) not in wanted:
        found = _taken(axes, wanted)
        if sum(map(len, found)) < len(axes):
            raise _split(axes, target)
        return found
    rest = wanted.index(Extent(-1))
    head = _taken(axes, wanted[:rest])
    tail = [group[::-1] for group in _taken(axes[::-1], wanted[:rest:-1])][::-1]
    start, end = sum(map(len, head)), len(axes) - sum(map(len, tail))
    return [*head, tuple(axes[start:end]), *tail]


def _taken(axes: Sequence[Axis], wanted: Sequence[Extent]) -> list[Group]:
    """The first axes, grouped to the sizes of `wanted`."""
    found, start = [], 0
    for size in wanted:
        end = start
        while _extent(axes[start:end]) != size:
            end += 1
            if end > len(axes):
                raise _split(axes, wanted)
        found.append(tuple(axes[start:end]))
        start = end
    return found


def _split(axes: Sequence[Axis], target: Sequence[Extent]) -> Refused:
    need = "a shape that keeps axes in memory whole: " + ", ".join(map(str, axes))
    return Refused("Q325", need, ", ".join(map(str, target)))


def _extent(axes: Sequence[Axis]) -> Extent:
    """The length of an ONNX axis."""
    found = Extent()
    for axis in axes:
        found = found * Extent.of(axis.size)
    return found


def _seen(found: Numbers, groups: Sequence[Group]) -> Numbers:
    return replace(found, view=View(found.view.tensor, tuple(groups)))


def moved(selection: Selection, node: Node, port: int = 0) -> Value:
    """What a port holds, on the grid of the operand if there is one."""
    found = selection.value(node.inputs[port].value)
    if isinstance(found, Numbers):
        return selection.numbers(node, port)
    if found is None:
        raise Refused("Q322", "numbers", described(found))
    return found


def require_whole(found: Value) -> Value:
    """`found`; Refused (Q325) for some of the frames, which only Slice and Concat take."""
    if isinstance(found, Frames):
        raise Refused("Q325", "all frames of a sequence", "every n-th one, or zeros behind them")
    return found


def numbers_of(found: Value) -> Numbers:
    """What lies in memory; Refused (Q322) for anything else."""
    if isinstance(found, Frames):
        return found.numbers
    if not isinstance(found, Numbers):
        raise Refused("Q322", "numbers", described(found))
    return found


def integers(selection: Selection, node: Node, port: int) -> tuple[int, ...]:
    """The constants at a port; Refused (Q325) where they are none."""
    found = selection.value(node.inputs[port].value)
    sizes = found.sizes if isinstance(found, Measured) else None
    if sizes is None or any(each.constant is None for each in sizes):
        raise Refused("Q325", f"constants as input {port}", described(found))
    return tuple(each.times for each in sizes)


def row_tensor(view: View) -> Tensor:
    """The tensor of a view of whole rows; Refused (Q325) for any other."""
    if not view.is_row_wise:
        raise _not_rows(view)
    return view.tensor


def row_positions(view: View) -> list[int]:
    """Where each number of the last axis lies in a row; Refused (Q325) if that is no whole row."""
    found = view.positions()
    if found is None:
        raise _not_rows(view)
    return found


def _not_rows(view: View) -> Refused:
    names = ", ".join(" · ".join(map(str, group)) or "1" for group in view.axes)
    need = "whole rows along the last axis"
    return Refused("Q325", need, f"axes {names} of '{view.tensor.name}'")
