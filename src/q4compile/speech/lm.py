"""A character language model: what text the transducer's labels are likely to form."""

from typing import cast

from torch import Tensor, nn

from q4compile.speech.config import LmConfig
from q4compile.speech.model import State


class CharLm(nn.Module):
    """logits(u) score symbol u + 1 after symbols 0..u; symbol 0 starts and ends every text.

    Random weights; `checkpoint.load_checkpoint` gives trained ones.
    """

    def __init__(self, config: LmConfig, dropout: float = 0.0) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(len(config.vocabulary), config.embedding)
        self.dropout = nn.Dropout(dropout)
        self.lstm = nn.LSTM(config.embedding, config.hidden, config.layers, batch_first=True)
        self.output = nn.Linear(config.hidden, len(config.vocabulary))

    def forward(self, tokens: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return logits float[B, N, V] and (h, c) after token N; of int64[B, N] and (h, c) before.

        No state means zeros: the start of a text, whose first token is 0.
        """
        hidden, state = self.lstm(self.dropout(self.embedding(tokens)), state)
        return self.output(self.dropout(hidden)), cast(State, state)
