"""Constants of real numbers beside a value: one for all, or one for each column of its rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from q4compile.lower.findings import Refused
from q4compile.lower.layout.tensors import View
from q4compile.lower.select.selection import Selection
from q4compile.quantize.network import Array, Node


@dataclass(frozen=True, eq=False)
class Constant:
    """The one constant operand of a node."""

    name: str
    port: int
    numbers: Array


def constant_operand(selection: Selection, node: Node) -> Constant | None:
    """The constant among two operands; None where both are values.

    Raises:
        Refused: Q322 where both are constants, and for numbers that are not finite.
    """
    found = [real_constant(selection, node, port) for port in (0, 1)]
    given = [each for each in found if each is not None]
    if len(given) > 1:
        raise Refused("Q322", "an operand that is computed", "two constants")
    return given[0] if given else None


def real_constant(selection: Selection, node: Node, port: int) -> Constant | None:
    """What a port reads, if that is a constant of real numbers."""
    name = node.inputs[port].value if port < len(node.inputs) else ""
    numbers = selection.network.constants.get(name)
    if numbers is None or numbers.dtype.kind != "f":
        return None
    if not np.isfinite(numbers).all():
        raise Refused("Q322", "finite constants", f"'{name}'")
    return Constant(name, port, numbers)


def one_number(selection: Selection, node: Node, port: int) -> Fraction:
    """The constant at a port; Refused (Q322) if it is none, or several."""
    found = real_constant(selection, node, port)
    if found is None or found.numbers.size != 1:
        name = node.inputs[port].value
        raise Refused("Q322", f"one constant number as input {port}", f"'{name}'")
    return Fraction(float(found.numbers.reshape(-1)[0]))


def column_numbers(constant: Constant, view: View) -> list[Fraction]:
    """For each column of `view`, in the order of memory; Refused (Q325) if rows differ."""
    numbers, tensor = constant.numbers, view.tensor
    rank = len(view.axes)
    lengths = (1,) * (rank - numbers.ndim) + numbers.shape
    own: list[int] = []
    for group, length in zip(view.axes, lengths, strict=False):
        sizes = [axis.size for axis in group if isinstance(axis.size, int)]
        inside = all(axis in tensor.columns for axis in group)
        if length != 1 and (not inside or int(np.prod(sizes)) != length):
            raise _varying(constant, lengths)
        own += [1] * len(group) if length == 1 else sizes
    if len(lengths) > rank:
        raise _varying(constant, lengths)
    axes = [axis for group in view.axes for axis in group]
    order = [axes.index(axis) for axis in tensor.columns]
    rest = [n for n in range(len(axes)) if n not in order]
    shape = [axis.size for axis in tensor.columns if isinstance(axis.size, int)]
    turned = numbers.reshape(own or [1]).transpose([*rest, *order] or [0])
    spread = np.broadcast_to(turned.reshape(turned.shape[len(rest) :] or (1,)), shape)
    return [Fraction(float(each)) for each in spread.reshape(-1)]


def placed_row(view: View, numbers: Sequence[float]) -> tuple[float, ...]:
    """Numbers of columns where they lie in a row; 0 in gaps."""
    row: list[float] = [0] * view.tensor.depth
    for place, number in zip(view.tensor.positions(), numbers, strict=True):
        row[place] = number
    return tuple(row)


def _varying(constant: Constant, lengths: Sequence[int]) -> Refused:
    need = "a constant of one number, or of one for each column of a row"
    return Refused("Q325", need, f"'{constant.name}' of {' x '.join(map(str, lengths))}")
