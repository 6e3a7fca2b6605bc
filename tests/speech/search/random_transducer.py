"""A transducer and a language model of random numbers, in numpy, each row on its own."""

import numpy as np


def product(rows, matrix):
    """rows @ matrix, where a row's bits do not depend on how many there are."""
    return np.einsum("bi,ij->bj", rows, matrix).astype(np.float32)


class RandomTransducer:
    """Features are the frames; the state is a random function of the prefix."""

    def __init__(self, seed, symbols=3, width=4, blank=0.0, sharpness=3.0):
        rng = np.random.default_rng(seed)
        self.embedding = rng.normal(size=(symbols, width)).astype(np.float32)
        self.recurrent = rng.normal(size=(width, width)).astype(np.float32)
        self.output = (sharpness * rng.normal(size=(width, symbols))).astype(np.float32)
        self.bias = np.zeros(symbols, np.float32)
        self.bias[0] = blank
        self.width = width
        self.rows = 0

    def encode(self, features, lengths):
        return features, lengths

    def start(self, batch):
        return (np.zeros((1, batch, self.width), np.float32),)

    def predict(self, tokens, state):
        self.rows += len(tokens)
        after = np.tanh(self.embedding[tokens] + product(state[0][0], self.recurrent))
        return after, (after[None],)

    def joint(self, frames, vectors):
        return product(np.tanh(frames + vectors), self.output) + self.bias


class RandomLm:
    """Logits of the next symbol, a random function of the prefix."""

    def __init__(self, seed, symbols=3):
        self.network = RandomTransducer(seed, symbols, sharpness=1.0)
        self.rows = 0

    def start(self, batch):
        return self.network.start(batch)

    def score(self, tokens, state):
        self.rows += len(tokens)
        vectors, after = self.network.predict(tokens, state)
        return self.network.joint(np.zeros_like(vectors), vectors), after


def sounds(seed, lengths, width=4):
    rng = np.random.default_rng([seed, 7])
    return [rng.normal(size=(n, width)).astype(np.float32) for n in lengths]
