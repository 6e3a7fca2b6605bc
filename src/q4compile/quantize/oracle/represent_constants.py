"""Decisions on constants of real numbers beside values: their formats, their codes."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np

from q4compile.quantize.network import Array, Node
from q4compile.quantize.oracle.decisions import Constant
from q4compile.quantize.oracle.draft import Draft
from q4compile.quantize.oracle.fixed_formats import MOST, finest
from q4compile.quantize.oracle.refusal import Refusal
from q4compile.quantize.oracle.rounding import Int64, sat16
from q4compile.quantize.oracle.tensor import Fixed

FINEST = 15
LEAK = 0.01
Side = tuple[Fixed, Fraction]
"""Format and bound of an operand."""


def constant_port(draft: Draft, node: Node) -> int | None:
    """The port, of the first two, that reads real constants.

    Raises:
        Refusal: Q142 where both do.
    """
    found = [port for port in (0, 1) if real_constant(draft, node, port) is not None]
    if len(found) > 1:
        raise Refusal("Q142", "an operand that is computed", "two constants")
    return found[0] if found else None


def real_constant(draft: Draft, node: Node, port: int) -> Array | None:
    """The real numbers that a port reads, if they are constant."""
    name = node.inputs[port].value if port < len(node.inputs) else ""
    found = draft.network.constants.get(name)
    if found is None or found.dtype.kind != "f":
        return None
    if not np.isfinite(found).all():
        raise Refusal("Q142", "finite constants", f"'{name}'")
    return found


def operands(draft: Draft, node: Node) -> tuple[Side, Side]:
    """Both operands, of which one may be constant."""
    constant = constant_port(draft, node)
    left, right = (
        beside(draft, node, port) if port == constant else draft.fixed(node, port)
        for port in (0, 1)
    )
    return left, right


def beside(
    draft: Draft, node: Node, port: int, of: Callable[[Fraction], Fraction] = lambda c: c
) -> Side:
    """The constant at `port`, or what `of` makes of it, in its finest format up to 15."""
    found = real_constant(draft, node, port)
    assert found is not None, "there is a constant"
    numbers = [of(Fraction(float(each))) for each in found.reshape(-1)]
    kind = finest(max(map(abs, numbers)), FINEST)
    codes = _codes(numbers, kind).reshape(found.shape)
    draft.constants[node.name, port] = Constant(kind, codes)
    return kind, int(np.abs(codes).max()) / Fraction(2) ** kind.f


def limit(draft: Draft, node: Node, port: int, kind: Fixed, given: float | None = None) -> Fraction:
    """The constant at `port` in the format of the value beside it, saturating; how large it is."""
    found = real_constant(draft, node, port) if given is None else np.array(given)
    assert found is not None, "there is a constant"
    numbers = [Fraction(float(each)) for each in found.reshape(-1)]
    codes = sat16(_codes(numbers, kind)).reshape(found.shape)
    draft.constants[node.name, port] = Constant(kind, codes)
    return int(np.abs(codes).max()) / Fraction(2) ** kind.f


def represent_div(draft: Draft, node: Node) -> None:
    """``x · (1 / c)``.

    Raises:
        Refusal: Q141 for a divisor that is computed, Q144 for 0.
    """
    divisor = real_constant(draft, node, 1)
    if divisor is None or constant_port(draft, node) != 1:
        raise Refusal("Q141", "a Div by a constant", "by a value")
    if not divisor.all():
        raise Refusal("Q144", "divisors other than 0", f"'{node.inputs[1].value}'")
    (x, left), (y, right) = draft.fixed(node, 0), beside(draft, node, 1, lambda c: 1 / c)
    draft.set(node.outputs[0], finest(left * right, min(MOST, x.f + y.f)), left * right)


def represent_clip(draft: Draft, node: Node) -> None:
    """The format of x; both ends in it.

    Raises:
        Refusal: Q142 for ends that are computed.
    """
    kind, bound = draft.fixed(node, 0)
    for port, name in ((1, "min"), (2, "max")):
        given = node.attributes.get(name)
        value = node.inputs[port].value if port < len(node.inputs) else ""
        end = real_constant(draft, node, port)
        if value and (end is None or end.size != 1):
            raise Refusal("Q142", "constant ends", f"'{value}'")
        if value or given is not None:
            bound = max(
                bound, limit(draft, node, port, kind, None if value else float(np.float32(given)))
            )
    draft.set(node.outputs[0], kind, bound)


def represent_leak(draft: Draft, node: Node) -> None:
    """``max(x, slope · x)``, in the coarser format of both.

    Raises:
        Refusal: Q141 for slopes that are computed, or not from 0 to 1.
    """
    x, bound = draft.fixed(node, 0)
    slope: Array | None = np.array(node.attributes.get("alpha", LEAK), np.float32)
    if node.op == "PRelu":
        slope = real_constant(draft, node, 1)
    if slope is None or slope.min() < 0 or slope.max() > 1:
        raise Refusal("Q141", "constant slopes from 0 to 1", "others")
    numbers = [Fraction(float(each)) for each in slope.reshape(-1)]
    kind = finest(max(numbers), FINEST)
    codes = _codes(numbers, kind).reshape(slope.shape)
    draft.constants[node.name, 1] = Constant(kind, codes)
    leaked = bound * int(codes.max()) / Fraction(2) ** kind.f
    between = finest(leaked, min(MOST, x.f + kind.f))
    draft.set(node.outputs[0], min(x, between, key=lambda each: each.f), bound)
    draft.leaks[node.name] = between


def _codes(numbers: list[Fraction], kind: Fixed) -> Int64:
    return np.array([round(each * Fraction(2) ** kind.f) for each in numbers], np.int64)
