"""LSTM, GRU and RNN of ONNX with quantized weights and a hidden state quantized once per step.

    W, R quantized once per call; gx = X · Wᵀ + b for all steps in one product;
    per step  h = Q(cell(gx[t] + h · Rᵀ)): the recurrence and Y read the same h.

The semantics are those of the ONNX operator, and of the model-local function that `quantize` writes
(q4compile.quantize.recurrence), so that a file and its package agree code for code.
"""

from typing import Literal

from torch import Tensor, nn

from q4compile.qat import recurrent_eager
from q4compile.qat.grid import Activation
from q4compile.qat.recurrent_cell import Cell
from q4compile.qat.recurrent_eager import Roundings, Step
from q4compile.qat.recurrent_gru import LinearGruCell, ResetGruCell
from q4compile.qat.recurrent_layer import Direction, Recurrent
from q4compile.qat.recurrent_lstm import LstmCell
from q4compile.qat.recurrent_rnn import RnnCell


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
