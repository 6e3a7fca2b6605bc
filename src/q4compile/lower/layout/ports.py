"""Inputs and outputs of a component: how rows in memory make up an ONNX tensor."""

from dataclasses import dataclass
from math import prod

from q4compile.isa.element_type import ElementType
from q4compile.lower.findings import Refused
from q4compile.lower.layout.axes import Axis
from q4compile.lower.layout.tensors import Group, Tensor, View, memory_rows
from q4compile.lower.numbers.kinds import INT32, Fixed, Grid, Integer, Kind, Real, Wide


@dataclass(frozen=True)
class PortTensor:
    """A tensor that the host sees through ONNX axes."""

    name: str
    is_input: bool
    view: View
    lane: Axis | None = None
    """The axis that the columns of tokens and lengths stand for."""

    @property
    def tensor(self) -> Tensor:
        """The rows."""
        return self.view.tensor


@dataclass(frozen=True)
class MemoryAxes:
    """Outer to inner; the permutation to ONNX axes; bytes from one innermost axis to the next."""

    axes: tuple[int | str, ...]
    onnx_axes: tuple[int, ...]
    pitch_bytes: int
    parts: int
    """Innermost axes in a row of the tensor."""


def memory_axes(port: PortTensor) -> MemoryAxes:
    """How the host finds the numbers.

    Raises:
        Refused: Q325 for ONNX axes that run over several axes of rows, or across gaps.
    """
    view, tensor = port.view, port.tensor
    groups = sorted((_position(port, group), n) for n, group in enumerate(view.axes) if group)
    ones = [n for n, group in enumerate(view.axes) if not group]
    inner = [n for _, n in groups]
    # A token for each step: its row has one column, which is no axis of the tensor.
    is_single = isinstance(tensor.kind, Integer) and port.lane is None
    order = [*inner, *ones] if is_single else [*ones, *inner]
    parts = 1 if is_single else _parts(port, view.axes[order[-1]])
    return MemoryAxes(
        tuple(_size(view.axes[n]) for n in order),
        tuple(order.index(n) for n in range(len(order))),
        tensor.pitch_bytes if parts == 1 else tensor.slice_bytes,
        parts,
    )


def _position(port: PortTensor, group: Group) -> int:
    """Where a group begins in memory; Refused for one that is not contiguous there."""
    tensor = port.tensor
    axes = (*tensor.rows, port.lane) if port.lane is not None else tensor.axes
    start = axes.index(group[0])
    rows = sum(axis in tensor.rows for axis in group)
    if axes[start : start + len(group)] != group or (rows and len(group) > 1):
        names = " · ".join(map(str, group))
        raise Refused("Q325", "axes of ports that are axes in memory", f"{names} of '{port.name}'")
    return start


def _size(group: Group) -> int | str:
    """The length of an ONNX axis."""
    if len(group) == 1:
        return group[0].size
    return prod(axis.size for axis in group if isinstance(axis.size, int))


def _parts(port: PortTensor, innermost: Group) -> int:
    """How many of its innermost axes a row of the tensor has."""
    tensor = port.tensor
    if innermost == (tensor.columns if port.lane is None else (port.lane,)):
        if tensor.slices > 1 and not tensor.is_dense:
            got = f"'{port.name}', with slices of {tensor.element.row_bytes(tensor.slice_columns)}"
            raise Refused("Q325", "parts of rows of a multiple of 16 bytes", f"{got} bytes")
        return 1
    inside = prod(axis.size for axis in innermost if isinstance(axis.size, int))
    packed = tensor.pitch_bytes == tensor.slices * tensor.slice_bytes
    if inside != tensor.slice_columns or tensor.slices == 1 or not packed:
        raise Refused("Q325", "an innermost axis of whole rows", f"'{port.name}'")
    return tensor.slices


def code_range(kind: Kind) -> tuple[float, int, int, int]:
    """``(scale, zero_point, lo, hi)`` of the codes in memory."""
    if isinstance(kind, Grid):
        stored = kind.stored
        return float(stored.scale), stored.zero_point, stored.lo, stored.hi
    if isinstance(kind, Fixed | Wide):
        return 2.0**-kind.f, 0, *kind.codes
    if isinstance(kind, Real):
        return 1.0, 0, 0, 0
    return 1.0, 0, *INT32


def input_view(
    name: str, kind: Kind, axes: tuple[Group, ...], columns: int, lane: Axis | None
) -> View:
    """Rows for an input of numbers: axis `columns` is a row."""
    rows = memory_rows((*axes[:columns], *axes[columns + 1 :]), lane)
    return View(Tensor(name, kind, kind.element, rows, axes[columns]), axes)


def token_view(
    name: str, kind: Kind, axes: tuple[Group, ...], lane: Axis | None, most: int
) -> View:
    """Rows for integers: one for each step, with a number per sequence, of which `most` fit."""
    rows = tuple(axis for group in axes for axis in group if axis != lane)
    return View(Tensor(name, kind, ElementType.I32, rows, (Axis(most),)), axes)
