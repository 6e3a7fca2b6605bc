"""Decisions on a GRU and an RNN: products of both sides, the multiplier of h."""

from fractions import Fraction

import numpy as np

from q4compile.quantize.network import HALF, Node
from q4compile.quantize.oracle.decisions import Direction, Gated
from q4compile.quantize.oracle.draft import MOST_BITS, Draft, in_range
from q4compile.quantize.oracle.fixed_formats import ACTIVATION, GATE
from q4compile.quantize.oracle.readers import INITIAL_H, hidden_grid
from q4compile.quantize.oracle.refusal import Refusal
from q4compile.quantize.oracle.represent_linear import product_of
from q4compile.quantize.oracle.tensor import Grid, Integers
from q4compile.quantize.oracle.weight_codes import stacked_codes

X, W, R, BIAS, LENGTHS = range(5)
REVERSED = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
ACTIVATIONS = {"GRU": (("Sigmoid", "Tanh"),), "RNN": (("Tanh",), ("Relu",))}
LEAST_SCALE = Fraction(2) ** -37

Biases = tuple[list[Fraction], list[Fraction]]
"""Those of the input's product and those of h's."""


def represent_gated(draft: Draft, node: Node) -> None:
    """Everything but the data.

    Raises:
        Refusal: Q141 for what the fused step lacks, Q142 for operands, Q143 for W, R and B, Q144
            for sums or scales out of range.
    """
    reverse = REVERSED[str(node.attributes.get("direction", "forward"))]
    relu = _check_kind(node, len(reverse))
    hidden = _hidden(draft, node)
    _check_scale(node, hidden, relu)
    operand = draft.grid(node, X)
    given = {port: o.value for port, o in enumerate(node.inputs) if o.value}
    if LENGTHS in given and draft.read(node, LENGTHS).representation != Integers():
        raise Refusal("Q142", "integer lengths", f"'{given[LENGTHS]}'")
    if INITIAL_H in given:
        draft.read(node, INITIAL_H, hidden)
    w, r = (stacked_codes(draft.network, node.inputs[port].value) for port in (W, R))
    unit = Fraction(2) ** ACTIVATION.f
    directions = []
    for d, turned in enumerate(reverse):
        outside, inside = _biases(draft, node, d, len(reverse), len(w[d].scales))
        inputs = product_of(operand, w[d], outside, unit, node.inputs[W].value)
        recurrent = product_of(hidden, r[d], inside, unit, node.inputs[R].value)
        none = np.zeros(len(outside), np.int64)
        directions.append(Direction(turned, inputs, recurrent, none))
    bits = 2 * GATE.f if node.op == "GRU" else (ACTIVATION if relu else GATE).f
    to_hidden = in_range([1 / (Fraction(2) ** bits * hidden.scale)])
    draft.gated[node.name] = Gated(node.op, relu, tuple(directions), hidden, to_hidden)
    for name in node.outputs:
        draft.set(name, hidden, hidden.bound)


def _check_kind(node: Node, directions: int) -> bool:
    """Whether it is an RNN with Relu."""
    known = ACTIVATIONS[node.op]
    given = tuple(node.attributes.get("activations", known[0] * directions))
    resets_first = node.op == "GRU" and not node.attributes.get("linear_before_reset", 0)
    refused = {
        " or ".join(map(", ".join, known)): given not in [each * directions for each in known],
        "linear_before_reset = 1": resets_first,
        "no clip": "clip" in node.attributes,
        "layout = 0": node.attributes.get("layout", 0) != 0,
    }
    for need, found in refused.items():
        if found:
            raise Refusal("Q141", need, "another one")
    if node.gate not in (None, HALF):
        raise Refusal("Q142", "no grid for the pre-activations", f"'{node.gate}'")
    return bool(given[0] == "Relu")


def _hidden(draft: Draft, node: Node) -> Grid:
    found = hidden_grid(draft.network, node)
    if found is None or found.bits > MOST_BITS:
        got = "a floating-point one" if found is None else f"{found.bits} bits"
        raise Refusal("Q142", f"a hidden state of at most {MOST_BITS} bits", got)
    return found


def _check_scale(node: Node, hidden: Grid, relu: bool) -> None:
    if node.op == "GRU" and not LEAST_SCALE <= hidden.scale <= 1:
        raise Refusal("Q144", "a scale of h of at most 1", f"{float(hidden.scale):g}")
    if relu and hidden.bound > ACTIVATION.bound:
        raise Refusal("Q144", "h of an RNN with Relu below 16", f"{float(hidden.bound):g}")


def _biases(draft: Draft, node: Node, d: int, directions: int, rows: int) -> Biases:
    """All with the input's product, but the recurrent one of a GRU's candidate with that of h."""
    rest = node.inputs[BIAS:]
    if not rest or not rest[0].value:
        return [Fraction(0)] * rows, [Fraction(0)] * rows
    if rest[0].value not in draft.network.constants:
        raise Refusal("Q143", "a constant bias", f"'{rest[0].value}', computed at run time")
    constant = draft.network.constants[rest[0].value]
    both = np.asarray(constant, np.float64).reshape(directions, 2, rows)[d]
    outside, inside = [], []
    for n, (w, r) in enumerate(zip(*both.tolist(), strict=True)):
        apart = node.op == "GRU" and n >= 2 * rows // 3
        outside.append(Fraction(w) if apart else Fraction(w) + Fraction(r))
        inside.append(Fraction(r) if apart else Fraction(0))
    return outside, inside
