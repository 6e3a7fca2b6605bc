"""The gradients as their papers state them, in the papers' own parameters and in float64.

Written out from the papers, independently of q4compile.qat.ranges: clips a (upper) and a_n (lower),
step Δ = (a − a_n) / n of n + 1 levels. g is dL/dy. Each returns dL/dx and what its parameters get.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Clips:
    """A grid by its ends: levels a_n, a_n + Δ, …, a."""

    lower: float
    upper: float
    steps: int

    @property
    def delta(self):
        return (self.upper - self.lower) / self.steps

    def position(self, x):
        """x in steps above the lower clip."""
        return (x - self.lower) / self.delta

    def masks(self, x):
        """Below, inside and above: what rounds to a level is inside."""
        nearest = np.rint(self.position(x))
        below, above = nearest < 0, nearest > self.steps
        return below, ~(below | above), above


def quantized(x, clips):
    """The nearest level."""
    return clips.lower + clips.delta * np.clip(np.rint(clips.position(x)), 0, clips.steps)


def pact(x, g, clips):
    """Choi et al. 2018: dL/da = Σ g above, dL/da_n = Σ g below, dL/dx = g inside."""
    below, inside, above = clips.masks(x)
    return g * inside, g[above].sum(), g[below].sum()


def pact_one_sided(x, g, upper):
    """y = clip(x, 0, a): dL/da = Σ g above alone."""
    return g * ((x > 0) & (x < upper)), g[x > upper].sum()


def pact_plus(x, g, clips):
    """With d = (z − rne(z)) / n for z = (x − a_n) / Δ: −Σ g·d joins dL/da, +Σ g·d joins dL/da_n."""
    below, inside, above = clips.masks(x)
    position = clips.position(x)
    error = (position - np.rint(position)) / clips.steps
    lost = (g * error)[inside].sum()
    return g * inside, g[above].sum() - lost, g[below].sum() + lost


def pact_plus_symmetric(x, g, clip, steps):
    """One clip, n = 2^k − 2 steps from −a to a: inside 2 (rne(z) − z) / n, outside ±1."""
    clips = Clips(-clip, clip, steps)
    below, inside, above = clips.masks(x)
    position = clips.position(x)
    slope = np.where(inside, 2 * (np.rint(position) - position) / steps, 0.0)
    slope = np.where(above, 1.0, np.where(below, -1.0, slope))
    return g * inside, (g * slope).sum()


def lsq(x, g, step, levels, elements):
    """Esser et al. 2020: inside rne(v/s) − v/s, −Q_N below, Q_P above; times 1/√(N · Q_P)."""
    q_n, q_p = levels
    v = x / step
    below, above = np.rint(v) < -q_n, np.rint(v) > q_p
    slope = np.where(below, -q_n, np.where(above, q_p, np.rint(v) - v))
    return g * ~(below | above), (g * slope).sum() / np.sqrt(elements * q_p)


def lsq_plus_offset(x, g, step, offset, levels, elements):
    """LSQ+ (Bhalgat et al. 2020), y = s·q + β: dL/dβ = Σ g outside the range, nothing inside."""
    q_n, q_p = levels
    v = (x - offset) / step
    outside = (np.rint(v) < -q_n) | (np.rint(v) > q_p)
    return g[outside].sum() / np.sqrt(elements * q_p)
