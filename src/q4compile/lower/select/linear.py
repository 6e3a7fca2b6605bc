"""Gemm and MatMul with a constant, and the Add of a bias behind it: one product."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from q4compile.isa.element_type import ElementType
from q4compile.isa.engine import Precision
from q4compile.lower.findings import Refused
from q4compile.lower.layout.tensors import Tensor, View
from q4compile.lower.numbers.kinds import F16, Fixed, Grid, Real, finest_for
from q4compile.lower.numbers.product import (
    PRECISIONS,
    Product,
    Requantizer,
    bound_of,
    product_of,
    requantizer_to,
)
from q4compile.lower.numbers.weight_codes import RowCodes, row_codes
from q4compile.lower.phases.operations import Requantize, Step, Widen
from q4compile.lower.phases.phases import Multiplied, RowsPhase
from q4compile.lower.phases.values import Numbers
from q4compile.lower.select.moving import row_positions
from q4compile.lower.select.selection import Selection
from q4compile.quantize.network import HALF, Array, Node

PLAIN_GEMM = {"alpha": 1.0, "beta": 1.0, "transA": 0}


def matmul(selection: Selection, node: Node) -> None:
    """``y = x · W (+ b)``, W [K, N]."""
    weight = row_codes(selection.network, node.inputs[1].value, is_turned=True)
    found = _bias_behind(selection, node, len(weight.scales))
    if found is None:
        _linear(selection, node, weight, [Fraction(0)] * len(weight.scales), node.outputs[0])
    else:
        add, constant = found
        selection.passed_by.add(add.name)
        _linear(selection, node, weight, reals(constant, len(weight.scales)), add.outputs[0])


def gemm(selection: Selection, node: Node) -> None:
    """``y = x · Wᵀ + b`` or ``x · W + b``."""
    for name, plain in PLAIN_GEMM.items():
        got = node.attributes.get(name, plain)
        if got != plain:
            raise Refused("Q321", f"a Gemm with {name} = {plain:g}", f"{got:g}")
    is_turned = not node.attributes.get("transB", 0)
    weight = row_codes(selection.network, node.inputs[1].value, is_turned)
    rows = len(weight.scales)
    _linear(selection, node, weight, constant_bias(selection, node, rows), node.outputs[0])


def constant_bias(selection: Selection, node: Node, rows: int) -> list[Fraction]:
    """C, or zeros where it is left out."""
    _, _, *rest = node.inputs
    if not any(operand.value for operand in rest):
        return [Fraction(0)] * rows
    constant = selection.network.constants.get(rest[0].value)
    if constant is None or not _is_bias(constant, rows):
        raise Refused("Q323", f"a constant bias of {rows} numbers", f"'{rest[0].value}'")
    return reals(constant, rows)


def _linear(
    selection: Selection, node: Node, weight: RowCodes, bias: Sequence[Fraction], value: str
) -> None:
    name = node.inputs[1].value
    x = operand_on_grid(selection, node, 0)
    tensor = x.view.tensor
    row_positions(x.view)
    if tensor.width != weight.codes.shape[1]:
        got = f"{tensor.width} of '{tensor.name}'"
        raise Refused("Q325", f"rows of {weight.codes.shape[1]} numbers", got)
    assert isinstance(x.kind, Grid | Real), "the operand is on a grid, or in floats"
    bound = Fraction(0) if isinstance(x.kind, Real) else bound_of(weight, x.kind.bound, bias)
    result = F16 if selection.is_float else selection.wanted_grid(value) or fixed_for(bound, value)
    product = product_of(weight, x.kind, bias, result, name)
    columns = (selection.length(product.rows),)
    view = selection.result(value, result, (*x.view.axes[:-1], columns))
    selection.phases.append(
        rows_product(
            selection,
            node.name,
            x.view,
            product,
            view.tensor,
            to_kind(view.tensor),
            product.rows * tensor.width,
        )
    )
    selection.keep(value, result, bound, view)


def fixed_for(bound: Fraction, name: str) -> Fixed:
    """The finest format for values up to `bound`; Refused (Q324) where there is none."""
    found = finest_for(bound)
    if found is None:
        got = f"'{name}', which may reach {float(bound):.3g}"
        raise Refused("Q324", "values that int16 holds with at least -16 fraction bits", got)
    return found


def to_kind(tensor: Tensor) -> Requantizer:
    """To the codes of a tensor."""
    kind = tensor.kind
    assert isinstance(kind, Grid | Fixed | Real), "no product gives integers"
    return requantizer_to(kind, tensor.element)


def operand_on_grid(selection: Selection, node: Node, port: int) -> Numbers:
    """Codes on a grid; Refused (Q322) for fixed-point numbers that the node does not quantize.

    Where the network is read in halves, these.
    """
    found = selection.numbers(node, port)
    if not isinstance(found.kind, Real if selection.is_float else Grid):
        got = f"'{node.inputs[port].value}', {found.kind}"
        fix = "a recipe rule with an integer format of at most 8 bits for this input"
        raise Refused("Q322", "an operand on a grid", got, fix)
    return found


def rows_product(
    selection: Selection,
    name: str,
    x: View,
    product: Product,
    result: Tensor,
    to: Requantizer,
    macs: int,
) -> RowsPhase:
    """Rows of `x` times a constant, `macs` products of each, with all steps to them."""
    operand, steps = _as_operand(selection, x.tensor, product.element)
    view = View(operand, x.axes)
    inputs, before = selection.chain(view)
    source = steps[-1].result.name if steps else operand.name
    return RowsPhase(
        name,
        x.tensor.rows,
        inputs,
        (*before, *steps),
        product=Multiplied(
            source,
            operand,
            product.placed(operand.depth, row_positions(view)),
            precision_of(steps[-1].result.element if steps else operand.element, product.element),
            to,
            result,
            macs,
        ),
    )


def _as_operand(
    selection: Selection, tensor: Tensor, weights: ElementType
) -> tuple[Tensor, tuple[Step, ...]]:
    """The tensor as the matrix engine takes it: never narrower than the weights."""
    if (tensor.element, weights) in PRECISIONS:
        return tensor, ()
    step = selection.steps.get(tensor.name)
    if step is not None and isinstance(step.operation, Requantize):
        wide = replace(tensor, element=weights)
        to = replace(step.operation.to, element=weights)
        selection.steps[tensor.name] = replace(
            step, operation=replace(step.operation, to=to), result=wide
        )
        return wide, ()
    axes = View(tensor, (tensor.rows, tensor.columns))
    wide = tensor.recoded(f"{tensor.name} widened", tensor.kind, weights)
    return tensor, (Step(Widen(), (axes,), wide),)


def precision_of(x: ElementType, weights: ElementType) -> Precision:
    """How the matrix engine takes them."""
    return PRECISIONS[x, weights]


def _bias_behind(selection: Selection, node: Node, rows: int) -> tuple[Node, Array] | None:
    """The Add of a constant vector that alone reads the result."""
    readings = selection.readers.direct.get(node.outputs[0], [])
    add = readings[0].node if len(readings) == 1 else None
    if add is None or add.op != "Add" or add.domain:
        return None
    if any(operand.grid not in (None, HALF) for operand in add.inputs):
        return None
    names = [operand.value for operand in add.inputs if operand.value != node.outputs[0]]
    constant = selection.network.constants.get(names[0]) if names else None
    fits = constant is not None and constant.ndim <= 1 and _is_bias(constant, rows)
    return (add, constant) if constant is not None and fits else None


def _is_bias(constant: Array, rows: int) -> bool:
    """One number per row, or one for all, along the last axis."""
    vector = constant.size == 1 or constant.shape[-1] == constant.size == rows
    return constant.dtype.kind == "f" and vector


def reals(constant: Array, rows: int) -> list[Fraction]:
    """The numbers of a bias, exactly."""
    numbers = [Fraction(float(each)) for each in constant.reshape(-1)]
    return numbers * rows if len(numbers) == 1 else numbers
