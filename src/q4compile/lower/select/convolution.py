"""Conv: windows side by side, then one product.

    y[t] = W · [x(s t − p) | x(s t − p + d) | … ] + b

Over time alone a window is some frames; over time and frequency it is a patch of some frames, and
the product has a row for each frame and frequency. Pads are zeros. A window of one frame needs no
copy. Groups are zeros in W.
"""

from dataclasses import dataclass
from fractions import Fraction

from q4compile.lower.layout.axes import Axis
from q4compile.lower.layout.tensors import Group, Tensor, View
from q4compile.lower.numbers.kinds import F16, Fixed, Grid, Real
from q4compile.lower.numbers.product import Product, bound_of, product_of
from q4compile.lower.numbers.weight_codes import channel_codes
from q4compile.lower.select.frame_windows import frame_windows
from q4compile.lower.select.kernel import Kernel, kernel_of
from q4compile.lower.select.linear import (
    constant_bias,
    fixed_for,
    operand_on_grid,
    rows_product,
    to_kind,
)
from q4compile.lower.select.patches import patches
from q4compile.lower.select.selection import Selection
from q4compile.quantize.network import Node


@dataclass(frozen=True)
class Space:
    """Where results lie: in `rows`, and in as many slices as there are bands."""

    rows: Group
    band: Axis | None
    """None for one band, and for a Conv over time alone."""


def conv(selection: Selection, node: Node) -> None:
    """All phases of the node.

    Raises:
        Refused: Q321 for what is no convolution over one or two axes, Q322 to Q325.
    """
    kernel = kernel_of(selection, node)
    x = operand_on_grid(selection, node, 0)
    assert isinstance(x.kind, Grid | Real), "the operand is on a grid, or in floats"
    name, value = node.inputs[1].value, node.outputs[0]
    weight = channel_codes(selection.network, name)
    bias = constant_bias(selection, node, len(weight.scales))
    is_plain = len(kernel.shapes) == 1 and not selection.is_float
    windows = (frame_windows if is_plain else patches)(selection, node, x, kernel)
    spread = windows.spread(weight)
    bound = Fraction(0) if isinstance(x.kind, Real) else bound_of(spread, x.kind.bound, bias)
    result = F16 if selection.is_float else selection.wanted_grid(value) or fixed_for(bound, value)
    product = product_of(spread, x.kind, bias, result, name)
    space = Space(windows.rows, windows.band)
    tensor = _result(selection, value, result, space, product.rows)
    selection.phases.append(
        rows_product(
            selection,
            node.name,
            View(windows.operand, (windows.operand.rows, windows.operand.columns)),
            _without_gaps(product, tensor),
            _banded(tensor, space),
            to_kind(tensor),
            weight.codes.size,
        )
    )
    selection.keep(value, result, bound, View(tensor, _axes(tensor, x.view, space, kernel)))


def _result(
    selection: Selection, name: str, kind: Grid | Fixed | Real, space: Space, channels: int
) -> Tensor:
    """Rows of frames; frequencies before channels."""
    columns = (selection.length(channels),)
    if space.band is None:
        return Tensor(name, kind, kind.element, space.rows, columns)
    size = int(space.band.size)
    return Tensor(name, kind, kind.element, space.rows, (space.band, *columns), slices=size)


def _banded(tensor: Tensor, space: Space) -> Tensor:
    """The same bytes, with a row for each frequency."""
    if space.band is None:
        return tensor
    rows = (*tensor.rows, space.band)
    return Tensor(tensor.name, tensor.kind, tensor.element, rows, tensor.columns[1:])


def _without_gaps(product: Product, tensor: Tensor) -> Product:
    """In floats gaps behind channels are zeros: what is there may be multiplied with 0."""
    if not isinstance(tensor.kind, Real):
        return product
    return product.arranged(tensor.slice_step, range(product.rows))


def _axes(tensor: Tensor, x: View, space: Space, kernel: Kernel) -> tuple[Group, ...]:
    """Those of ONNX: batch, channels, and of space as x has them."""
    time, *_ = space.rows
    band = () if space.band is None else (space.band,)
    channels = tensor.columns[-1:]
    if len(kernel.shapes) == 1:
        return x.axes[0], channels, (time,)
    is_first = len(x.axes[2]) == 1 and x.axes[2][0] in x.tensor.rows
    return x.axes[0], channels, *(((time,), band) if is_first else (band, (time,)))
