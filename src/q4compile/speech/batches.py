"""Batches of an epoch: drawn, joined, disturbed and padded, all as a function of (seed, epoch)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from q4compile.speech.augment import spec_augment
from q4compile.speech.features import Frames, stack_frames
from q4compile.speech.greedy import padded
from q4compile.speech.listener import Listener
from q4compile.speech.source import Rendered, draws
from q4compile.speech.warp import warp

FRAMES_PER_SECOND = 100


@dataclass(frozen=True)
class Disturbance:
    """How much each example is changed on its way into a batch.

    Args:
        join: Share of the examples that are two utterances, one after the other.
        freq_masks: Bands of mel channels masked, each up to `freq_width` wide.
        freq_width: See `freq_masks`.
        time_masks: Spans masked, each up to `time_share` of the example.
        time_share: See `time_masks`.
        warp: Vocal tracts from 1 - warp to 1 + warp.
    """

    join: float = 0.3
    freq_masks: int = 2
    freq_width: int = 8
    time_masks: int = 2
    time_share: float = 0.08
    warp: float = 0.1


@dataclass(frozen=True)
class Batch:
    """float32[B, T, F] features, int64[B] lengths, int64[B, U] labels, int64[B] label lengths."""

    features: Tensor
    lengths: Tensor
    labels: Tensor
    label_lengths: Tensor

    @property
    def tokens(self) -> Tensor:
        """int64[B, U + 1]: the blank as start symbol, then the labels."""
        return torch.nn.functional.pad(self.labels, (1, 0))

    def rows(self, rows: slice, device: torch.device) -> "Batch":
        """Some of the examples, with the padding of all."""
        parts = (self.features, self.lengths, self.labels, self.label_lengths)
        return Batch(*(part[rows].to(device) for part in parts))


Part = tuple[int, int, int]
"""(source, utterance, version)."""
Example = tuple[Part, ...]


def epoch_batches(
    sources: Sequence[Rendered],
    shares: Sequence[float],
    model: Listener,
    disturbance: Disturbance,
    batch_seconds: float,
    seed: int,
    epoch: int,
) -> list[Batch]:
    """Return the batches of `epoch`, each of at most `batch_seconds` with its padding."""
    rng = np.random.default_rng([seed, 1, epoch])
    examples = _join(_drawn(sources, shares, seed, epoch, rng), disturbance.join, rng)
    groups = _groups(examples, sources, batch_seconds, rng)
    return [_batch(group, sources, model, disturbance, rng) for group in groups]


def _drawn(
    sources: Sequence[Rendered],
    shares: Sequence[float],
    seed: int,
    epoch: int,
    rng: np.random.Generator,
) -> list[Part]:
    """The parts of the epoch in random order, each utterance in a random version."""
    parts = []
    for number, (source, share) in enumerate(zip(sources, shares, strict=True)):
        wanted = round(share * len(sources[0].texts))
        for index in draws(len(source.texts), wanted, epoch, [seed, 0, number]).tolist():
            parts.append((number, index, int(rng.integers(len(source.frames[index])))))
    return [parts[i] for i in rng.permutation(len(parts))]


def _join(parts: Sequence[Part], share: float, rng: np.random.Generator) -> list[Example]:
    """Pair neighbours so that about `share` of the examples are pairs."""
    examples: list[Example] = []
    waiting = iter(parts)
    for part in waiting:
        other = next(waiting, None) if rng.random() < share else None
        examples.append((part,) if other is None else (part, other))
    return examples


def _groups(
    examples: Sequence[Example],
    sources: Sequence[Rendered],
    batch_seconds: float,
    rng: np.random.Generator,
) -> list[list[Example]]:
    """Examples of similar length together, at most `batch_seconds` padded, in random order."""
    limit = batch_seconds * FRAMES_PER_SECOND
    lengths = np.array([_length(example, sources) for example in examples])
    noise = rng.uniform(0.9, 1.1, len(examples))
    groups: list[list[Example]] = [[]]
    longest = 0
    for i in np.argsort(lengths * noise):
        longest = max(longest, int(lengths[i]))
        if groups[-1] and longest * (len(groups[-1]) + 1) > limit:
            groups.append([])
            longest = int(lengths[i])
        groups[-1].append(examples[i])
    return [groups[i] for i in rng.permutation(len(groups))]


def _length(example: Example, sources: Sequence[Rendered]) -> int:
    return sum(len(sources[s].frames[i][k]) for s, i, k in example)


def _batch(
    group: Sequence[Example],
    sources: Sequence[Rendered],
    model: Listener,
    disturbance: Disturbance,
    rng: np.random.Generator,
) -> Batch:
    rows = [_sound(example, sources, model, disturbance, rng) for example in group]
    texts = [" ".join(sources[s].texts[i] for s, i, _ in example) for example in group]
    return _made(rows, texts, model)


def _made(rows: Sequence[Frames], texts: Sequence[str], model: Listener) -> Batch:
    labels = [torch.tensor(model.vocabulary.encode(text), dtype=torch.int64) for text in texts]
    features, lengths = padded(rows)
    return Batch(
        torch.from_numpy(features),
        torch.from_numpy(lengths),
        torch.nn.utils.rnn.pad_sequence(labels, batch_first=True),
        torch.tensor([len(label) for label in labels]),
    )


def _sound(
    example: Example,
    sources: Sequence[Rendered],
    model: Listener,
    disturbance: Disturbance,
    rng: np.random.Generator,
) -> Frames:
    config = model.features
    parts = []
    for s, i, k in example:
        factor = rng.uniform(1 - disturbance.warp, 1 + disturbance.warp)
        parts.append(warp(sources[s].frames[i][k], factor, config.n_mels))
    frames = np.concatenate(parts)
    # A start other than frame 0 shows the network the stacking in all its phases.
    frames = frames[int(rng.integers(min(config.skip, len(frames)))) :]
    masked = spec_augment(
        frames,
        rng,
        disturbance.freq_masks,
        disturbance.freq_width,
        disturbance.time_masks,
        disturbance.time_share,
        config.n_mels,
    )
    return stack_frames(masked, config)


def plain_features(source: Rendered, model: Listener) -> list[Frames]:
    """float32[T, F] of every utterance as recorded: what `features` gives."""
    return [stack_frames(versions[0], model.features) for versions in source.frames]


def plain_batches(source: Rendered, model: Listener, batch_seconds: float) -> list[Batch]:
    """Every utterance as recorded, similar lengths together, at most `batch_seconds` padded."""
    rows = plain_features(source, model)
    limit = batch_seconds * FRAMES_PER_SECOND / model.features.skip
    groups: list[list[int]] = [[]]
    for index in sorted(range(len(rows)), key=lambda i: len(rows[i])):
        if groups[-1] and len(rows[index]) * (len(groups[-1]) + 1) > limit:
            groups.append([])
        groups[-1].append(index)
    return [_made([rows[i] for i in g], [source.texts[i] for i in g], model) for g in groups]
