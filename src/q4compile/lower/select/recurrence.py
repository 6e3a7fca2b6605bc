"""LSTM, GRU and RNN: a product of all steps' inputs (or a table of them), then the steps."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from q4compile.isa.element_type import UNIT_BYTES, ElementType
from q4compile.lower.findings import Refused
from q4compile.lower.layout.tensors import Group, Tensor, View
from q4compile.lower.numbers.kinds import Fixed, Grid, Real, Wide
from q4compile.lower.numbers.product import (
    PRECISIONS,
    Product,
    joined,
    product_of,
    requantizer_to,
)
from q4compile.lower.options import rows_at_most
from q4compile.lower.phases.grouping import Grouping
from q4compile.lower.phases.phases import (
    CellNumbers,
    Direction,
    FoldedTable,
    Multiplied,
    RecurrentPhase,
    RowsPhase,
    Source,
    State,
)
from q4compile.lower.phases.values import Lengths, Numbers, Zeros
from q4compile.lower.plan.cell_shape import CellShape, Operand, choose_groupings
from q4compile.lower.select.linear import precision_of, rows_product
from q4compile.lower.select.lstm_parts import LENGTHS, REVERSED, Parts, W, lstm_parts, require_plain
from q4compile.lower.select.readers import INITIAL_C, INITIAL_H
from q4compile.lower.select.selection import Selection, described
from q4compile.numerics.half import nearest_half
from q4compile.numerics.half_products import half_products
from q4compile.numerics.rounding import rne_shift
from q4compile.quantize.network import Node

Form = Grid | Fixed | Wide | Real
"""Of a state."""


def recurrent(selection: Selection, node: Node) -> None:
    """All phases of the node.

    Raises:
        Refused: Q321 for what the machine's step lacks, Q322 to Q326.
    """
    reverse = REVERSED[str(node.attributes.get("direction", "forward"))]
    require_plain(node, len(reverse))
    parts = lstm_parts(selection, node, reverse)
    entering = _entering(selection, parts)
    lengths, factor = _lengths(selection, parts, entering)
    folded = selection.gathered.get(parts.x.view.tensor.name)
    foldable = folded is not None and _is_foldable(selection, parts, len(folded.table))
    ids = folded.ids if folded is not None and foldable else None
    shape = _shape(selection, parts, ids, bool(entering))
    beside = _making_inputs(selection, parts, shape)
    grouping, is_split = beside or choose_groupings(shape, selection.room)
    if ids is not None:
        source: Source = _table(selection, parts, grouping)
    else:
        source = _multiplied(selection, parts, grouping, beside is not None)
    directions = tuple(_arranged(each, parts.cell, grouping) for each in parts.directions)
    phase = RecurrentPhase(
        node.name,
        parts.cell,
        directions,
        precision_of(parts.cell.element, parts.directions[0].recurrent.element),
        grouping,
        parts.time,
        parts.lane,
        source,
        lengths,
        factor,
        entering,
        _leaving(selection, parts),
        _output(selection, parts),
    )
    runs = [(each,) for each in directions] if is_split else [directions]
    selection.phases.extend(replace(phase, directions=each) for each in runs)


def _entering(selection: Selection, parts: Parts) -> tuple[State, ...]:
    """Initial states that are inputs; zeros are none."""
    found = []
    node, cell = parts.node, parts.cell
    for role, port, kind in _states(cell):
        name = node.inputs[port].value if port < len(node.inputs) else ""
        value = selection.value(name) if name else Zeros()
        if isinstance(value, Zeros):
            continue
        if not isinstance(value, Numbers) or value.kind != kind:
            got = f"'{name}', {described(value) if value is None else value}"
            raise Refused("Q322", f"an initial {role} as {kind}", got)
        if name not in selection.inputs:
            raise Refused("Q321", f"zeros or an input as initial {role}", f"'{name}', computed")
        if role == "h" and value.view.tensor.element is not cell.element:
            value = _with_element(selection, name, value, cell.element)
        found.append(State(role, value.view.tensor))
    return tuple(found)


def _states(cell: CellNumbers) -> list[tuple[str, int, Form]]:
    """Role, port and form of what a step takes from the one before."""
    hidden: list[tuple[str, int, Form]] = [("h", INITIAL_H, cell.hidden)]
    return [*hidden, ("c", INITIAL_C, cell.state)] if cell.has_state else hidden


def _with_element(selection: Selection, name: str, value: Numbers, element: ElementType) -> Numbers:
    """An input that the host gives in another type."""
    view = replace(value.view, tensor=replace(value.view.tensor, element=element))
    selection.inputs[name] = view
    made = replace(value, view=view)
    selection.values[name] = made
    return made


def _lengths(
    selection: Selection, parts: Parts, entering: Sequence[State]
) -> tuple[Tensor | None, int]:
    """The input that holds the lengths, and how many of its frames make a step."""
    node = parts.node
    name = node.inputs[LENGTHS].value if len(node.inputs) > LENGTHS else ""
    if not name:
        return None, 1
    found = selection.value(name)
    if not isinstance(found, Lengths) or found.plus != found.divide - 1:
        raise Refused("Q322", "ceil(lengths / n) of an input", f"'{name}', {described(found)}")
    if node.outputs[1:2] not in ((), ("",)):
        got = f"'{node.outputs[1]}'"
        raise Refused("Q321", "no last h where sequences have lengths", got)
    reverse = any(each.is_reverse for each in parts.directions)
    if reverse and any(each.role == "h" for each in entering):
        raise Refused("Q321", "h = 0 before the last frames", "an initial h and lengths")
    return selection.inputs[found.port].tensor, found.divide


def _is_foldable(selection: Selection, parts: Parts, tokens: int) -> bool:
    """Whether nobody else reads the embedding, and the table is small enough."""
    name = parts.x.view.tensor.name
    columns = parts.cell.gates * parts.cell.units * len(parts.directions)
    size_bytes = tokens * parts.cell.sums.element.row_bytes(columns)
    fits = size_bytes <= selection.room.options.folded_table_bytes
    return fits and len(list(selection.readers.of_numbers(name))) == 1


def _shape(
    selection: Selection, parts: Parts, ids: Tensor | None, has_few_steps: bool
) -> CellShape:
    recurrent = parts.directions[0].recurrent
    return CellShape(
        parts.cell.units,
        len(parts.directions),
        parts.cell.element,
        recurrent.element,
        any(np.any(each.recurrent.bias) for each in parts.directions),
        rows_at_most(parts.lane, selection.room),
        0 if ids is None else ids.pitch_bytes,
        parts.cell.gates,
        parts.cell.has_state,
        has_few_steps,
        parts.cell.sums.element,
        parts.cell.state.element,
    )


def _order(cell: CellNumbers) -> list[int]:
    """Row ``gate · units + unit`` of ONNX → column ``gates · unit + gate`` of memory."""
    return [cell.gates * unit + gate for gate in range(cell.gates) for unit in range(cell.units)]


def _input_products(parts: Parts, grouping: Grouping) -> list[Product]:
    assert isinstance(parts.x.kind, Grid | Real), "the operand is on a grid, or in floats"
    name = parts.node.inputs[W].value
    columns = parts.cell.gates * grouping.memory_units
    # The next direction begins at a unit.
    whole = 8 * UNIT_BYTES // parts.cell.sums.element.bits
    rows, order = -(-columns // whole) * whole, _order(parts.cell)
    return [
        product_of(weight, parts.x.kind, bias, parts.cell.sums, name).arranged(rows, order)
        for weight, bias in zip(parts.weights, parts.biases, strict=True)
    ]


def _making_inputs(
    selection: Selection, parts: Parts, shape: CellShape
) -> tuple[Grouping, bool] | None:
    """The grouping where each step makes its input sums, with weights beside the recurrent ones.

    That is for networks that are called token by token: of one step, all weights come by once in
    any case, and sums need not go to DRAM and back. With many steps in a call it would cost more.
    """
    tensor, weights = parts.x.view.tensor, parts.weights[0].element
    is_ready = tensor.name not in selection.steps and (tensor.element, weights) in PRECISIONS
    if shape.ids_bytes or shape.directions > 1 or not (shape.has_few_steps and is_ready):
        return None
    if not selection.takes_tokens:
        return None
    operand = Operand(tensor.pitch_bytes, tensor.depth, weights)
    try:
        found = choose_groupings(replace(shape, operand=operand), selection.room)
    except Refused:
        return None
    return found if found[0].groups > 1 else None


def _multiplied(
    selection: Selection, parts: Parts, grouping: Grouping, is_of_steps: bool
) -> Tensor | Multiplied:
    """The product of the inputs where steps make it; else what a phase for all steps makes."""
    phase = _sums(selection, parts, grouping)
    assert phase.product is not None, "it is a product"
    if is_of_steps:
        return phase.product
    selection.phases.append(phase)
    return phase.product.result


def _sums(selection: Selection, parts: Parts, grouping: Grouping) -> RowsPhase:
    """The phase that multiplies all steps' inputs."""
    product = joined(_input_products(parts, grouping))
    name, view = f"{parts.node.name}.inputs", parts.x.view
    kind = parts.cell.sums
    tensor = Tensor(
        name,
        kind,
        kind.element,
        view.tensor.rows,
        (selection.length(product.rows),),
    )
    to = requantizer_to(kind, kind.element)
    rows = len(parts.directions) * parts.cell.gates * parts.cell.units
    macs = rows * view.tensor.width
    return rows_product(selection, parts.node.name, view, product, tensor, to, macs)


def _table(selection: Selection, parts: Parts, grouping: Grouping) -> FoldedTable:
    """``gx = sat(acc · M + offset)`` of every token, or f16(acc), computed here."""
    gathered, kind = selection.gathered.pop(parts.x.view.tensor.name), parts.cell.sums
    tables = []
    for product in _input_products(parts, grouping):
        if isinstance(kind, Real):
            sums = half_products(gathered.table, product.codes, product.bias)
            tables.append(nearest_half(sums))
            continue
        sums = product.bias + gathered.table @ product.codes.T.astype(np.int64)
        mul, shift = product.multipliers & 0xFFFFFF, product.multipliers >> 24
        scaled = rne_shift(sums * mul, shift)
        offset = 0 if product.offsets is None else product.offsets
        tables.append(np.clip(scaled + offset, *kind.codes))
    return FoldedTable(gathered.ids, tuple(tables))


def _arranged(direction: Direction, cell: CellNumbers, grouping: Grouping) -> Direction:
    """Rows gate by gate become columns unit by unit, filled up to the units of memory."""
    rows = cell.gates * grouping.memory_units
    product = direction.recurrent.arranged(rows, _order(cell))
    placed = product.placed(grouping.memory_units, range(cell.units))
    return replace(direction, recurrent=placed)


def _state_axes(selection: Selection, parts: Parts) -> tuple[Group, ...]:
    """[directions, batch, units]."""
    count = len(parts.directions)
    direction = (selection.length(count),) if count > 1 else ()
    lane = () if parts.lane is None else (parts.lane,)
    return direction, lane, (selection.length(parts.cell.units),)


def _leaving(selection: Selection, parts: Parts) -> tuple[State, ...]:
    """Last states that somebody reads."""
    found, cell = [], parts.cell
    kinds: tuple[tuple[str, Form, ElementType], ...] = (
        ("h", cell.hidden, cell.element),
        ("c", cell.state, cell.state.element),
    )
    for (role, kind, element), name in zip(kinds, parts.node.outputs[1:3], strict=False):
        if name:
            axes = _state_axes(selection, parts)
            view = selection.result(name, kind, axes, element=element)
            selection.keep(name, kind, kind.bound, view)
            found.append(State(role, view.tensor))
    return tuple(found)


def _output(selection: Selection, parts: Parts) -> Tensor | None:
    """h of all steps: rows (time, sequence), a slice per direction."""
    name, cell = parts.node.outputs[0], parts.cell
    if not name:
        return None
    direction, lane, units = _state_axes(selection, parts)
    time = () if parts.time is None else (parts.time,)
    count = len(parts.directions)
    tensor = Tensor(
        name, cell.hidden, cell.element, (*time, *lane), (*direction, *units), slices=count
    )
    view = View(tensor, (time, direction, lane, units))
    selection.keep(name, cell.hidden, cell.hidden.bound, view)
    return tensor
