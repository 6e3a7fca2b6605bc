"""The search as a textbook writes it, and P(y | x) by summing over every alignment: slow."""

from math import inf

import numpy as np


def log_probabilities(logits):
    logits = logits.astype(np.float64)
    return logits - np.logaddexp.reduce(logits)


class Networks:
    """log P of the next symbol at a frame after a prefix, from the start each time."""

    def __init__(self, transducer, frames):
        self.transducer, self.frames = transducer, frames

    def vector(self, prefix):
        state = self.transducer.start(1)
        for token in (0, *prefix):
            vector, state = self.transducer.predict(np.array([token]), state)
        return vector

    def at(self, frame, prefix):
        logits = self.transducer.joint(self.frames[frame][None], self.vector(prefix))[0]
        return log_probabilities(logits)

    def internal(self, prefix):
        logits = self.transducer.joint(np.zeros_like(self.frames[:1]), self.vector(prefix))[0]
        logits[0] = -inf
        return log_probabilities(logits)


def lm_at(lm, prefix):
    state = lm.start(1)
    for token in (0, *prefix):
        logits, state = lm.score(np.array([token]), state)
    return log_probabilities(logits[0])


def bonus(networks, lms, prefix, label):
    """What the fusion adds when `label` follows `prefix`."""
    weights = lms.weights
    total = weights.length
    if weights.external:
        total += weights.external * lm_at(lms.external, prefix)[label]
    if weights.source:
        total -= weights.source * lm_at(lms.source, prefix)[label]
    if weights.internal:
        total -= weights.internal * networks.internal(prefix)[label]
    return total


def forward(networks, prefix):
    """log P(prefix | frames), all alignments."""
    frames = len(networks.frames)
    alpha = np.full((frames + 1, len(prefix) + 1), -inf)
    alpha[0, 0] = 0
    for t in range(frames):
        for u in range(len(prefix) + 1):
            scores = networks.at(t, prefix[:u])
            if u < len(prefix):
                alpha[t, u + 1] = np.logaddexp(alpha[t, u + 1], alpha[t, u] + scores[prefix[u]])
            alpha[t + 1, u] = np.logaddexp(alpha[t + 1, u], alpha[t, u] + scores[0])
    return alpha[frames, len(prefix)]


def fused(networks, lms, prefix):
    return sum(bonus(networks, lms, prefix[:u], prefix[u]) for u in range(len(prefix)))


def alsd(transducer, frames, settings, lms):
    """[(score, labels)], the best first."""
    networks = Networks(transducer, frames)
    active, finals = {(): (0.0, 0)}, []
    for length in range(len(frames) * (settings.max_symbols_per_frame + 1)):
        extended = {}

        def add(prefix, score, symbols, extended=extended):
            old, count = extended.get(prefix, (-inf, symbols))
            extended[prefix] = np.logaddexp(old, score), min(count, symbols)

        for prefix, (score, symbols) in active.items():
            scores = networks.at(length - len(prefix), prefix)
            add(prefix, score + scores[0], 0)
            certain = settings.blank_skip is not None and scores[0] >= np.log(settings.blank_skip)
            if symbols < settings.max_symbols_per_frame and not certain:
                for label in range(1, len(scores)):
                    more = bonus(networks, lms, prefix, label)
                    add((*prefix, label), score + scores[label] + more, symbols + 1)
        ranked = sorted(extended.items(), key=lambda item: -item[1][0])[: settings.beam]
        ranked = [each for each in ranked if each[1][0] >= ranked[0][1][0] - settings.margin_nats]
        active = {}
        for prefix, (score, symbols) in ranked:
            if length + 1 - len(prefix) == len(frames):
                finals.append((score, prefix))
            else:
                active[prefix] = score, symbols
        finals = sorted(finals, reverse=True)[: settings.beam]
        best = max((score for score, _ in active.values()), default=-inf)
        if len(finals) == settings.beam and best <= finals[-1][0]:
            break
    return finals
