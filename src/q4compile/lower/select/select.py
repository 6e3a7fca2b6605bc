"""``select(network)``: the phases of a component, and the tensors that its ports are.

Nodes are taken in order. What cannot be lowered is collected, with all that depends on it passed
by, and given back with the rest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from q4compile.lower.findings import Refused, place_of
from q4compile.lower.layout.ports import PortTensor, memory_axes
from q4compile.lower.layout.tensors import View, names
from q4compile.lower.options import Room
from q4compile.lower.phases.phases import Phase, RecurrentPhase, RowsPhase, Stored
from q4compile.lower.phases.selected import Selected
from q4compile.lower.phases.values import Numbers
from q4compile.lower.select.entering import enter, input_port, lane_of
from q4compile.lower.select.known_values import known_values
from q4compile.lower.select.operators import lower_node
from q4compile.lower.select.readers import Readers
from q4compile.lower.select.selection import OtherLane, Selection, described
from q4compile.quantize.network import Network, Port


def select(
    component: str, network: Network, room: Room, entering: Mapping[str, Numbers]
) -> Selected:
    """The phases of `network`.

    Args:
        entering: what inputs are that an earlier component makes.
    """
    readers = Readers(network, room.options.has_wide_cells)
    try:
        guess = Selection(component, network, room, lane_of(network), readers)
        selection = _taken_up(guess, entering)
    except OtherLane as found:
        known = Selection(component, network, room, found.lane, readers, lane_is_known=True)
        selection = _taken_up(known, entering)
    ports = _ports(selection)
    phases = _folded(selection)
    made = {port.name: selection.values.get(port.name) for port in network.outputs}
    outputs = {name: value for name, value in made.items() if isinstance(value, Numbers)}
    lane = selection.lane if _needs_lane(phases, ports) else None
    findings = tuple(selection.findings)
    inside = dict(known_values(selection.values, phases, ports))
    return Selected(component, selection.sizes, lane, phases, ports, outputs, inside, findings)


def _taken_up(selection: Selection, entering: Mapping[str, Numbers]) -> Selection:
    """`selection` with all inputs and nodes; OtherLane where its axis of the batch is wrong."""
    network = selection.network
    for port in network.inputs:
        with selection.collecting(f"input '{port.name}'"):
            enter(selection, port, entering)
    for node in network.nodes:
        if node.name not in selection.passed_by and selection.is_ready(node):
            with selection.collecting(place_of(node)):
                lower_node(selection, node)
    return selection


def _needs_lane(phases: Sequence[Phase], ports: Sequence[PortTensor]) -> bool:
    """Whether anything takes all of the batch at a time; else rows are rows."""
    return any(port.lane is not None for port in ports) or any(
        not isinstance(phase, RowsPhase)
        or any(names(each.rows) != names(phase.rows) for each in phase.tensors)
        for phase in phases
    )


def _ports(selection: Selection) -> tuple[PortTensor, ...]:
    """Inputs, then outputs; those that were refused are left out."""
    network = selection.network
    found = [
        input_port(selection, port) for port in network.inputs if port.name in selection.inputs
    ]
    for port in network.outputs:
        if port.name in selection.values:
            with selection.collecting(f"output '{port.name}'"):
                found.append(_leave(selection, port, found))
    for each in found:
        way = "input" if each.is_input else "output"
        with selection.collecting(f"{way} '{each.name}'"):
            memory_axes(each)
    return tuple(found)


def _leave(selection: Selection, port: Port, taken: list[PortTensor]) -> PortTensor:
    """An output: the tensor itself, or a copy of one that is a port already."""
    value = selection.values[port.name]
    if not isinstance(value, Numbers):
        raise Refused("Q321", "numbers as an output", described(value))
    tensor = selection.stored(value.view.tensor)
    if tensor.name in {each.tensor.name for each in taken}:
        copy = replace(tensor, name=f"{port.name} (copy)")
        stored = (Stored(tensor.name, copy),)
        selection.phases.append(RowsPhase(port.name, tensor.rows, (tensor,), (), stored))
        tensor = copy
    return PortTensor(port.name, False, View(tensor, value.view.axes))


def _folded(selection: Selection) -> tuple[Phase, ...]:
    """The phases, with frames going where they are folded to."""
    found: list[Phase] = []
    for phase in selection.phases:
        if isinstance(phase, RecurrentPhase):
            with selection.collecting(f"node '{phase.node}' ({phase.cell.op})"):
                _require_lengths(selection, phase)
            fold = selection.folds.get(phase.output.name) if phase.output else None
            if fold is not None:
                phase = replace(phase, output=fold.result, fold=fold.factor)
        found.append(phase)
    return tuple(found)


def _require_lengths(selection: Selection, phase: RecurrentPhase) -> None:
    """A time reduction fills up the last row: only lengths keep such frames out of the states."""
    time = phase.time
    if time is not None and time.size in selection.sizes.filled and phase.lengths is None:
        need = "a recurrence with lengths before a time reduction"
        raise Refused("Q325", need, "none", "export the model with sequence_lens")
