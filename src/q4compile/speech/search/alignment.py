"""When each label of a hypothesis was written: its most probable alignment (Viterbi).

A(t, u) = max(A(t − 1, u) + ln P(blank | t − 1, u), A(t, u − 1) + ln P(y_u | t, u − 1))

with A(0, 0) = 0; the last blank follows all labels at the last frame.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from q4compile.speech.greedy import BLANK, Floats, Transducer
from q4compile.speech.search.probabilities import Scores, log_softmax, require_numbers

ROWS = 1024
"""Of one call of the joint, at least one frame."""


def emission_frames(transducer: Transducer, frames: Floats, tokens: Sequence[int]) -> list[int]:
    """The frame at which each label is written, never falling, in the best alignment.

    Args:
        frames: float32[T', J] of the encoder, T' at least 1.
        tokens: labels, no blank.

    Raises:
        DataError: Q581 a score that is NaN.
    """
    written = _written(*_lattice(transducer, frames, tokens))
    t, found = len(frames) - 1, list[int]()
    for u in range(len(tokens), 0, -1):
        while not written[t, u]:
            t -= 1
        found.append(t)
    return found[::-1]


def _lattice(
    transducer: Transducer, frames: Floats, tokens: Sequence[int]
) -> tuple[Scores, Scores]:
    """ln P of the blank [T', U + 1], and of label u [T', U], after u labels at each frame."""
    vectors, count = _vectors(transducer, tokens), len(tokens) + 1
    blank, label = np.empty((len(frames), count)), np.empty((len(frames), count - 1))
    step = max(1, ROWS // count)
    for start in range(0, len(frames), step):
        part = frames[start : start + step]
        rows = np.repeat(part, count, axis=0), np.tile(vectors, (len(part), 1))
        scores = log_softmax(transducer.joint(*rows))
        require_numbers(scores, "joint")
        scores = scores.reshape(len(part), count, -1)
        blank[start : start + step] = scores[:, :, BLANK]
        label[start : start + step] = scores[:, np.arange(count - 1), list(tokens)]
    return blank, label


def _vectors(transducer: Transducer, tokens: Sequence[int]) -> Floats:
    """float32[U + 1, J] of the prediction network after 0, 1, … U labels."""
    state, found = transducer.start(1), []
    for token in (BLANK, *tokens):
        vector, state = transducer.predict(np.array([token], np.int64), state)
        found.append(vector)
    return np.concatenate(found)


def _written(blank: Scores, label: Scores) -> NDArray[np.bool_]:
    """bool[T', U + 1]: whether A takes label u at t; at the first frame nothing else is left."""
    best = np.full(blank.shape, -np.inf)
    written = np.zeros(blank.shape, np.bool_)
    best[0, 0] = 0
    for t in range(len(blank)):
        if t:
            best[t] = best[t - 1] + blank[t - 1]
        for u in range(1, blank.shape[1]):
            score = best[t, u - 1] + label[t, u - 1]
            if score >= best[t, u]:
                best[t, u], written[t, u] = score, True
    return written
