"""From logits to log probabilities, and the refusal of what is no number."""

import numpy as np
from numpy.typing import NDArray

from q4compile.errors import DataError, Finding
from q4compile.speech.greedy import Floats

Scores = NDArray[np.float64]


def log_softmax(logits: Floats) -> Scores:
    """x - ln sum exp x of each row, in float64: rows keep their order, ties stay ties.

    -inf is an impossible symbol; a row with NaN, +inf or nothing possible is NaN.
    """
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        highest = logits.max(axis=1, keepdims=True)
        total = np.exp(logits - highest).sum(axis=1, keepdims=True)
        scores: Scores = logits.astype(np.float64) - (highest + np.log(total))
    return scores


def require_numbers(scores: Scores, network: str) -> None:
    """Refuse scores that are NaN.

    Raises:
        DataError: Q581 naming the network.
    """
    wrong = np.count_nonzero(np.isnan(scores).any(axis=1))
    if wrong:
        raise DataError(
            Finding(
                "Q581",
                "a score is not a number",
                f"logits of the network '{network}'",
                "finite logits; -infinity for what is impossible, but not for every symbol",
                f"{wrong} of {len(scores)} rows with NaN, infinity or nothing possible",
                "look for weights or scales that are not finite: q4compile inspect",
            )
        )
