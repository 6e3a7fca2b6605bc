"""Where ports are: a register for each whose size varies, one for all the others together."""

from collections.abc import Sequence

from q4compile.isa.element_type import UNIT_BYTES
from q4compile.isa.program import Expression, Port
from q4compile.lower.emit.image import ALIGNMENT_BYTES
from q4compile.lower.emit.mailbox import Mailbox
from q4compile.lower.layout.axes import Axis, Extent, Sizes
from q4compile.lower.layout.places import Place
from q4compile.lower.layout.ports import PortTensor, code_range, memory_axes
from q4compile.lower.options import Room, rows_at_most
from q4compile.lower.plan.sram import aligned

BLOCK = "ports of limited size"


def ports_of(
    tensors: Sequence[PortTensor], sizes: Sizes, lane: Axis | None, room: Room, mailbox: Mailbox
) -> tuple[tuple[Port, ...], dict[str, Place]]:
    """The ports, and name of a tensor → its place."""
    found: list[Port] = []
    places: dict[str, Place] = {}
    end_bytes = 0
    for each in tensors:
        extent = sizes.extent(each.tensor.rows)
        most = _most(extent, lane, room)
        if most is None:
            register, offset = mailbox.named(f"port {each.name}"), 0
            rows = extent.expression
        else:
            register, offset = mailbox.named(BLOCK), end_bytes // UNIT_BYTES
            rows = Expression((), most)
            end_bytes += aligned(most * each.tensor.pitch_bytes, ALIGNMENT_BYTES)
        found.append(port_of(each, register, offset, rows))
        places[each.tensor.name] = Place(offset, register)
    return tuple(found), places


def _most(extent: Extent, lane: Axis | None, room: Room) -> int | None:
    """The most rows there can be, if nothing but the batch varies."""
    if extent.constant is not None:
        return extent.constant
    if lane is not None and extent.names == (lane.size,):
        return extent.times * rows_at_most(lane, room)
    return None


def port_of(each: PortTensor, register: int, offset: int, rows: Expression) -> Port:
    """A tensor as a port `offset` units behind the address in a register."""
    axes, tensor = memory_axes(each), each.tensor
    scale, zero_point, lo, hi = code_range(tensor.kind)
    return Port(
        name=each.name,
        direction="in" if each.is_input else "out",
        register=register,
        type=tensor.element.name.lower(),
        scale=scale,
        zero_point=zero_point,
        lo=lo,
        hi=hi,
        axes=axes.axes,
        onnx_axes=axes.onnx_axes,
        pitch_bytes=axes.pitch_bytes,
        rows=Expression(rows.product, rows.times * axes.parts),
        offset=offset,
    )
