"""An activation on its grid: what QuantizeLinear and DequantizeLinear compute, with gradients."""

from collections.abc import Iterator
from math import isfinite

import torch
from torch import Tensor, nn

from q4compile.numerics.formats import format_named
from q4compile.qat.fake_quantize import FakeQuantize
from q4compile.qat.ranges import BY_NAME, Bounds, range_gradients, zero_code
from q4compile.qat.statistics import extremes, sawb_extremes
from q4compile.qat.straight import through_float16
from q4compile.quantize.encoding import SMALLEST_SCALE

__all__ = ["Activation", "range_gradients"]

MOMENTUM = 0.1
"""Share of the newest batch in the moving range of minmax and sawb."""


class Activation(nn.Module):
    """``y = s · (clip(rne(x / s) + Z, lo, hi) − Z)``; a float format rounds to that instead.

    Args:
        name: of the value in the ONNX file; its tensors are ``<name>.scale`` and
            ``<name>.zero_point``.
        format: of the codes, such as ``int4``.
        range: how training finds the range, see `ranges`.
        symmetric: whether the zero point stays where it is.
        zero_point: of an untrained grid.
    """

    def __init__(
        self,
        name: str,
        format: str,
        range: str = "lsq",
        symmetric: bool = True,
        zero_point: int = 0,
    ) -> None:
        super().__init__()
        self.name, self.symmetric = name, symmetric
        self.format, self.method = format_named(format), BY_NAME[range]
        self.lo, self.hi = self.format.codes()
        if self.format.is_float:
            return
        scale, zero = torch.ones(()), torch.tensor(float(zero_point))
        if self.method.learned:
            self.scale: Tensor = nn.Parameter(scale)
        else:
            self.register_buffer("scale", scale)
        if self.method.learned and not symmetric:
            self.zero: Tensor = nn.Parameter(zero)
        else:
            self.register_buffer("zero", zero)

    def forward(self, x: Tensor) -> Tensor:
        """`x` on the grid, in its shape."""
        self.observe(x)
        return self.quantized(x)

    def quantized(self, x: Tensor) -> Tensor:
        """`x` on the grid as it is, in training too."""
        if self.format.is_float:
            return through_float16(x) if self.format.bits == 16 else x
        scale, zero = self.scale, self.zero
        if self.method.observed:  # a later batch moves them before this one's backward pass
            scale, zero = scale.clone(), zero.clone()
        features = x.shape[-1] if x.ndim else 1
        y: Tensor = FakeQuantize.apply(  # type: ignore[no-untyped-call]
            x, scale, zero, self.bounds(features), self.method, True
        )
        return y

    def bounds(self, features: int) -> Bounds:
        """The codes, for tensors whose last axis has `features` elements."""
        return Bounds(self.lo, self.hi, features)

    def encoding(self) -> tuple[float, int]:
        """(float32 scale, zero point) as the file stores them."""
        return float(self.scale.detach()), int(zero_code(self.zero.detach(), self.bounds(1)))

    @property
    def clips(self) -> tuple[float, float]:
        """The extreme values of the grid."""
        scale, zero = self.encoding()
        return (self.lo - zero) * scale, (self.hi - zero) * scale

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """ONNX name → the tensor of that name."""
        if not self.format.is_float:
            yield f"{self.name}.scale", self.scale
            yield f"{self.name}.zero_point", self.zero

    @torch.no_grad()
    def observe(self, x: Tensor) -> None:
        """Move the range of minmax or sawb a step towards that of `x`, in training.

        What holds a number that is not finite, or none at all, says nothing of the range.
        """
        if not (self.training and self.method.observed):
            return
        low, high = self._seen(x.detach())
        if not isfinite(high - low):
            return
        scale, zero = self._moved(min(low, 0.0), max(high, 0.0))
        if scale >= SMALLEST_SCALE:
            self.scale.fill_(scale)
            self.zero.fill_(zero)

    def _seen(self, x: Tensor) -> tuple[float, float]:
        """The range of this batch alone."""
        if self.method.name == "sawb":
            return sawb_extremes(x, self.format.bits)
        return extremes(x)

    def _moved(self, low: float, high: float) -> tuple[float, float]:
        """(s, z) a step towards [low, high]; z stays real, or small steps of it would be lost."""
        scale, zero = float(self.scale), float(self.zero)
        if self.symmetric:  # the code more that lies below zero is no part of the range
            reach = max(self.hi - zero, 1.0)
            return scale + MOMENTUM * (max(-low, high) / reach - scale), zero
        ends = (self.lo - zero) * scale, (self.hi - zero) * scale
        low, high = ends[0] + MOMENTUM * (low - ends[0]), ends[1] + MOMENTUM * (high - ends[1])
        scale = (high - low) / (self.hi - self.lo)
        return scale, self.lo - low / max(scale, SMALLEST_SCALE)
