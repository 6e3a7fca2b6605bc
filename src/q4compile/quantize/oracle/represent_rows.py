"""Decisions on what sees a whole row: LayerNormalization, Softmax, LogSoftmax, reductions."""

from fractions import Fraction

import numpy as np

from q4compile.quantize.network import Node
from q4compile.quantize.oracle.decisions import Normal, Rows
from q4compile.quantize.oracle.draft import Draft, in_range
from q4compile.quantize.oracle.fixed_formats import GATE, MOST, finest
from q4compile.quantize.oracle.refusal import Refusal
from q4compile.quantize.oracle.rounding import INT32

NORMAL_BITS, SCALE_BITS = 16, 15
EPSILON = 1e-5
MOST_EPSILON = 2**60
MEANS = frozenset({"GlobalAveragePool", "ReduceMean"})
ADDED = MEANS | {"ReduceSum"}
REDUCED = frozenset({"GlobalMaxPool", "ReduceMax", "ReduceMin"}) | ADDED


def represent_layer_norm(draft: Draft, node: Node) -> None:
    """``fixed(f)`` of largest scale · r + largest bias.

    Raises:
        Refusal: Q141 for more outputs, Q142 for x, Q143 for scale and bias, Q144 for epsilon.
    """
    if any(node.outputs[1:]):
        raise Refusal("Q141", "one output", f"{len(node.outputs)}")
    source, _ = draft.fixed(node, 0)
    scale = _vector(draft, node, 1, None)
    columns = len(scale)
    bias = _vector(draft, node, 2, columns)
    gain, offset = max(map(abs, scale)), max(map(abs, bias))
    bound = gain * largest_normal(columns) + offset
    result, scale_bits = finest(bound), finest(gain, SCALE_BITS).f
    bits = NORMAL_BITS + scale_bits
    bias_bits = bits
    while offset * Fraction(2) ** bias_bits > INT32[1]:
        bias_bits -= 1
    epsilon = Fraction(float(node.attributes.get("epsilon", EPSILON)))
    added = round(epsilon * columns**2 * Fraction(4) ** source.f)
    if not 0 <= added < MOST_EPSILON:
        raise Refusal("Q144", "an epsilon below 2^60", f"{added}")
    normal = Normal(
        added,
        tuple(round(each * Fraction(2) ** scale_bits) for each in scale),
        tuple(round(each * Fraction(2) ** bias_bits) for each in bias),
        bits,
        bits - bias_bits,
    )
    draft.rows[node.name] = Rows(source, result, normal=normal)
    draft.set(node.outputs[0], result, bound)


def largest_normal(columns: int) -> int:
    """The least r ≥ 1 with r² ≥ C − 1."""
    r = 1
    while r * r < columns - 1:
        r += 1
    return r


def represent_soft(draft: Draft, node: Node) -> None:
    """Softmax in Q0.15; its logarithm as ``fixed(f)`` of twice the bound, and bits of C."""
    source, bound = draft.fixed(node, 0)
    if node.op == "Softmax":
        draft.rows[node.name] = Rows(source, GATE)
        draft.set(node.outputs[0], GATE, Fraction(1))
        return
    columns = _columns(draft, node)
    largest = 2 * bound + columns.bit_length()
    draft.rows[node.name] = Rows(source, finest(largest))
    draft.set(node.outputs[0], finest(largest), largest)


def represent_reduction(draft: Draft, node: Node) -> None:
    """A sum or a mean by one multiplier; the largest and the least in the format of x.

    Raises:
        Refusal: Q141 for sums over several axes, and where no axis is given.
    """
    source, bound = draft.fixed(node, 0)
    axes = _axes(draft, node)
    most = 1 if node.op in ADDED else len(axes)
    if not axes or len(axes) > most:
        raise Refusal("Q141", "one axis of sums, or some of Max and Min", f"axes {axes}")
    if node.op not in ADDED:
        draft.rows[node.name] = Rows(source, source, axes=axes)
        draft.set(node.outputs[0], source, bound)
        return
    if node.op in MEANS and not _is_last(draft, node, axes[0]):
        draft.rows[node.name] = Rows(source, source, axes=axes)
        draft.set(node.outputs[0], source, bound)
        return
    columns = _columns(draft, node)
    result, factor = source, Fraction(1)
    if node.op in MEANS:
        factor = Fraction(1, columns)
    else:
        bound *= columns
        result = finest(bound, min(source.f, MOST))
    made = in_range([factor * Fraction(2) ** (result.f - source.f)])
    draft.rows[node.name] = Rows(source, result, multiplier=made, axes=axes)
    draft.set(node.outputs[0], result, bound)


def _axes(draft: Draft, node: Node) -> tuple[int, ...]:
    if node.op.startswith("Global"):
        port = draft.network.values.get(node.inputs[0].value)
        return () if port is None or port.shape is None else tuple(range(2, len(port.shape)))
    name = node.inputs[1].value if len(node.inputs) > 1 else ""
    if name:
        constant = draft.network.constants.get(name)
        return () if constant is None else tuple(int(each) for each in constant.reshape(-1))
    return tuple(node.attributes.get("axes", ()))


def _is_last(draft: Draft, node: Node, axis: int) -> bool:
    """Whether an axis is the last one; a last axis with a name is one of frames."""
    port = draft.network.values.get(node.inputs[0].value)
    shape = () if port is None or port.shape is None else port.shape
    is_last = axis == -1 or (bool(shape) and axis % len(shape) == len(shape) - 1)
    return is_last and not (shape and isinstance(shape[-1], str))


def _columns(draft: Draft, node: Node) -> int:
    """C, the length of the last axis, by the shapes that the network knows.

    Raises:
        Refusal: Q142 where it does not.
    """
    port = draft.network.values.get(node.inputs[0].value)
    last = None if port is None or not port.shape else port.shape[-1]
    if not isinstance(last, int):
        raise Refusal("Q142", "a last axis of known length", f"'{node.inputs[0].value}'")
    return last


def _vector(draft: Draft, node: Node, port: int, size: int | None) -> list[Fraction]:
    name = node.inputs[port].value if port < len(node.inputs) else ""
    if not name and size is not None:
        return [Fraction(0)] * size
    constant = draft.network.constants.get(name)
    fits = constant is not None and constant.ndim == 1 and size in (None, constant.size)
    if constant is None or not fits or not np.isfinite(constant).all():
        raise Refusal("Q143", "a constant vector", f"'{name}'")
    return [Fraction(float(each)) for each in constant]
