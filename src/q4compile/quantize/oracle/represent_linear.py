"""Decisions on Gemm and MatMul with a constant: codes, bias, multipliers, what the result is."""

from dataclasses import replace
from fractions import Fraction

import numpy as np

from q4compile.quantize.network import HALF, Array, Network, Node
from q4compile.quantize.oracle.decisions import Linear, Product
from q4compile.quantize.oracle.draft import Draft, in_range
from q4compile.quantize.oracle.fixed_formats import finest
from q4compile.quantize.oracle.refusal import Refusal
from q4compile.quantize.oracle.rounding import INT32
from q4compile.quantize.oracle.staircase import nudged
from q4compile.quantize.oracle.tensor import Grid
from q4compile.quantize.oracle.weight_codes import RowCodes, row_codes

PLAIN_GEMM = {"alpha": 1.0, "beta": 1.0, "transA": 0}


def represent_matmul(draft: Draft, node: Node) -> None:
    """``y = x · W (+ b)``, W [K, N]: one linear node with the Add that follows it, if that may be.

    Raises:
        Refusal: Q142 for x, Q143 for W, Q144 for sums or scales out of range.
    """
    weight = row_codes(draft.network, node.inputs[1].value, transposed=True)
    add = _bias_add(draft, node, len(weight.scales))
    bias, value = [Fraction(0)] * len(weight.scales), node.outputs[0]
    if add is not None:
        draft.fused[add.name], value = node.name, add.outputs[0]
        bias = _reals(_bias_of(draft.network, add, node), len(weight.scales))
    _linear(draft, node, weight, bias, value)


def represent_gemm(draft: Draft, node: Node) -> None:
    """``y = x · Wᵀ + b`` or ``x · W + b``; raises what `represent_matmul` raises.

    Raises:
        Refusal: Q141 for factors and for a transposed x.
    """
    for name, plain in PLAIN_GEMM.items():
        if node.attributes.get(name, plain) != plain:
            raise Refusal("Q141", f"{name} = {plain:g}", f"{node.attributes[name]:g}")
    turned = not node.attributes.get("transB", 0)
    weight = row_codes(draft.network, node.inputs[1].value, transposed=turned)
    rows = len(weight.scales)
    bias = [Fraction(0)] * rows
    if len(node.inputs) > 2 and node.inputs[2].value:
        name = node.inputs[2].value
        constant = draft.network.constants.get(name)
        if constant is None or not _is_vector(constant, rows):
            raise Refusal("Q143", f"a constant bias of {rows} numbers", f"'{name}'")
        bias = _reals(constant, rows)
    _linear(draft, node, weight, bias, node.outputs[0])


def product_of(
    operand: Grid, weight: RowCodes, bias: list[Fraction], to: Fraction, name: str
) -> Product:
    """The product of codes on `operand` with `weight`, M[n] of s_x · s_w[n] · `to`.

    Raises:
        Refusal: Q144 where an accumulator may leave int32, or a multiplier is too large.
    """
    scales = [operand.scale * scale for scale in weight.scales]
    offsets = [round(b / scale) for b, scale in zip(bias, scales, strict=True)]
    shifts = operand.zero_point * weight.sums
    whole = [offset - int(shift) for offset, shift in zip(offsets, shifts, strict=True)]
    reach = weight.magnitudes * operand.largest
    for n, (b, distance) in enumerate(zip(whole, reach, strict=True)):
        if abs(b) + int(distance) > INT32[1]:
            got = f"row {n} of '{name}', which may reach {abs(b) + int(distance)}"
            raise Refusal("Q144", "sums of codes within int32", got)
    made = in_range([scale * to for scale in scales])
    return Product(operand, weight.codes, np.array(whole, np.int64), reach, made)


def bound_of(weight: RowCodes, bias: list[Fraction], operand: Fraction) -> Fraction:
    """``max over n of Σ_k |w[n, k]| · bound(x) + |b[n]|``."""
    rows = zip(weight.magnitudes, weight.scales, bias, strict=True)
    return max((int(m) * scale * operand + abs(b) for m, scale, b in rows), default=Fraction(0))


def _linear(draft: Draft, node: Node, weight: RowCodes, bias: list[Fraction], value: str) -> None:
    operand = draft.grid(node, 0)
    bound = bound_of(weight, bias, operand.bound)
    wanted = draft.wanted(value)
    result = wanted if isinstance(wanted, Grid) else finest(bound)
    to = 1 / result.scale if isinstance(result, Grid) else Fraction(2) ** result.f
    product = product_of(operand, weight, bias, to, node.inputs[1].value)
    if isinstance(result, Grid):
        made = nudged(product.multipliers, result, product.reaches)
        product = replace(product, multipliers=made)
    draft.linear[node.name] = Linear(value, product, result)
    draft.set(value, result, bound)


def _bias_add(draft: Draft, node: Node, rows: int) -> Node | None:
    """The Add of a constant vector that alone reads the result of `node`."""
    readings = draft.readers.direct(node.outputs[0])
    add = readings[0].node if len(readings) == 1 else None
    if add is None or add.op != "Add" or add.domain:
        return None
    constant = _bias_of(draft.network, add, node)
    plain = all(operand.grid in (None, HALF) for operand in add.inputs)
    fits = constant is not None and constant.ndim <= 1 and _is_vector(constant, rows)
    return add if plain and fits else None


def _bias_of(network: Network, add: Node, node: Node) -> Array | None:
    other = next((o for o in add.inputs if o.value != node.outputs[0]), None)
    return None if other is None else network.constants.get(other.value)


def _is_vector(constant: Array, rows: int) -> bool:
    """Whether `constant` is one number per row, or one for all, along the last axis."""
    return constant.dtype.kind == "f" and (
        constant.size == 1 or constant.shape[-1] == constant.size == rows
    )


def _reals(constant: Array | None, rows: int) -> list[Fraction]:
    assert constant is not None, "its presence has been checked"
    numbers = [Fraction(float(each)) for each in constant.reshape(-1)]
    return numbers * rows if len(numbers) == 1 else numbers
