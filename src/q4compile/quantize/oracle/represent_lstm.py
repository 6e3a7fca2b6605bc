"""Decisions on an LSTM: products of both sides, the format of c, the multiplier of h."""

from fractions import Fraction

import numpy as np

from q4compile.quantize.network import HALF, Node
from q4compile.quantize.oracle.decisions import Direction, Lstm
from q4compile.quantize.oracle.draft import MOST_BITS, Draft, in_range
from q4compile.quantize.oracle.fixed_formats import (
    ACTIVATION,
    GATE,
    WIDE_ACTIVATION,
    cell_format,
)
from q4compile.quantize.oracle.readers import INITIAL_C, INITIAL_H, hidden_grid
from q4compile.quantize.oracle.refusal import Refusal
from q4compile.quantize.oracle.represent_linear import product_of
from q4compile.quantize.oracle.rounding import INT32, Int64
from q4compile.quantize.oracle.tensor import Fixed, Grid, Integers, Wide, Zeros
from q4compile.quantize.oracle.weight_codes import RowCodes, stacked_codes

GATES = 4
X, W, R, BIAS, LENGTHS = range(5)
PEEPHOLES = 7
REVERSED = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
USUAL = ("Sigmoid", "Tanh", "Tanh")


def represent_lstm(draft: Draft, node: Node) -> None:
    """Everything but the data.

    Raises:
        Refusal: Q141 for what the fused step lacks, Q142 for operands, Q143 for W, R and B, Q144
            for sums or scales out of range.
    """
    reverse = REVERSED[_attribute(node, "direction", "forward")]
    _check_kind(node, len(reverse))
    hidden, cell = _hidden(draft, node), cell_format(node, draft.wide_cells)
    operand = draft.grid(node, X)
    _check_states(draft, node, hidden, cell)
    w, r = (stacked_codes(draft.network, node.inputs[port].value) for port in (W, R))
    bias = _biases(draft, node, len(reverse), len(w[0].scales))
    unit = Fraction(2) ** (WIDE_ACTIVATION if draft.wide_cells else ACTIVATION).f
    directions = []
    for d, turned in enumerate(reverse):
        inside, offsets = _biases_of(bias[d], unit, draft.wide_cells)
        inputs = product_of(operand, w[d], inside, unit, node.inputs[W].value)
        recurrent = product_of(hidden, r[d], _none(r[d]), unit, node.inputs[R].value)
        directions.append(Direction(turned, inputs, recurrent, offsets))
    to_hidden = in_range([1 / (Fraction(2) ** (2 * GATE.f) * hidden.scale)])
    draft.lstm[node.name] = Lstm(tuple(directions), cell, hidden, to_hidden)
    kinds: tuple[Grid | Fixed | Wide, ...] = (hidden, hidden, cell)
    for name, kind in zip(node.outputs, kinds, strict=False):
        draft.set(name, kind, kind.bound)


def _attribute(node: Node, name: str, default: str) -> str:
    return str(node.attributes.get(name, default))


def _check_kind(node: Node, directions: int) -> None:
    activations = tuple(node.attributes.get("activations", USUAL * directions))
    refused = {
        "Sigmoid, Tanh, Tanh": (activations != USUAL * directions, ", ".join(activations)),
        "no clip": ("clip" in node.attributes, "one"),
        "input_forget = 0": (node.attributes.get("input_forget", 0) != 0, "1"),
        "layout = 0": (node.attributes.get("layout", 0) != 0, "1"),
        "no peepholes": (len(node.inputs) > PEEPHOLES and node.inputs[PEEPHOLES].value, "some"),
    }
    for need, (found, got) in refused.items():
        if found:
            raise Refusal("Q141", need, got)
    for role, grid in (("cell state", node.cell), ("pre-activations", node.gate)):
        if grid not in (None, HALF):
            raise Refusal("Q142", f"no grid for the {role}", f"'{grid}'")


def _hidden(draft: Draft, node: Node) -> Grid:
    found = hidden_grid(draft.network, node)
    if found is None or found.bits > MOST_BITS:
        got = "a floating-point one" if found is None else f"{found.bits} bits"
        fix = "a recipe rule with an integer format of at most 8 bits for role hidden"
        raise Refusal("Q142", f"a hidden state of at most {MOST_BITS} bits", got, fix)
    return found


def _check_states(draft: Draft, node: Node, hidden: Grid, cell: Fixed | Wide) -> None:
    """Initial states are zeros, or can be brought to h's grid, or have c's format."""
    given = {port: o.value for port, o in enumerate(node.inputs) if o.value}
    if LENGTHS in given and draft.read(node, LENGTHS).representation != Integers():
        raise Refusal("Q142", "integer lengths", f"'{given[LENGTHS]}'")
    if INITIAL_H in given:
        draft.read(node, INITIAL_H, hidden)
    if INITIAL_C in given:
        kind = draft.read(node, INITIAL_C).representation
        if kind not in (Zeros(), cell):
            raise Refusal(
                "Q142", f"an initial cell state as {cell}", f"'{given[INITIAL_C]}', {kind}"
            )


def _biases(draft: Draft, node: Node, directions: int, rows: int) -> list[list[Fraction]]:
    """Both biases of each row, added as real numbers."""
    name = node.inputs[BIAS].value if len(node.inputs) > BIAS else ""
    if not name:
        return [[Fraction(0)] * rows] * directions
    constant = draft.network.constants.get(name)
    if constant is None:
        raise Refusal("Q143", "a constant bias", f"'{name}', computed at run time")
    halves = np.asarray(constant, np.float64).reshape(directions, 2, rows)
    return [[Fraction(w) + Fraction(r) for w, r in zip(*each, strict=True)] for each in halves]


def _biases_of(bias: list[Fraction], unit: Fraction, wide: bool) -> tuple[list[Fraction], Int64]:
    """What is added to sums before they are scaled, and what behind that."""
    none = [Fraction(0)] * len(bias)
    inside, behind = (none, bias) if wide else (bias, none)
    low, high = INT32
    return inside, np.array([min(max(round(each * unit), low), high) for each in behind])


def _none(weight: RowCodes) -> list[Fraction]:
    return [Fraction(0)] * len(weight.scales)
