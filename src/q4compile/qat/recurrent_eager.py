"""Recurrent layers step by step in plain torch: any device, number type and variant; the reference.

A step of each cell is that of the ONNX operator and of the model-local function that `quantize`
writes (q4compile.quantize.recurrence); gate order is ONNX's: LSTM i, o, f, c̃; GRU z, r, h̃.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import linear

Rounding = Callable[[Tensor], Tensor]
State = tuple[Tensor, ...]
"""h, and c of an LSTM: each [B, H]."""

Step = Callable[[Tensor, State], State]
"""The input's share gx[B, G · H] and the state before → the state after."""


@dataclass(frozen=True)
class Roundings:
    """How the hidden state, the cell state and the gate pre-activations are quantized."""

    hidden: Rounding
    cell: Rounding
    gate: Rounding


class Watch:
    """A rounding that rounds nothing, and keeps what it is given at every step."""

    def __init__(self) -> None:
        self.rows: list[Tensor] = []
        self.kept: list[Tensor] = []

    def __call__(self, x: Tensor) -> Tensor:
        """x."""
        self.rows.append(x)
        return x

    def leave_out(self, lengths: Tensor | None, count: int, reverse: bool) -> None:
        """After a pass over `count` steps: forget what lies behind the sequences' ends."""
        per_step = len(self.rows) // count
        for index, row in enumerate(self.rows):
            t = index // per_step
            t = count - 1 - t if reverse else t
            self.kept.append(row if lengths is None else row[t < lengths])
        self.rows.clear()

    def seen(self) -> Tensor:
        """All that was kept."""
        return torch.cat(self.kept)


def lstm_step(r: Tensor, quantized: Roundings) -> Step:
    """``c = f ⊙ c + i ⊙ c̃``, ``h = Q(o ⊙ tanh(c))``; r is [4 · H, H]."""

    def step(gx: Tensor, state: State) -> State:
        h, c = state
        i, o, f, new = quantized.gate(gx + linear(h, r)).chunk(4, -1)
        c = quantized.cell(f.sigmoid() * c + i.sigmoid() * new.tanh())
        return quantized.hidden(o.sigmoid() * c.tanh()), c

    return step


def linear_gru_step(r: Tensor, r_bias: Tensor, quantized: Roundings) -> Step:
    """``h = Q(h̃ + z ⊙ (h − h̃))``, ``h̃ = tanh(gx + r ⊙ (h · Rᵀ + b_R))``; r is [3 · H, H]."""

    def step(gx: Tensor, state: State) -> State:
        (h,) = state
        product = linear(h, r, r_bias)
        size = h.shape[-1]
        sums = gx[..., : 2 * size] + product[..., : 2 * size]
        z, reset, new = quantized.gate(torch.cat([sums, gx[..., 2 * size :]], -1)).chunk(3, -1)
        candidate = (new + reset.sigmoid() * product[..., 2 * size :]).tanh()
        return (quantized.hidden(candidate + z.sigmoid() * (h - candidate)),)

    return step


def reset_gru_step(r: Tensor, quantized: Roundings) -> Step:
    """``h = Q(h̃ + z ⊙ (h − h̃))``, ``h̃ = tanh(gx + Q(r ⊙ h) · Rᵀ)``; r is [3 · H, H]."""

    def step(gx: Tensor, state: State) -> State:
        (h,) = state
        size = h.shape[-1]
        sums = gx[..., : 2 * size] + linear(h, r[: 2 * size])
        z, reset, new = quantized.gate(torch.cat([sums, gx[..., 2 * size :]], -1)).chunk(3, -1)
        kept = quantized.hidden(reset.sigmoid() * h)
        candidate = (new + linear(kept, r[2 * size :])).tanh()
        return (quantized.hidden(candidate + z.sigmoid() * (h - candidate)),)

    return step


def rnn_step(r: Tensor, relu: bool, quantized: Roundings) -> Step:
    """``h = Q(tanh(gx + h · Rᵀ))`` or, with `relu`, that of max(…, 0); r is [H, H]."""

    def step(gx: Tensor, state: State) -> State:
        z = quantized.gate(gx + linear(state[0], r))
        return (quantized.hidden(z.relu() if relu else z.tanh()),)

    return step


def sequence(
    step: Step, gx: Tensor, state: State, lengths: Tensor | None, reverse: bool
) -> tuple[Tensor, State]:
    """Y[T, B, H] and the state after every sequence's last step, of gx[T, B, G · H].

    Behind a sequence's end Y is 0 and the state stands still; a reverse pass starts at its own last
    frame.
    """
    outputs: list[Tensor] = []
    for t in reversed(range(len(gx))) if reverse else range(len(gx)):
        after = step(gx[t], state)
        shown = after[0]
        if lengths is not None:
            runs = (t < lengths)[:, None]
            shown = torch.where(runs, shown, torch.zeros_like(shown))
            after = tuple(
                torch.where(runs, new, old) for new, old in zip(after, state, strict=True)
            )
        state = after
        outputs.append(shown)
    return torch.stack(outputs[::-1] if reverse else outputs), state
