"""Decisions on a Conv over one or two axes: those of a linear node over windows of each group."""

from dataclasses import replace
from fractions import Fraction

from q4compile.quantize.network import Node
from q4compile.quantize.oracle.decisions import Linear
from q4compile.quantize.oracle.draft import Draft
from q4compile.quantize.oracle.fixed_formats import finest
from q4compile.quantize.oracle.refusal import Refusal
from q4compile.quantize.oracle.represent_linear import bound_of, product_of
from q4compile.quantize.oracle.staircase import nudged
from q4compile.quantize.oracle.tensor import Grid
from q4compile.quantize.oracle.weight_codes import channel_codes

AXES = (3, 4)
"""Of W: one or two are of space."""


def represent_conv(draft: Draft, node: Node) -> None:
    """``y[b, m, t] = b[m] + Σ_c,k w[m, c, k] · x[b, c, s t − p + d k]``.

    Raises:
        Refusal: Q141 for other axes, for pads by name, and for pads that add windows over time
            alone; Q142 for x, Q143 for W and b, Q144 for sums or scales out of range.
    """
    name = node.inputs[1].value
    constant = draft.network.constants.get(name)
    if constant is None or constant.ndim not in AXES:
        raise Refusal("Q141", "a constant W of 3 or 4 axes", f"'{name}'")
    _check_pads(node, constant.shape[2:])
    operand, weight = draft.grid(node, 0), channel_codes(draft.network, name)
    bias = _bias(draft, node, len(weight.scales))
    bound = bound_of(weight, bias, operand.bound)
    wanted = draft.wanted(node.outputs[0])
    result = wanted if isinstance(wanted, Grid) else finest(bound)
    to = 1 / result.scale if isinstance(result, Grid) else Fraction(2) ** result.f
    product = product_of(operand, weight, bias, to, name)
    if isinstance(result, Grid):
        made = nudged(product.multipliers, result, product.reaches)
        product = replace(product, multipliers=made)
    draft.linear[node.name] = Linear(node.outputs[0], product, result)
    draft.set(node.outputs[0], result, bound)


def _check_pads(node: Node, taps: tuple[int, ...]) -> None:
    if str(node.attributes.get("auto_pad", "NOTSET")) != "NOTSET":
        raise Refusal("Q141", "pads in numbers", f"auto_pad {node.attributes['auto_pad']}")
    pads = node.attributes.get("pads", (0,) * (2 * len(taps)))
    if min(pads) < 0:
        raise Refusal("Q141", "pads from 0 on", f"{list(pads)}")
    if len(taps) == 1:
        (stride,), (dilation,) = (
            node.attributes.get(each, (1,)) for each in ("strides", "dilations")
        )
        if sum(pads) >= (taps[0] - 1) * dilation + stride:
            raise Refusal("Q141", "pads from 0 on that add no windows", f"{list(pads)}")


def _bias(draft: Draft, node: Node, rows: int) -> list[Fraction]:
    name = node.inputs[2].value if len(node.inputs) > 2 else ""
    if not name:
        return [Fraction(0)] * rows
    constant = draft.network.constants.get(name)
    if constant is None or constant.shape != (rows,):
        raise Refusal("Q143", f"a constant bias of {rows} numbers", f"'{name}'")
    return [Fraction(float(each)) for each in constant]
