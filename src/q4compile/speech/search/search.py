"""Beam search of any number of utterances, with language models, on any backend."""

from collections.abc import Sequence

import numpy as np

from q4compile.speech.greedy import Floats, Tokens, Transducer, padded
from q4compile.speech.search.alsd import Alsd
from q4compile.speech.search.hypothesis import NOTHING, NBest
from q4compile.speech.search.language_model import NO_MODELS, LanguageModels
from q4compile.speech.search.settings import USUAL, SearchSettings


def beam_search(
    transducer: Transducer,
    features: Sequence[Floats],
    settings: SearchSettings = USUAL,
    lms: LanguageModels = NO_MODELS,
) -> list[NBest]:
    """Return the likeliest label sequences of each utterance, in input order.

    With a beam of 1 and no language model these are the tokens of `greedy`. No utterance's result
    depends on its batch beyond the backend's float rounding.

    Args:
        transducer: The backend.
        features: float32[T, F] of each utterance, any lengths, 0 included.
        settings: Width of the beam, and so on.
        lms: Language models and weights.

    Raises:
        DataError: Q581 a score that is NaN.
    """
    found = [NOTHING] * len(features)
    order = sorted(
        (i for i in range(len(features)) if len(features[i])), key=lambda i: len(features[i])
    )
    for start in range(0, len(order), settings.batch):
        chosen = order[start : start + settings.batch]
        frames, lengths = transducer.encode(*padded([features[i] for i in chosen]))
        search = Alsd(transducer, frames, lengths, _rest(frames, lengths, lms), settings, lms)
        while len(search.beams.utterance):
            search.step()
        for at, i in enumerate(chosen):
            found[i] = search.results.n_best(at)
    return found


def _rest(frames: Floats, lengths: Tokens, lms: LanguageModels) -> Floats:
    """float32[B, J]: zero, or the mean of each utterance's frames."""
    if lms.weights.internal_frame == "zero":
        return np.zeros_like(frames[:, 0])
    counted = np.arange(frames.shape[1]) < lengths[:, None]
    total = (frames * counted[:, :, None]).sum(axis=1)
    return np.asarray(total / lengths[:, None], np.float32)
