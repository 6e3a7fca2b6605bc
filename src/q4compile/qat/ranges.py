"""How the range of a quantizer is found or learned: one formula in (scale, zero) for all methods.

    y = s · (clip(rne(x / s) + Z, lo, hi) − Z),   Z = clip(rne(z), lo, hi)

Every paper learns its own parameters, but every gradient of theirs is linear in three sums over the
tensor, with v = x / s + Z, q its code and g = dL/dy:

    E = Σ g · (q − v) inside the range      B = Σ g below it      A = Σ g above it

Upper and lower clip are a = (hi − z) · s and a_n = (lo − z) · s, so that

    dL/ds = (hi − z) · ∂a + (lo − z) · ∂a_n        dL/dz = −s · (∂a + ∂a_n)

turns the gradients of the clips into those of scale and zero:

    PACT  (Choi et al. 2018)       ∂a = A               ∂a_n = B
    PACT+ (two-sided)              ∂a = A + E/n         ∂a_n = B − E/n       n = hi − lo
    LSQ   (Esser et al. 2020)      dL/ds of PACT+, times 1/√(N · (hi − z)); LSQ+ learns z as well

So PACT+ and LSQ differ in the size of the step alone, and PACT from both in E. Learning the scale
instead of the clip makes loading a file's scale and zero point the identity, bit for bit.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Range:
    """One method.

    `learned`: whether scale (and zero, of an asymmetric grid) have gradients; `rounding`: whether E
    is in them; `scaled`: whether they are divided by √(N · (hi − z)). `observed`: whether training
    takes the range from the tensor at hand.
    """

    name: str
    learned: bool = False
    rounding: bool = False
    scaled: bool = False
    observed: bool = False


RANGES = (
    Range("fixed"),
    Range("lsq", learned=True, rounding=True, scaled=True),
    Range("minmax", observed=True),
    Range("mse"),
    Range("pact", learned=True),
    Range("pact+", learned=True, rounding=True),
    Range("percentile"),
    Range("sawb", observed=True),
)
"""mse and percentile are fixed ones, found by calibration."""
BY_NAME = {each.name: each for each in RANGES}


@dataclass(frozen=True)
class Bounds:
    """The codes of a grid, and N: the elements that share one gradient step."""

    lo: int
    hi: int
    elements: int


def zero_code(zero: Tensor, bounds: Bounds) -> Tensor:
    """``Z = clip(rne(z), lo, hi)``: a learned z may leave the codes, the file's cannot."""
    return torch.round(zero).clamp(bounds.lo, bounds.hi)


def range_gradients(
    method: Range, bounds: Bounds, scale: Tensor, zero: Tensor, sums: tuple[Tensor, Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """(dL/ds, dL/dz) from (E, B, A), each of the shape of `scale`."""
    rounded, below, above = sums
    code = zero_code(zero, bounds)
    d_scale = (bounds.hi - code) * above + (bounds.lo - code) * below
    if method.rounding:
        d_scale = d_scale + rounded
    d_zero = -scale * (above + below)
    if method.scaled:
        factor = (max(bounds.elements, 1) * (bounds.hi - code).clamp(min=1)).rsqrt()
        return d_scale * factor, d_zero * factor
    return d_scale, d_zero
