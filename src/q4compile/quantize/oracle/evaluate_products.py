"""``acc = B + Σ q_x · q_w`` and what becomes of it."""

from q4compile.quantize.oracle.decisions import Linear, Product, Read, Unpacked
from q4compile.quantize.oracle.rounding import Int64, exact_product, sat16, saturated
from q4compile.quantize.oracle.tensor import Fixed, Grid


def accumulated(product: Product, x: Int64) -> Int64:
    """acc [..., N] of codes [..., K]."""
    return product.bias + exact_product(x, product.codes)


def linear(decided: Linear, x: Int64) -> Int64:
    """``sat16(acc · M)``, or ``clip(acc · M + z, lo, hi)`` on a grid."""
    return scaled_sums(decided, accumulated(decided.product, x))


def scaled_sums(decided: Linear, sums: Int64) -> Int64:
    """acc [..., N] → the codes of the result."""
    scaled = decided.product.multipliers.times(sums)
    return sat16(scaled) if isinstance(decided.result, Fixed) else on_grid(scaled, decided.result)


def brought(decided: Read, x: Int64) -> Int64:
    """The codes of `x` on the grid that it is read on; zeros are its zero point."""
    scaled = 0 * x if decided.multiplier is None else decided.multiplier.times(x)
    return on_grid(scaled, decided.grid)


def unpack(decided: Unpacked, x: Int64) -> Int64:
    """Codes as fixed-point numbers."""
    return sat16(decided.multiplier.times(x - decided.grid.zero_point))


def on_grid(scaled: Int64, grid: Grid) -> Int64:
    """``clip(x + zero_point, lo, hi)``."""
    return saturated(scaled + grid.zero_point, (grid.lo, grid.hi))
