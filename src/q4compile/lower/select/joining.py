"""``y = [a | b | …]``: rows of several tensors side by side, by a copy."""

from collections.abc import Sequence
from itertools import accumulate

from q4compile.isa.element_type import UNIT_BYTES
from q4compile.lower.findings import Refused
from q4compile.lower.layout.tensors import Tensor
from q4compile.lower.phases.phases import RowsPhase, Stored
from q4compile.lower.phases.values import Numbers
from q4compile.lower.select.selection import Selection
from q4compile.quantize.network import Node


def side_by_side(selection: Selection, node: Node, parts: Sequence[Numbers]) -> None:
    """The columns of each part behind those of the one before.

    Raises:
        Refused: Q322 for parts of different kinds, Q325 for parts that do not lie alike.
    """
    kinds = {each.kind for each in parts}
    if len(kinds) > 1:
        got = ", ".join(sorted(map(str, kinds)))
        raise Refused("Q322", "parts that stand for numbers in one way", got)
    _require_alike(parts)
    first = parts[0].view
    tensors = [selection.stored(each.view.tensor) for each in parts]
    columns = (selection.length(sum(each.width for each in tensors)),)
    axes = (*first.axes[:-1], columns)
    element = tensors[0].element
    view = selection.result(node.outputs[0], parts[0].kind, axes, element=element)
    selection.phases.append(
        RowsPhase(
            node.name,
            view.tensor.rows,
            tuple(dict.fromkeys(tensors)),
            (),
            _stores(tensors, view.tensor),
        )
    )
    bound = max(each.bound for each in parts)
    selection.keep(node.outputs[0], parts[0].kind, bound, view)


def _require_alike(parts: Sequence[Numbers]) -> None:
    first = parts[0].view
    for each in parts:
        view, tensor = each.view, each.view.tensor
        same = view.axes[:-1] == first.axes[:-1] and tensor.rows == first.tensor.rows
        if not view.is_row_wise or not same or tensor.element != first.tensor.element:
            raise Refused("Q325", "parts of the same rows and type", f"'{tensor.name}'")
        if not tensor.is_dense or tensor.row_bytes % UNIT_BYTES:
            got = f"{tensor.row_bytes} bytes of '{tensor.name}'"
            raise Refused("Q325", f"rows of a multiple of {UNIT_BYTES} bytes", got)


def _stores(parts: Sequence[Tensor], to: Tensor) -> tuple[Stored, ...]:
    starts = accumulate((each.row_bytes for each in parts), initial=0)
    return tuple(Stored(each.name, to, start) for each, start in zip(parts, starts, strict=False))
