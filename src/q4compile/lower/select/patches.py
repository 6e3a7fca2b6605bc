"""Windows over time and frequency: a row of the product for each frame and band.

    patch[t, b, f] = [part of frame s t − p | part of frame s t − p + d | … ]

Frames are rows in memory, frequencies before channels, so a part is some neighbouring columns. It
begins at a 16-byte boundary: numbers in front of the band and between dilated taps meet zeros in W.
Weights are the same for all bands, and there are no others: no row of the product is wider than
what its band can see, but for those few numbers.
"""

from dataclasses import dataclass, replace

import numpy as np

from q4compile.isa.element_type import UNIT_BYTES, ElementType
from q4compile.lower.findings import Refused
from q4compile.lower.layout.axes import Axis
from q4compile.lower.layout.tensors import Group, Tensor, View
from q4compile.lower.numbers.weight_codes import RowCodes
from q4compile.lower.phases.operations import Step, Widen
from q4compile.lower.phases.values import Numbers
from q4compile.lower.phases.windows import PatchPhase
from q4compile.lower.select.frame_windows import (
    frame_axis,
    layout_of,
    padded,
    require_channels,
    require_pads,
    windows_of,
)
from q4compile.lower.select.kernel import Kernel, Shape
from q4compile.lower.select.selection import Selection
from q4compile.quantize.network import Node

WHOLE = Shape(1, 1, 1, 0, 0)
"""Along an axis of length 1 that is not there."""


@dataclass(frozen=True)
class Frame:
    """A row in memory: `bands` frequencies of `channels` numbers, `step` columns apart."""

    tensor: Tensor
    bands: int
    channels: int
    step: int


@dataclass(frozen=True)
class Patches:
    """Rows of which each is a patch."""

    operand: Tensor
    rows: Group
    band: Axis | None
    """Of the result; None for one."""
    frame: Frame
    time: Shape
    frequency: Shape
    groups: int
    is_turned: bool
    """Whether ONNX has frequency before time."""
    lead: int
    """Columns of a part in front of its first frequency."""

    def spread(self, weight: RowCodes) -> RowCodes:
        """W [M, C / groups · taps] as [M, taps of time · columns of a part]."""
        rows, frame = len(weight.codes), self.frame
        taps = (self.time.taps, self.frequency.taps)
        inside = weight.codes.shape[1] // (taps[0] * taps[1])
        require_channels(frame.tensor.name, frame.channels, inside, self.groups, rows)
        axes = taps[::-1] if self.is_turned else taps
        given = weight.codes.reshape(self.groups, rows // self.groups, inside, *axes)
        given = given.swapaxes(3, 4) if self.is_turned else given
        part = self.operand.width // taps[0]
        made = np.zeros((self.groups, rows // self.groups, taps[0], part), weight.codes.dtype)
        for group in range(self.groups):
            for tap in range(taps[1]):
                first = self.lead + tap * self.frequency.dilation * frame.step + group * inside
                kernel = given[group, :, :, :, tap].swapaxes(1, 2)
                made[group, :, :, first : first + inside] = kernel
        return replace(weight, codes=made.reshape(rows, taps[0] * part))


def patches(selection: Selection, node: Node, x: Numbers, kernel: Kernel) -> Patches:
    """The phases that copy patches of X [B, C, T, F], [B, C, F, T] or [B, C, T].

    Raises:
        Refused: Q325 for any other layout, and where no patch lies in the frames.
    """
    view = x.view
    is_turned, time, band = _oriented(view, kernel)
    along, across = (*kernel.shapes[:: -1 if is_turned else 1], WHOLE)[:2]
    axis = frame_axis(selection, view, time)
    frame = _bytewise(selection, node, _frame(view, band), across)
    require_pads(along)
    if across.count(frame.bands) < 1:
        raise Refused("Q325", "at least one window", f"{frame.bands} bands of '{view.tensor.name}'")
    phase = _cut(selection, node, frame, axis, along, across)
    bands = phase.result.rows[-1] if phase.bands > 1 else None
    rows = phase.result.rows[: len(phase.source.rows)]
    lead = _lead(frame, across)
    return Patches(phase.result, rows, bands, frame, along, across, kernel.groups, is_turned, lead)


def _oriented(view: View, kernel: Kernel) -> tuple[bool, Group, Group]:
    """Whether frequency comes before time; both axes."""
    count = len(kernel.shapes)
    if len(view.axes) != count + 2:
        raise Refused("Q325", f"X of {count + 2} axes", layout_of(view))
    first, second = (*view.axes[2:], ())[:2]
    is_turned = count > 1 and not _is_row(view, first)
    return (True, second, first) if is_turned else (False, first, second)


def _cut(
    selection: Selection, node: Node, frame: Frame, time: Axis, along: Shape, across: Shape
) -> PatchPhase:
    """The phase, behind one that puts zeros around the frames."""
    source, bands = selection.stored(frame.tensor), across.count(frame.bands)
    windows = windows_of(selection, source, time, along)
    source, time = padded(selection, node, source, time, along)
    rows = tuple(windows if each == time else each for each in source.rows)
    lead = _lead(frame, across)
    result = Tensor(
        f"{node.name}.patches",
        source.kind,
        source.element,
        rows if bands == 1 else (*rows, selection.length(bands)),
        (selection.length(along.taps), selection.length(lead + across.reach * frame.step)),
        slices=along.taps,
    )
    step, front = across.stride * frame.step, across.before * frame.step + lead
    phase = PatchPhase(
        node.name,
        source,
        result,
        windows,
        bands,
        along.taps,
        along.stride,
        along.dilation,
        source.element.row_bytes(step),
        source.element.row_bytes(front),
    )
    selection.phases.append(phase)
    return phase


def _lead(frame: Frame, across: Shape) -> int:
    """Columns from a 16-byte boundary to the first number of the pads."""
    unit = UNIT_BYTES * 8 // frame.tensor.element.bits
    return -across.before * frame.step % unit


def _is_row(view: View, group: Group) -> bool:
    return len(group) == 1 and group[0] in view.tensor.rows


def _frame(view: View, band: Group) -> Frame:
    """The columns of X: all channels of a frequency, then those of the next one."""
    tensor, channel = view.tensor, view.axes[1]
    known = tuple(axis for axis in tensor.columns if axis in (*band, *channel))
    if known != (*band, *channel) or tensor.width != _length(band) * _length(channel):
        need = (
            "X [batch, channels, time, frequency] with frequencies and channels as rows in memory"
        )
        raise Refused("Q325", need, layout_of(view))
    bands = _length(band)
    if tensor.slices not in (1, bands):
        raise Refused("Q325", "frequencies that lie alike", layout_of(view))
    step = tensor.slice_step if tensor.slices > 1 else tensor.width // bands
    return Frame(tensor, bands, _length(channel), step)


def _length(group: Group) -> int:
    """Of an axis of columns."""
    found = 1
    for axis in group:
        found *= int(axis.size)
    return found


def _bytewise(selection: Selection, node: Node, frame: Frame, shape: Shape) -> Frame:
    """`frame`, with bands that begin at whole bytes: codes of 4 bits may have to be of 8."""
    tensor = frame.tensor
    is_whole = frame.step * tensor.element.bits % 8 == 0
    if is_whole or frame.bands == 1:
        return frame
    axes = View(tensor, (tensor.rows, tensor.columns))
    wide = tensor.recoded(f"{node.name}.widened", tensor.kind, ElementType.I8)
    selection.steps[wide.name] = Step(Widen(), (axes,), wide)
    return replace(frame, tensor=wide)
