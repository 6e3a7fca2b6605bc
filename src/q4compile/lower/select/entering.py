"""Inputs of a component: what they are, how their rows lie, which axis is that of the batch."""

from collections.abc import Mapping

from q4compile.lower.findings import Refused
from q4compile.lower.layout.axes import Axis
from q4compile.lower.layout.ports import PortTensor, input_view, token_view
from q4compile.lower.layout.tensors import Group
from q4compile.lower.numbers.kinds import F16, F32, Fixed, Grid, Integer, Kind, Real, Wide
from q4compile.lower.options import rows_at_most
from q4compile.lower.phases.values import Lengths, Numbers
from q4compile.lower.select.readers import INITIAL_C, RECURRENT
from q4compile.lower.select.selection import NOTHING, Selection, require_codes
from q4compile.quantize.network import Network, Port

INPUT_FIX = "quantize the input with a recipe rule of one integer format"


def lane_of(network: Network) -> Axis | None:
    """The axis of the batch: B of a recurrent X [T, B, K], else the first of the first input."""
    shapes = [
        network.values[node.inputs[0].value].shape for node in network.nodes if node.op in RECURRENT
    ]
    sizes = [shape[1] for shape in shapes if shape is not None and len(shape) > 1]
    if not sizes:
        firsts = (port.shape for port in network.inputs if port.shape)
        sizes = [shape[0] for shape in firsts]
    size = next((size for size in sizes if size not in (None, 1)), None)
    return None if size is None else Axis(size)


def enter(selection: Selection, port: Port, entering: Mapping[str, Numbers]) -> None:
    """Give an input its value.

    Raises:
        Refused: Q322 for numbers that are read on no grid or on several, Q325 for their shape.
    """
    axes = _axes(selection, port)
    if port.dtype.startswith("int"):
        kind = Integer()
        most = rows_at_most(selection.lane, selection.room)
        view = token_view(port.name, kind, axes, selection.lane, most)
        selection.inputs[port.name] = view
        is_token = len(axes) > 1
        selection.values[port.name] = (
            Numbers(kind, NOTHING, view) if is_token else Lengths(port.name)
        )
        return
    known = entering.get(port.name)
    found = known.kind if known is not None else _wanted(selection, port)
    if not port.dtype.startswith("float") or not isinstance(found, Grid | Fixed | Wide | Real):
        raise Refused(
            "Q322", "an input that is read on one grid", _wants(selection, port), INPUT_FIX
        )
    if isinstance(found, Grid):
        require_codes(port.name, found)
    view = input_view(port.name, found, axes, _columns(port, axes), selection.lane)
    selection.inputs[port.name] = view
    bound = known.bound if known is not None else found.bound
    selection.values[port.name] = Numbers(found, bound, view)


def _wanted(selection: Selection, port: Port) -> Kind | None:
    """The one form in which all readers want it; f16 in floats, but for cell states."""
    if not selection.is_float:
        return selection.readers.wanted(port.name)
    readings = selection.readers.of_numbers(port.name)
    is_state = [each.node is not None and each.port == INITIAL_C for each in readings]
    lstms = all(each.node is not None and each.node.op == "LSTM" for each in readings)
    return F32 if readings and lstms and all(is_state) else F16


def _columns(port: Port, axes: tuple[Group, ...]) -> int:
    """Which axis is a row in memory: the last one, or the only one of known length."""
    known = [n for n, group in enumerate(axes) if group and isinstance(group[0].size, int)]
    if len(axes) - 1 in known or len(known) == 1:
        return max(known)
    raise Refused("Q325", "a last axis of known length", f"{port.shape}")


def input_port(selection: Selection, port: Port) -> PortTensor:
    """The port of an input, once all its readers have been seen."""
    view = selection.inputs[port.name]
    lane = None
    if isinstance(view.tensor.kind, Integer):
        lane = selection.lane if any(selection.lane in group for group in view.axes) else None
    return PortTensor(port.name, True, view, lane)


def _axes(selection: Selection, port: Port) -> tuple[Group, ...]:
    """An axis in memory for each but those of length 1; unknown ones get a name."""
    if port.shape is None:
        raise Refused("Q325", "an input whose number of axes is known", "an unknown shape")
    found: list[Group] = []
    last = len(port.shape) - 1
    for n, size in enumerate(port.shape):
        if isinstance(size, int):
            is_row = n == last and port.dtype.startswith("float")
            lane = selection.lane
            is_lane = lane is not None and size == lane.size and (lane,) not in found
            axis = lane if is_lane and lane is not None and not is_row else selection.length(size)
            found.append(() if size == 1 and not is_row else (axis,))
        else:
            name = size if size is not None else _new_name(selection, port, n)
            selection.sizes.add(name)
            found.append((Axis(name),))
    return tuple(found)


def _new_name(selection: Selection, port: Port, axis: int) -> str:
    """Of an axis without one: what an output of as many axes calls it, if no input does."""
    network = selection.network
    taken = {size for each in network.inputs for size in each.shape or ()}
    for output in network.outputs:
        shape = output.shape or ()
        name = shape[axis] if len(shape) == len(port.shape or ()) else None
        if isinstance(name, str) and name not in taken:
            return name
    return f"{port.name}.{axis}"


def _wants(selection: Selection, port: Port) -> str:
    count = len(list(selection.readers.of_numbers(port.name)))
    return f"'{port.name}' ({port.dtype}) with {count} readers that take it in different ways"
