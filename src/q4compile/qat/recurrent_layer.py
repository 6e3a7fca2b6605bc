"""What LSTM, GRU and RNN layers share: weights, grids, initial states, and which form runs.

Compiled loops run on the CPU in float32 (`recurrent_fused`), plain torch elsewhere and where the
cell state or the gates are quantized (`recurrent_eager`).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from q4compile.qat import recurrent_eager
from q4compile.qat.grid import Activation
from q4compile.qat.recurrent_cell import Cell
from q4compile.qat.recurrent_eager import Roundings, State, Step, Watch
from q4compile.qat.recurrent_fused import Fused, Layer
from q4compile.qat.recurrent_products import Codes

Direction = Literal["forward", "reverse", "bidirectional"]
REVERSE: dict[Direction, tuple[bool, ...]] = {
    "forward": (False,),
    "reverse": (True,),
    "bidirectional": (False, True),
}


class Recurrent(nn.Module, ABC):
    """What the three layers share.

    Args:
        w: the input's weights [D, G · H, K], a `Weight` or `Constant`, in ONNX's order of gates.
        r: the recurrent weights [D, G · H, H], likewise.
        b: both biases [D, 2 · G · H], the input's first, or None.
        h: the grid of the hidden state, or None if it stays float; `c` of an LSTM's cell state and
            `gate` of the pre-activations likewise.
    """

    def __init__(
        self,
        w: nn.Module,
        r: nn.Module,
        b: nn.Module | None = None,
        *,
        hidden_size: int,
        direction: Direction = "forward",
        h: Activation | None = None,
        c: Activation | None = None,
        gate: Activation | None = None,
    ) -> None:
        super().__init__()
        self.hidden_size, self.direction = hidden_size, direction
        self.w, self.r, self.b = w, r, b
        self.h, self.c, self.gate = h, c, gate

    @abstractmethod
    def cell(self) -> Cell:
        """The compiled form of this layer's cell."""

    @abstractmethod
    def step(self, r: Tensor, r_bias: Tensor | None, quantized: Roundings) -> Step:
        """One step of one direction in plain torch."""

    def split_bias(self, w: Tensor) -> tuple[Tensor, Tensor | None]:
        """[D, G · H] of the input's products, and of the recurrent ones where that is apart."""
        if self.b is None:
            return w.new_zeros(w.shape[:2]), None
        ours, recurrent = self.b().chunk(2, -1)
        return ours + recurrent, None

    def run(
        self, x: Tensor, lengths: Tensor | None, *initial: tuple[Tensor | None, Activation | None]
    ) -> tuple[Tensor, ...]:
        """Y and the final states, of x and the initial states with their grids."""
        if x.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            # h in bfloat16 would lose its codes, and products of codes are faster than those.
            with torch.autocast("cpu", enabled=False):
                return self.run(x.float(), lengths, *initial)
        lengths = None if lengths is None else lengths.to(x.device, torch.int64)
        w, r = self.w(), self.r()
        biases = self.split_bias(w)
        zeros = x.new_zeros(len(w), x.shape[1], self.hidden_size)
        states = [
            zeros if state is None else _rounding(grid)(state.to(x.dtype))
            for state, grid in initial
        ]
        operands = x, lengths, w, r, *biases, *states
        if self.training:
            self._observe(*operands)
        return self._fused(*operands) if self._can_fuse(x) else self._eager(*operands)

    def _can_fuse(self, x: Tensor) -> bool:
        return (
            x.device.type == "cpu"
            and x.dtype == torch.float32
            and (self.h is None or not self.h.format.is_float)
            and self.c is None
            and self.gate is None
        )

    def _fused(
        self,
        x: Tensor,
        lengths: Tensor | None,
        w: Tensor,
        r: Tensor,
        bias: Tensor,
        r_bias: Tensor | None,
        *states: Tensor,
    ) -> tuple[Tensor, ...]:
        if lengths is None:
            lengths = torch.full(x.shape[1:2], len(x))
        codes = None if self.h is None else Codes.of(self.r, r)
        layer = Layer(self.cell(), REVERSE[self.direction], lengths, self.h, codes)
        scale, zero = None, None
        if self.h is not None and self.h.method.learned:
            scale, zero = self.h.scale, self.h.zero
        outputs: tuple[Tensor, ...] = Fused.apply(  # type: ignore[no-untyped-call]
            layer, x, w, r, bias, r_bias, scale, zero, *states
        )
        return outputs

    def _eager(
        self,
        x: Tensor,
        lengths: Tensor | None,
        w: Tensor,
        r: Tensor,
        bias: Tensor,
        r_bias: Tensor | None,
        *states: Tensor,
    ) -> tuple[Tensor, ...]:
        quantized = Roundings(_rounding(self.h), _rounding(self.c), _rounding(self.gate))
        passes = self._passes(quantized, x, lengths, w, r, bias, r_bias, *states)
        outputs, finals = zip(*passes, strict=True)
        return torch.stack(outputs, 1), *(torch.stack(each) for each in zip(*finals, strict=True))

    def _passes(
        self,
        quantized: Roundings,
        x: Tensor,
        lengths: Tensor | None,
        w: Tensor,
        r: Tensor,
        bias: Tensor,
        r_bias: Tensor | None,
        *states: Tensor,
    ) -> Iterator[tuple[Tensor, State]]:
        """Y[T, B, H] and the final states of each direction, in plain torch."""
        for d, reverse in enumerate(REVERSE[self.direction]):
            step = self.step(r[d], None if r_bias is None else r_bias[d], quantized)
            gx = linear(x, w[d], bias[d])
            start = tuple(state[d] for state in states)
            yield recurrent_eager.sequence(step, gx, start, lengths, reverse)

    @torch.no_grad()
    def _observe(self, x: Tensor, lengths: Tensor | None, *operands: Any) -> None:
        """Move the ranges of minmax and sawb once per call, by a pass without quantization."""
        grids = self.h, self.c, self.gate
        if not any(grid is not None and grid.method.observed for grid in grids):
            return
        watches = Watch(), Watch(), Watch()
        passes = self._passes(Roundings(*watches), x, lengths, *operands)
        for _, reverse in zip(passes, REVERSE[self.direction], strict=True):
            for watch in watches:
                watch.leave_out(lengths, len(x), reverse)
        for grid, watch in zip(grids, watches, strict=True):
            if grid is not None:
                grid.observe(watch.seen())


def _rounding(grid: Activation | None) -> Callable[[Tensor], Tensor]:
    return (lambda x: x) if grid is None else grid.quantized
