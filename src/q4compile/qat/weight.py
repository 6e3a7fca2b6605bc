"""Trained tensors of the file: weights on their grids, and constants that stay float."""

from collections.abc import Iterator
from math import prod

import torch
from torch import Tensor, nn

from q4compile.numerics.formats import format_named
from q4compile.qat.fake_quantize import FakeQuantize
from q4compile.qat.ranges import BY_NAME, Bounds
from q4compile.qat.statistics import minmax_clips, sawb_clips
from q4compile.qat.straight import through_float16
from q4compile.quantize.encoding import LARGEST_FP16_SCALE, SMALLEST_FP16_SCALE, SMALLEST_SCALE
from q4compile.quantize.rows import Blocking

CLIPS = {"minmax": minmax_clips, "sawb": sawb_clips}


class Weight(nn.Module):
    """``s · clip(rne(w / s), −hi, hi)`` with one scale per row; gradients straight through.

    Rows are those of `quantize.rows.Blocking`. With sawb and minmax, training takes the scales from
    the weights at every step and keeps them for evaluation; lsq and pact learn them.

    Args:
        name: of the tensor in the ONNX file; its scales are ``<name>.scale``.
        shape: as the file stores it.
        format: of the codes, such as ``int4``: the narrow range.
        range: see `ranges`.
        channel_axes: axes of the output channels.
        row_elements: consecutive elements that share a scale.
        narrow: whether −w has a code wherever w has one (int4: −7 to 7).
        half_scales: whether scales are float16 numbers where float16 holds them.
    """

    def __init__(
        self,
        name: str,
        shape: tuple[int, ...],
        format: str,
        range: str = "sawb",
        channel_axes: tuple[int, ...] = (1,),
        row_elements: int = 1,
        narrow: bool = True,
        half_scales: bool = True,
    ) -> None:
        super().__init__()
        self.name, self.format, self.method = name, format_named(format), BY_NAME[range]
        self.rows = Blocking(tuple(shape), tuple(channel_axes), row_elements)
        lo, hi = self.format.codes(narrow=narrow)
        self.half_scales = half_scales
        self.codes = Bounds(lo, hi, row_elements)
        self.value = nn.Parameter(torch.zeros(shape))
        scale = torch.ones(prod(shape) // row_elements)
        if self.method.learned:
            self.scale: Tensor = nn.Parameter(scale)
        else:
            self.register_buffer("scale", scale)
        self.register_buffer("zero", torch.zeros_like(scale), persistent=False)
        self.zero: Tensor

    def forward(self) -> Tensor:
        """The weight as the file would give it, in its shape."""
        if self.training and self.method.observed:
            self.refresh()
        rows = self._by_rows(self.value)
        scale = self._stored(self.scale)
        quantized: Tensor = FakeQuantize.apply(  # type: ignore[no-untyped-call]
            rows, scale, self.zero, self.codes, self.method, self.method.learned
        )
        return self._restored(quantized)

    @torch.no_grad()
    def refresh(self) -> None:
        """Take the scales from the weights, where the method does so."""
        if self.method.observed:
            clips = CLIPS[self.method.name](self._by_rows(self.value), self.format.bits)
            scale = clips / self.codes.hi
            scale = torch.where(scale >= SMALLEST_SCALE, scale, 1.0)
            self.scale.copy_(self._stored(scale))

    def channel_scales(self) -> Tensor | None:
        """float32[C]: the scale of each output channel; None where a channel has several."""
        channels, rest = divmod(self.rows.row_elements, self.rows.reduced_elements)
        if rest:
            return None
        return self._stored(self.scale.detach()).repeat_interleave(channels)

    @property
    def clips(self) -> tuple[float, float]:
        """The smallest and the largest clip of any row."""
        clips = self.scale.detach() * self.codes.hi
        return float(clips.min()), float(clips.max())

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """ONNX name → the tensor of that name."""
        yield self.name, self.value
        yield f"{self.name}.scale", self.scale

    def _stored(self, scale: Tensor) -> Tensor:
        """What two bytes hold of it, if they hold it at full precision."""
        return through_float16(scale) if self.half_scales and _fits_float16(scale) else scale

    def _by_rows(self, tensor: Tensor) -> Tensor:
        return tensor.permute(self.rows.order).reshape(-1, self.rows.row_elements)

    def _restored(self, rows: Tensor) -> Tensor:
        order = self.rows.order
        moved = rows.reshape([self.rows.shape[axis] for axis in order])
        return moved.permute([order.index(axis) for axis in sorted(order)])


class Constant(nn.Module):
    """A tensor that stays float: as it is, or rounded through float16; integers are not trained.

    Args:
        name: in the ONNX file.
        shape: as the file stores it.
        format: ``fp32``, ``fp16``, or the number type of one that is not real.
        trainable: False keeps a real one as it is.
    """

    def __init__(
        self, name: str, shape: tuple[int, ...], format: str = "fp32", trainable: bool = True
    ) -> None:
        super().__init__()
        self.name, self.halved = name, format == "fp16"
        real = format in ("fp16", "fp32")
        value = torch.zeros(shape, dtype=torch.float32 if real else getattr(torch, format))
        if real and trainable:
            self.value: Tensor = nn.Parameter(value)
        else:
            self.register_buffer("value", value)

    def forward(self) -> Tensor:
        """The tensor as the file would give it."""
        return through_float16(self.value) if self.halved else self.value

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """ONNX name → the tensor of that name."""
        yield self.name, self.value


def _fits_float16(scale: Tensor) -> bool:
    scale = scale.detach()
    return bool((scale.min() >= SMALLEST_FP16_SCALE) & (scale.max() <= LARGEST_FP16_SCALE))
