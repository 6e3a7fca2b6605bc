"""LSTM, GRU and RNN of ONNX with quantized weights and a hidden state quantized once per step.

    W, R quantized once per call; gx = X · Wᵀ + b for all steps in one product;
    per step  h = Q(cell(gx[t] + h · Rᵀ)): the recurrence and Y read the same h.

The semantics are those of the ONNX operator, and of the model-local function that `quantize` writes
(q4compile.quantize.recurrence), so that a file and its package agree code for code. What runs is
compiled loops on the CPU in float32 (`recurrent_fused`), plain torch elsewhere and where the cell
state or the gates are quantized (`recurrent_eager`).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from q4compile.qat import recurrent_eager
from q4compile.qat.grid import Activation
from q4compile.qat.recurrent_cell import Cell
from q4compile.qat.recurrent_eager import Roundings, Step
from q4compile.qat.recurrent_fused import Fused, Layer
from q4compile.qat.recurrent_gru import LinearGruCell, ResetGruCell
from q4compile.qat.recurrent_lstm import LstmCell
from q4compile.qat.recurrent_products import Codes
from q4compile.qat.recurrent_rnn import RnnCell

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
            # Measured: bfloat16 products gain nothing here, and h would lose its codes.
            with torch.autocast("cpu", enabled=False):
                return self.run(x.float(), lengths, *initial)
        w, r = self.w(), self.r()
        biases = self.split_bias(w)
        zeros = x.new_zeros(len(w), x.shape[1], self.hidden_size)
        states = [
            zeros if state is None else _rounding(grid)(state.to(x.dtype))
            for state, grid in initial
        ]
        form = self._fused if self._can_fuse(x) else self._eager
        return form(x, lengths, w, r, *biases, *states)

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
        codes = Codes.of(self.r, r)
        layer = Layer(self.cell(), REVERSE[self.direction], lengths.long(), self.h, codes)
        scale, zero = (None, None) if self.h is None else (self.h.scale, self.h.zero)
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
        outputs, finals = [], []
        for d, reverse in enumerate(REVERSE[self.direction]):
            step = self.step(r[d], None if r_bias is None else r_bias[d], quantized)
            gx = linear(x, w[d], bias[d])
            start = tuple(state[d] for state in states)
            y, end = recurrent_eager.sequence(step, gx, start, lengths, reverse)
            outputs.append(y)
            finals.append(end)
        joined = (torch.stack(each) for each in zip(*finals, strict=True))
        return torch.stack(outputs, 1), *joined


class Lstm(Recurrent):
    """``c = f ⊙ c + i ⊙ c̃``, ``h = Q(o ⊙ tanh(c))``; order of the gates i, o, f, c̃."""

    def cell(self) -> Cell:
        """The compiled form of this layer's cell."""
        return LstmCell()

    def step(self, r: Tensor, r_bias: Tensor | None, quantized: Roundings) -> Step:
        """One step of one direction in plain torch."""
        return recurrent_eager.lstm_step(r, quantized)

    def forward(
        self,
        x: Tensor,
        lengths: Tensor | None = None,
        h0: Tensor | None = None,
        c0: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return Y[T, D, B, H], Y_h[D, B, H] and Y_c[D, B, H].

        Args:
            x: [T, B, K], on its grid already.
            lengths: int[B], 0 to T: behind its end a sequence's Y is 0, and Y_h and Y_c are those
                of its last step; a reverse pass starts at its last frame. None is T for all.
            h0: initial hidden state [D, B, H], brought onto h's grid; None is zeros.
            c0: initial cell state, likewise.
        """
        y, h, c = self.run(x, lengths, (h0, self.h), (c0, self.c))
        return y, h, c


class Gru(Recurrent):
    """``h = Q(h̃ + z ⊙ (h − h̃))``; order of the gates z, r, h̃.

    ``h̃ = tanh(gx + r ⊙ (h · Rᵀ + b_R))`` if `linear_before_reset`, as torch.nn.GRU has it, and
    ``tanh(gx + Q(r ⊙ h) · Rᵀ + b_R)`` otherwise.
    """

    def __init__(
        self,
        w: nn.Module,
        r: nn.Module,
        b: nn.Module | None = None,
        *,
        hidden_size: int,
        direction: Direction = "forward",
        linear_before_reset: bool = False,
        h: Activation | None = None,
        gate: Activation | None = None,
    ) -> None:
        super().__init__(w, r, b, hidden_size=hidden_size, direction=direction, h=h, gate=gate)
        self.linear_before_reset = linear_before_reset

    def split_bias(self, w: Tensor) -> tuple[Tensor, Tensor | None]:
        """[D, G · H] of the input's products, and of the recurrent ones where that is apart."""
        if not self.linear_before_reset:
            return super().split_bias(w)
        if self.b is None:
            return w.new_zeros(w.shape[:2]), w.new_zeros(w.shape[:2])
        ours, recurrent = self.b().chunk(2, -1)
        return ours, recurrent

    def cell(self) -> Cell:
        """The compiled form of this layer's cell."""
        return LinearGruCell() if self.linear_before_reset else ResetGruCell()

    def step(self, r: Tensor, r_bias: Tensor | None, quantized: Roundings) -> Step:
        """One step of one direction in plain torch."""
        if r_bias is None:
            return recurrent_eager.reset_gru_step(r, quantized)
        return recurrent_eager.linear_gru_step(r, r_bias, quantized)

    def forward(
        self, x: Tensor, lengths: Tensor | None = None, h0: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return Y[T, D, B, H] and Y_h[D, B, H]; arguments as those of `Lstm`."""
        y, h = self.run(x, lengths, (h0, self.h))
        return y, h


class Rnn(Recurrent):
    """``h = Q(tanh(gx + h · Rᵀ))``, or relu in place of tanh."""

    def __init__(
        self,
        w: nn.Module,
        r: nn.Module,
        b: nn.Module | None = None,
        *,
        hidden_size: int,
        direction: Direction = "forward",
        activation: Literal["tanh", "relu"] = "tanh",
        h: Activation | None = None,
        gate: Activation | None = None,
    ) -> None:
        super().__init__(w, r, b, hidden_size=hidden_size, direction=direction, h=h, gate=gate)
        self.relu = activation == "relu"

    def cell(self) -> Cell:
        """The compiled form of this layer's cell."""
        return RnnCell(self.relu)

    def step(self, r: Tensor, r_bias: Tensor | None, quantized: Roundings) -> Step:
        """One step of one direction in plain torch."""
        return recurrent_eager.rnn_step(r, self.relu, quantized)

    def forward(
        self, x: Tensor, lengths: Tensor | None = None, h0: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return Y[T, D, B, H] and Y_h[D, B, H]; arguments as those of `Lstm`."""
        y, h = self.run(x, lengths, (h0, self.h))
        return y, h


def _rounding(grid: Activation | None) -> Callable[[Tensor], Tensor]:
    return (lambda x: x) if grid is None else grid
