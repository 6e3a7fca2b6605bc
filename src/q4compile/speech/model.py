"""The transducer: bidirectional LSTM encoder, LSTM prediction network, multiplicative joint."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from q4compile.speech.bilstm import BiLstm
from q4compile.speech.config import RnntConfig, TimeReduction

State = tuple[Tensor, Tensor]
"""(h, c), each float[layers, B, hidden]."""


class Encoder(nn.Module):
    """Frames of sound to float[B, T', joint_dim], T' = ceil(T / time reduction)."""

    def __init__(self, config: RnntConfig, dropout: float) -> None:
        super().__init__()
        self.reduction = config.time_reduction
        self.layers = nn.ModuleList()
        width = config.input_dim
        for number in range(1, config.encoder_layers + 1):
            self.layers.append(BiLstm(width, config.encoder_hidden))
            width = 2 * config.encoder_hidden
            if self.reduction and number == self.reduction.after_layer:
                width *= self.reduction.factor
        self.dropout = nn.Dropout(dropout)
        self.projection = nn.Linear(width, config.joint_dim)

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return float[B, T', joint_dim] and its int64[B] lengths; of float[B, T, F], int64[B]."""
        hidden, lengths = self.hidden(features, lengths)
        return self.projection(hidden), lengths

    def hidden(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return the last layer's float[B, T', width] before the projection, and int64[B]."""
        frames = features.transpose(0, 1)
        for number, layer in enumerate(self.layers, 1):
            frames = layer(frames, lengths)
            if self.reduction and number == self.reduction.after_layer:
                frames, lengths = reduce_time(frames, lengths, self.reduction)
            frames = self.dropout(frames)
        return frames.transpose(0, 1), lengths


def reduce_time(frames: Tensor, lengths: Tensor, reduction: TimeReduction) -> tuple[Tensor, Tensor]:
    """y(t) = [x(f t), ..., x(f t + f - 1)] for factor f: float[ceil(T / f), B, f * width].

    Written as one shifted, strided slice per neighbour: exports to ONNX with any T.
    """
    factor = reduction.factor
    later = [functional.pad(frames, (0, 0, 0, 0, 0, k))[k::factor] for k in range(1, factor)]
    # trunc, not floor: one Div in the exported graph instead of nine nodes.
    counts = torch.div(lengths + (factor - 1), factor, rounding_mode="trunc")
    return torch.cat([frames[::factor], *later], dim=2), counts


class Predictor(nn.Module):
    """Tokens to float[B, U + 1, joint_dim]; can be stepped one token at a time."""

    def __init__(self, config: RnntConfig, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(len(config.vocabulary), config.predictor_embedding)
        self.dropout = nn.Dropout(dropout)
        self.lstm = nn.LSTM(config.predictor_embedding, config.predictor_hidden, batch_first=True)
        self.projection = nn.Linear(config.predictor_hidden, config.joint_dim)
        # tanh(e * p) has no gradient where both factors are near 0: start at p near 1.
        nn.init.ones_(self.projection.bias)

    def forward(self, tokens: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return float[B, N, joint_dim], (h, c) after token N; of int64[B, N] and (h, c) before.

        No state means zeros: the start of an utterance, whose first token is the blank.
        """
        embedded = self.dropout(self.embedding(tokens))
        hidden, state = self.lstm(embedded, state)
        return self.projection(self.dropout(hidden)), cast(State, state)


class Joint(nn.Module):
    """logits = W tanh(e * p) + b (multiplicative: Saon et al. 2021), e and p broadcast together."""

    def __init__(self, config: RnntConfig) -> None:
        super().__init__()
        self.output = nn.Linear(config.joint_dim, len(config.vocabulary))

    def forward(self, frames: Tensor, vectors: Tensor) -> Tensor:
        """Return float[..., V] of two broadcastable float[..., joint_dim]."""
        return cast(Tensor, self.output(torch.tanh(frames * vectors)))


class Rnnt(nn.Module):
    """logits(t, u) score the next symbol at frame t after tokens 0..u; symbol 0 is the blank.

    Random weights; `checkpoint.load_checkpoint` gives trained ones.
    """

    def __init__(self, config: RnntConfig, dropout: float = 0.0) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config, dropout)
        self.predictor = Predictor(config, dropout)
        self.joint = Joint(config)

    def forward(self, features: Tensor, feature_lengths: Tensor, tokens: Tensor) -> Tensor:
        """Return float[B, T', U + 1, V] logits.

        Args:
            features: float[B, T, F], padded behind each utterance with anything.
            feature_lengths: int64[B], frames that count, 1 to T, the longest being T.
            tokens: int64[B, U + 1]: the blank (0) as start symbol, then the U labels.
        """
        frames, _ = self.encoder(features, feature_lengths)
        vectors, _ = self.predictor(tokens)
        return cast(Tensor, self.joint(frames[:, :, None], vectors[:, None]))


def parameter_count(module: nn.Module) -> int:
    """Number of trained values."""
    return sum(parameter.numel() for parameter in module.parameters())
