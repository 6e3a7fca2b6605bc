"""What speech asks of the networks in a second, here and at the rates of the paper.

calls of an utterance ≈ per frame × its encoder frames + per label × its labels

fitted by least squares over utterances, neither below 0. With it the calls of speech at other rates
are foretold: a frame here is 60 ms, and speakers spell; the paper has 20 ms and conversations.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from paper_calls import LMS, Times
from paper_cells import Decoded
from paper_demand import PAPER_FRAMES, PAPER_LABELS, Fit

COUNTED = {"joint": "steps", "predictor": "active_steps", "lm": "lm_active_steps"}
"""Component → what counts its calls. The source model runs when the prediction network does."""


def fit(calls: Sequence[int], frames: Sequence[int], labels: Sequence[int]) -> Fit:
    """Of the utterances of a decode; no slope is below 0."""
    wanted = np.array(calls, np.float64)
    given = np.stack([frames, labels], axis=1).astype(np.float64)
    slopes = np.linalg.lstsq(given, wanted, rcond=None)[0]
    if (slopes < 0).any():
        slopes = np.where(slopes < 0, 0.0, given.T @ wanted / (given**2).sum(axis=0))
    rest = wanted - given @ slopes
    spread = wanted - wanted.mean()
    return Fit(*map(float, slopes), float(1 - rest @ rest / (spread @ spread)))


def fits(decoded: Decoded) -> dict[str, Fit]:
    """By component."""
    return {
        name: fit(getattr(decoded, counted), decoded.frames, decoded.labels)
        for name, counted in COUNTED.items()
    }


def rates(decoded: Decoded) -> dict[str, float]:
    """Per second of audio."""
    names = ("frames", "labels", "steps", "active_steps", "lm_active_steps", "lm_prefixes")
    audio_s = sum(decoded.audio_s)
    return {name: sum(getattr(decoded, name)) / audio_s for name in names}


def at_paper_rates(
    decoded: Decoded, times: Times, target: str, precision: str
) -> Mapping[str, float]:
    """Component → seconds of machine time for a second of the paper's speech.

    The time of a call stays that of the decode's mean size; the encoder's does not depend on it.
    """
    found = dict(times.decode(decoded, target, precision))
    here, foretold = rates(decoded), fits(decoded)
    for name, counted in COUNTED.items():
        if here[counted]:
            calls = foretold[name].calls(PAPER_FRAMES, PAPER_LABELS)
            found[name] *= calls / here[counted]
            if name == "predictor":
                found[LMS[1]] *= calls / here[counted]
    return found
