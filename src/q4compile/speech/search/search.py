"""Beam search of any number of utterances, with language models, on any backend."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

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
    batches = encoded(transducer, features, settings.batch)
    return search_encoded(transducer, batches, len(features), settings, lms)


@dataclass(frozen=True)
class Batch:
    """What the encoder made of some utterances."""

    utterances: tuple[int, ...]
    """Which: their places in the input."""
    frames: Floats
    lengths: Tokens


def encoded(transducer: Transducer, features: Sequence[Floats], size: int) -> Iterator[Batch]:
    """All utterances that have a frame, those of similar length together."""
    order = sorted(
        (i for i in range(len(features)) if len(features[i])), key=lambda i: len(features[i])
    )
    for start in range(0, len(order), size):
        chosen = order[start : start + size]
        frames, lengths = transducer.encode(*padded([features[i] for i in chosen]))
        yield Batch(tuple(chosen), frames, lengths)


def search_encoded(
    transducer: Transducer,
    batches: Iterable[Batch],
    count: int,
    settings: SearchSettings,
    lms: LanguageModels,
) -> list[NBest]:
    """`beam_search` of `count` utterances behind the encoder, which need run only once."""
    found = [NOTHING] * count
    for batch in batches:
        rest = _rest(batch.frames, batch.lengths, lms)
        search = Alsd(transducer, batch.frames, batch.lengths, rest, settings, lms)
        while len(search.beams.utterance):
            search.step()
        for at, i in enumerate(batch.utterances):
            found[i] = search.results.n_best(at)
    return found


def _rest(frames: Floats, lengths: Tokens, lms: LanguageModels) -> Floats:
    """float32[B, J]: zero, or the mean of each utterance's frames."""
    if lms.weights.internal_frame == "zero":
        return np.zeros_like(frames[:, 0])
    counted = np.arange(frames.shape[1]) < lengths[:, None]
    total = (frames * counted[:, :, None]).sum(axis=1)
    return np.asarray(total / lengths[:, None], np.float32)
