"""The sound a network is trained on: every utterance rendered in several versions, in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from q4compile.errors import DataError, raise_all
from q4compile.progress import Progress, quiet
from q4compile.speech.augment import add_noise, speed
from q4compile.speech.corpus import Utterance, load_audio, read_corpus, validate
from q4compile.speech.features import FeatureConfig, Frames, features
from q4compile.speech.listener import Listener

NOISY_SHARE = 0.6
SNR_DB = (8.0, 30.0)
SPEEDS = (0.88, 1.12)


@dataclass(frozen=True)
class Source:
    """A corpus to train on: each epoch hears `share` times as many utterances as the first source.

    `copies` versions of each utterance are kept: the recording itself, and `copies - 1` of other
    speed and with noise.
    """

    corpus: Path
    split: str | None = None
    share: float = 1.0
    copies: int = 1


def mixture(recorded: Path, synthetic: Path | None = None) -> tuple[Source, ...]:
    """Return the bundled model's recipe: recorded speech (split train) and synthesized, 1:1."""
    heard = Source(recorded, "train", copies=6)
    return (heard,) if synthetic is None else (heard, Source(synthetic, copies=2))


@dataclass(frozen=True)
class Rendered:
    """`frames[i][k]` is version k of utterance i: float32[T, n_mels (3 n_mels with deltas)]."""

    frames: tuple[tuple[Frames, ...], ...]
    texts: tuple[str, ...]


def render(source: Source, model: Listener, seed: int, progress: Progress = quiet) -> Rendered:
    """Return all versions of all utterances of `source`; equal arguments give equal arrays.

    Raises:
        DataError: everything `read_corpus` and `validate` find, for all utterances at once.
    """
    utterances = read_corpus(source.corpus, source.split)
    rate_hz = model.features.sample_rate_hz
    raise_all(DataError, validate(utterances, model.vocabulary, rate_hz, progress))
    loop = progress(utterances, f"reading {source.corpus.name}", len(utterances))
    frames = tuple(_versions(one, model.features, source.copies, seed) for one in loop)
    return Rendered(frames, tuple(one.text for one in utterances))


def unstacked(samples: NDArray[np.float32], config: FeatureConfig) -> Frames:
    """`features` before the stacking: one row per 10 ms."""
    return features(samples, replace(config, stack=1, skip=1))


def draws(count: int, wanted: int, epoch: int, seed: Sequence[int]) -> NDArray[np.int64]:
    """int64[wanted] indices below `count` for this epoch: no index twice before all had their turn.

    A function of its arguments alone, so that a resumed run draws what it would have drawn.
    """
    first, last = epoch * wanted, (epoch + 1) * wanted
    rounds = range(first // count, -(-last // count))
    shuffled = [np.random.default_rng([*seed, turn]).permutation(count) for turn in rounds]
    start = first - rounds.start * count
    return np.concatenate(shuffled)[start : start + wanted]


def _versions(
    utterance: Utterance, config: FeatureConfig, copies: int, seed: int
) -> tuple[Frames, ...]:
    samples = load_audio(utterance, config.sample_rate_hz)
    rng = np.random.default_rng([seed, crc32(utterance.id.encode())])
    versions = [samples] + [_disturbed(samples, rng) for _ in range(copies - 1)]
    return tuple(unstacked(version, config) for version in versions)


def _disturbed(samples: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    changed = speed(samples, round(rng.uniform(*SPEEDS), 2))
    if rng.random() < NOISY_SHARE:
        changed = add_noise(changed, rng, rng.uniform(*SNR_DB))
    return changed
