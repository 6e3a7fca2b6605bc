"""Conv over time: windows of frames side by side, then one product.

    y[t] = W · [x(s t − p) | x(s t − p + d) | … ] + b

Windows are copied frame by frame; frames of zeros that ONNX puts around x are put there first. A
window of one frame needs no copy. Groups are zeros in W.
"""

from dataclasses import dataclass, replace

import numpy as np

from q4compile.isa.element_type import UNIT_BYTES
from q4compile.lower.findings import Refused
from q4compile.lower.layout.axes import Axis
from q4compile.lower.layout.tensors import Tensor, View
from q4compile.lower.numbers.kinds import Grid
from q4compile.lower.numbers.product import bound_of, product_of
from q4compile.lower.numbers.weight_codes import RowCodes, channel_codes
from q4compile.lower.phases.values import Numbers
from q4compile.lower.phases.windows import PadPhase, WindowPhase
from q4compile.lower.select.linear import (
    constant_bias,
    fixed_for,
    operand_on_grid,
    rows_product,
    to_kind,
)
from q4compile.lower.select.selection import OtherLane, Selection
from q4compile.quantize.network import Node

AXES = 3
"""Of X [B, C, T] and of W [M, C / groups, taps]."""


@dataclass(frozen=True)
class Shape:
    """How windows lie over frames."""

    taps: int
    stride: int
    dilation: int
    before: int
    behind: int

    @property
    def reach(self) -> int:
        """Frames from the first of a window to its last."""
        return (self.taps - 1) * self.dilation + 1


def conv(selection: Selection, node: Node) -> None:
    """All phases of the node.

    Raises:
        Refused: Q321 for what is no convolution over time, Q322 to Q325.
    """
    shape, groups = _shape(selection, node)
    x = operand_on_grid(selection, node, 0)
    assert isinstance(x.kind, Grid), "the operand is on a grid"
    time = _time(selection, x.view)
    name, value = node.inputs[1].value, node.outputs[0]
    weight = _by_taps(channel_codes(selection.network, name), shape.taps, groups, x.view)
    bias = constant_bias(selection, node, len(weight.scales))
    bound = bound_of(weight, x.kind.bound, bias)
    result = selection.wanted_grid(value) or fixed_for(bound, value)
    product = product_of(weight, x.kind, bias, result, name)
    operand = _windows(selection, node, x, shape, time)
    columns = (selection.length(product.rows),)
    tensor = Tensor(value, result, result.element, operand.rows, columns)
    view = View(operand, (operand.rows, operand.columns))
    macs = product.rows // groups
    selection.phases.append(
        rows_product(selection, node.name, view, product, tensor, to_kind(tensor), macs)
    )
    frames = tuple(axis for axis in operand.rows if axis != selection.lane)
    selection.keep(value, result, bound, View(tensor, (x.view.axes[0], columns, frames)))


def _shape(selection: Selection, node: Node) -> tuple[Shape, int]:
    constant = selection.network.constants.get(node.inputs[1].value)
    if constant is None or constant.ndim != AXES:
        got = "one computed at run time" if constant is None else f"W of {constant.ndim} axes"
        raise Refused("Q321", "a Conv over time with a constant W of 3 axes", got)
    if node.attributes.get("auto_pad", "NOTSET") not in ("NOTSET", b"NOTSET"):
        raise Refused("Q321", "a Conv with pads", f"auto_pad {node.attributes['auto_pad']}")
    (stride,) = node.attributes.get("strides", (1,))
    (dilation,) = node.attributes.get("dilations", (1,))
    before, behind = node.attributes.get("pads", (0, 0))
    shape = Shape(constant.shape[2], stride, dilation, before, behind)
    if min(before, behind) < 0 or before + behind >= shape.reach - 1 + stride:
        need = "pads from 0 on that add no windows"
        raise Refused("Q325", need, f"pads {before} and {behind} around {shape.reach} frames")
    return shape, int(node.attributes.get("group", 1))


def _time(selection: Selection, view: View) -> Axis:
    """The axis of the frames of X [B, C, T].

    Raises:
        Refused: Q325 for any other layout.
    """
    tensor = view.tensor
    if len(view.axes) != AXES or view.axes[1] != tensor.columns or len(view.axes[2]) != 1:
        need = "X [batch, channels, time] with channels as rows in memory"
        got = ", ".join(" · ".join(map(str, group)) or "1" for group in view.axes)
        raise Refused("Q325", need, f"axes {got} of '{tensor.name}'")
    (time,), others = view.axes[2], view.axes[0]
    if len(others) == 1 and others != (selection.lane,) and not selection.lane_is_known:
        raise OtherLane(others[0])
    if tensor.rows != (time, *others) or others not in ((), (selection.lane,)):
        got = ", ".join(map(str, tensor.rows))
        raise Refused("Q325", f"rows of '{time}' and the batch", got)
    return time


def _by_taps(weight: RowCodes, taps: int, groups: int, view: View) -> RowCodes:
    """W [M, C / groups · taps] as [M, taps · C]: the columns of a window."""
    rows, width = len(weight.codes), view.tensor.width
    inside = weight.codes.shape[1] // taps
    if inside * groups != width or rows % groups:
        got = f"{width} of '{view.tensor.name}'"
        raise Refused("Q325", f"frames of {inside * groups} numbers", got)
    codes = np.zeros((groups, rows // groups, taps, groups, inside), np.int8)
    every = np.arange(groups)
    by_tap = weight.codes.reshape(groups, rows // groups, inside, taps).swapaxes(2, 3)
    codes[every, :, :, every] = by_tap
    return replace(weight, codes=codes.reshape(rows, taps * width))


def _windows(selection: Selection, node: Node, x: Numbers, shape: Shape, time: Axis) -> Tensor:
    """Rows of which each is a window."""
    source, sizes = x.view.tensor, selection.sizes
    if shape.taps == shape.stride == 1:
        return source
    source = selection.stored(source)
    if not source.has_aligned_slices or (source.slices > 1 and source.row_bytes % UNIT_BYTES):
        got = f"{source.row_bytes} of '{source.name}'"
        raise Refused("Q325", f"frames of a multiple of {UNIT_BYTES} bytes", got)
    around = shape.before + shape.behind
    frames = sizes.windows(time.size, shape.reach - around, shape.stride)
    if isinstance(frames, int) and frames < 1:
        raise Refused("Q325", "at least one window", f"{time} frames of '{source.name}'")
    if around:
        total = _axis(selection, sizes.padded(time.size, around))
        padded = _over(source, f"{node.name}.padded", time, total)
        selection.phases.append(
            PadPhase(node.name, source, padded, time, shape.before, shape.behind)
        )
        source, time = padded, total
    axis = _axis(selection, frames)
    window = replace(
        _over(source, f"{node.name}.windows", time, axis),
        columns=(selection.length(shape.taps), *source.columns),
        slices=shape.taps * source.slices,
    )
    selection.phases.append(
        WindowPhase(node.name, source, window, axis, shape.taps, shape.stride, shape.dilation)
    )
    return window


def _axis(selection: Selection, size: int | str) -> Axis:
    return Axis(size) if isinstance(size, str) else selection.length(size)


def _over(source: Tensor, name: str, old: Axis, new: Axis) -> Tensor:
    """A tensor like `source`, over another axis of frames."""
    return replace(source, name=name, rows=tuple(new if a == old else a for a in source.rows))
