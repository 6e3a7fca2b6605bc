"""An activation on its grid: what QuantizeLinear and DequantizeLinear compute, with gradients."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from q4compile.numerics.formats import format_named
from q4compile.qat.fake_quantize import FakeQuantize
from q4compile.qat.ranges import BY_NAME, Bounds, range_gradients
from q4compile.qat.statistics import extremes, sawb_clips
from q4compile.qat.straight import through_float16
from q4compile.quantize.encoding import affine

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
        if self.format.is_float:
            return through_float16(x) if self.format.bits == 16 else x
        if self.training and self.method.observed:
            self._observe(x.detach())
        y: Tensor = FakeQuantize.apply(  # type: ignore[no-untyped-call]
            x, self.scale, self.zero, self.bounds(x.shape[-1]), self.method, True
        )
        return y

    def bounds(self, features: int) -> Bounds:
        """The codes, for tensors whose last axis has `features` elements."""
        return Bounds(self.lo, self.hi, features)

    def encoding(self) -> tuple[float, int]:
        """(float32 scale, zero point) as the file stores them."""
        return float(self.scale.detach()), int(torch.round(self.zero.detach()))

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
    def _observe(self, x: Tensor) -> None:
        """Move the range a step towards that of `x`."""
        if self.method.name == "sawb":
            clip = float(sawb_clips(x.reshape(1, -1), self.format.bits))
            seen = -clip, clip
        else:
            seen = extremes(x)
        kept = self.clips
        low, high = ((1 - MOMENTUM) * k + MOMENTUM * n for k, n in zip(kept, seen, strict=True))
        scale, zero = affine(min(low, 0.0), max(high, 0.0), self.lo, self.hi, self.symmetric)
        self.scale.fill_(scale)
        self.zero.fill_(zero)
