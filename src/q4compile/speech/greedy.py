"""Greedy decoding of a whole batch at once, for any backend that can run the three networks."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Tokens = NDArray[np.int64]
State = tuple[Floats, ...]
"""Recurrent state of the prediction network, each array float32[layers, B, hidden]."""

BLANK = 0


class Transducer(Protocol):
    """The three networks of an RNN-T on numpy arrays; B may differ from call to call."""

    def encode(self, features: Floats, lengths: Tokens) -> tuple[Floats, Tokens]:
        """Return float32[B, T', J], int64[B] frames that count; of float32[B, T, F], int64[B]."""
        ...

    def start(self, batch: int) -> State:
        """Return the state before the start symbol."""
        ...

    def predict(self, tokens: Tokens, state: State) -> tuple[Floats, State]:
        """Return float32[B, J] and the state after `tokens`, of int64[B] and the state before."""
        ...

    def joint(self, frames: Floats, vectors: Floats) -> Floats:
        """Return logits float32[B, V] of two float32[B, J]."""
        ...


def greedy(
    transducer: Transducer,
    features: Sequence[Floats],
    max_symbols_per_frame: int = 10,
    batch: int = 32,
) -> list[list[int]]:
    """At each frame write the best symbol until it is the blank; return the tokens, in input order.

    Utterances of similar length share a batch. No utterance's tokens depend on its batch beyond the
    backend's float rounding.

    Args:
        transducer: The backend.
        features: float32[T, F] of each utterance, any lengths, 0 included.
        max_symbols_per_frame: Symbols after which the next frame is read unasked. At 60 ms per
            frame fewer than 6 cost accuracy.
        batch: Utterances decoded at a time.
    """
    decoded: list[list[int]] = [[] for _ in features]
    order = sorted(
        (i for i in range(len(features)) if len(features[i])), key=lambda i: len(features[i])
    )
    for start in range(0, len(order), batch):
        chosen = order[start : start + batch]
        frames, lengths = transducer.encode(*padded([features[i] for i in chosen]))
        for i, tokens in zip(
            chosen, _decode(transducer, frames, lengths, max_symbols_per_frame), strict=True
        ):
            decoded[i] = tokens
    return decoded


def padded(features: Sequence[Floats]) -> tuple[Floats, Tokens]:
    """Return float32[B, longest T, F], zero behind each utterance, and int64[B] lengths."""
    lengths = np.array([len(one) for one in features], np.int64)
    block = np.zeros((len(features), lengths.max(), features[0].shape[1]), np.float32)
    for row, one in zip(block, features, strict=True):
        row[: len(one)] = one
    return block, lengths


def _decode(transducer: Transducer, frames: Floats, lengths: Tokens, most: int) -> list[list[int]]:
    count = len(frames)
    tokens: list[list[int]] = [[] for _ in range(count)]
    vectors, state = transducer.predict(np.zeros(count, np.int64), transducer.start(count))
    for t in range(frames.shape[1]):
        live = np.flatnonzero(lengths > t)
        for _ in range(most):
            best = transducer.joint(frames[live, t], vectors[live]).argmax(axis=1)
            live, best = live[best != BLANK], best[best != BLANK]
            if not live.size:
                break
            for row, token in zip(live.tolist(), best.tolist(), strict=True):
                tokens[row].append(token)
            vectors, state = _advance(transducer, vectors, state, live, best)
    return tokens


def _advance(
    transducer: Transducer, vectors: Floats, state: State, rows: Tokens, tokens: Tokens
) -> tuple[Floats, State]:
    """Feed `tokens` to the rows that wrote one; all other rows keep vector and state."""
    new, after = transducer.predict(tokens, tuple(part[:, rows] for part in state))
    vectors = vectors.copy()
    vectors[rows] = new
    merged = tuple(part.copy() for part in state)
    for part, fresh in zip(merged, after, strict=True):
        part[:, rows] = fresh
    return vectors, merged
