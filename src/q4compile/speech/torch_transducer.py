"""The networks of a torch model as the search sees them: numpy in, numpy out."""

import numpy as np
import torch
from numpy.typing import NDArray

from q4compile.speech.greedy import Floats, State, Tokens
from q4compile.speech.model import Rnnt


class TorchTransducer:
    """A `Transducer` (see greedy.py) that runs `model` in evaluation mode, without gradients."""

    def __init__(self, model: Rnnt) -> None:
        self.model = model.eval()

    @torch.inference_mode()
    def encode(self, features: Floats, lengths: Tokens) -> tuple[Floats, Tokens]:
        """Return float32[B, T', J] and int64[B] frames that count."""
        frames, counts = self.model.encoder(torch.from_numpy(features), torch.from_numpy(lengths))
        return _array(frames), counts.numpy()

    def start(self, batch: int) -> State:
        """Return zeros."""
        lstm = self.model.predictor.lstm
        zeros = np.zeros((lstm.num_layers, batch, lstm.hidden_size), np.float32)
        return zeros, zeros.copy()

    @torch.inference_mode()
    def predict(self, tokens: Tokens, state: State) -> tuple[Floats, State]:
        """Return float32[B, J] and the state after `tokens`."""
        hidden, cell = (torch.from_numpy(np.ascontiguousarray(part)) for part in state)
        vectors, after = self.model.predictor(torch.from_numpy(tokens)[:, None], (hidden, cell))
        return _array(vectors[:, 0]), (_array(after[0]), _array(after[1]))

    @torch.inference_mode()
    def joint(self, frames: Floats, vectors: Floats) -> Floats:
        """Return logits float32[B, V]."""
        return _array(self.model.joint(torch.from_numpy(frames), torch.from_numpy(vectors)))


def _array(tensor: torch.Tensor) -> NDArray[np.float32]:
    values: NDArray[np.float32] = tensor.float().numpy()
    return values
