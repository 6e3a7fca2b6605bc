"""Proof that a requantizer to few bits is that of QDQ: the same threshold for every code.

    integer staircase   clip(RNE(acc · mul, shift) + z, lo, hi)
    real staircase      clip(RNE(acc · s_x · s_w / s_g) + z, lo, hi)

Compared channel by channel, over all accumulators that can occur; nothing is sampled. Where two
thresholds lie apart, what lies between them is counted: accumulators, or the pairs of gates whose
product is one of them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from q4compile.quantize.oracle.decisions import Decisions, Lstm
from q4compile.quantize.oracle.multiplier import Multipliers
from q4compile.quantize.oracle.rounding import INT16, Int64
from q4compile.quantize.oracle.staircase import Reach, mul_ratio, thresholds
from q4compile.quantize.oracle.tables import interpolated, sigmoid_table, tanh_table
from q4compile.quantize.oracle.tensor import Fixed, Grid, Wide

WIDE_PRODUCT = 2**30
"""The largest |o · tanh(c)| of a wide cell."""
Count = Callable[[int, int], int]
"""How many accumulators a ≤ acc < b can occur."""


@dataclass(frozen=True)
class Requantizer:
    """``y = clip(acc · M[n] + zero_point, lo, hi)``, and what acc[n] can be."""

    name: str
    grid: Grid
    multipliers: Multipliers
    reaches: tuple[Reach, ...]
    """One per multiplier."""
    count: Count
    """Of what occurs there."""


@dataclass(frozen=True)
class Difference:
    """A threshold of one channel that is not where QDQ has it."""

    channel: int
    code: int
    integer: int
    real: int
    accumulators: int
    """How many that can occur lie between, and get another code."""


@dataclass(frozen=True)
class Agreement:
    """How one requantizer compares."""

    name: str
    channels: int
    differences: tuple[Difference, ...]
    thresholds: int
    """Over all channels."""

    @property
    def equal_channels(self) -> int:
        """Channels proved to give the codes of QDQ for every accumulator."""
        return self.channels - len({each.channel for each in self.differences})

    @property
    def equal_thresholds(self) -> int:
        """Thresholds that no accumulator tells from those of QDQ."""
        return self.thresholds - len(self.differences)


def compare_thresholds(decisions: Decisions) -> dict[str, Agreement]:
    """Every requantizer to a grid, by its name."""
    return {each.name: compare(each) for each in requantizers(decisions)}


def requantizers(decisions: Decisions) -> Iterator[Requantizer]:
    """Linear nodes to grids, fixed-point values read on grids, and the h of LSTMs.

    Their names are those of the node, with ``.in<port>`` for a reading and ``.h`` for an LSTM.
    """
    for name, linear in decisions.linear.items():
        if isinstance(linear.result, Grid):
            made = linear.product.multipliers
            yield Requantizer(name, linear.result, made, linear.product.reaches, _all)
    for (node, port), read in decisions.reads.items():
        if isinstance(read.source, Fixed) and read.multiplier is not None:
            yield Requantizer(f"{node}.in{port}", read.grid, read.multiplier, (INT16,), _all)
    for name, lstm in decisions.lstm.items():
        reach, count = _hidden_products(lstm)
        yield Requantizer(f"{name}.h", lstm.hidden, lstm.to_hidden, (reach,), count)


def compare(requantizer: Requantizer) -> Agreement:
    """The thresholds of every channel, of both staircases."""
    steps = requantizer.grid.hi - requantizer.grid.lo
    channels = len(requantizer.reaches)
    found = tuple(_differences(requantizer))
    return Agreement(requantizer.name, channels, found, channels * steps)


def gate_pairs(start: int, end: int) -> int:
    """How many pairs of an output gate o and a tanh t, as tables give them, have a product inside.

    start ≤ o · t < end.
    """
    gates, tanhs = _table_outputs()
    positive = gates[gates > 0]
    inside = np.searchsorted(tanhs, -(-end // positive)) - np.searchsorted(
        tanhs, -(-start // positive)
    )
    none = len(tanhs) if gates[0] == 0 and start <= 0 < end else 0
    return int(inside.sum()) + none


def _differences(requantizer: Requantizer) -> Iterator[Difference]:
    made, grid = requantizer.multipliers, requantizer.grid
    for n, reach in enumerate(requantizer.reaches):
        integer = thresholds(mul_ratio(made, n), grid, reach)
        real = thresholds(made.ratios[n], grid, reach)
        for k, (ours, theirs) in enumerate(zip(integer, real, strict=True), grid.lo + 1):
            between = requantizer.count(min(ours, theirs), max(ours, theirs))
            if between:
                yield Difference(n, k, ours, theirs, between)


def _hidden_products(lstm: Lstm) -> tuple[Reach, Count]:
    """What o · tanh(c) can be; that of a wide cell has been rounded to 30 fraction bits."""
    if isinstance(lstm.cell, Wide):
        return (-WIDE_PRODUCT, WIDE_PRODUCT), _all
    low, high = INT16
    return (low * high, high * high), gate_pairs


def _all(start: int, end: int) -> int:
    return end - start


@cache
def _table_outputs() -> tuple[Int64, Int64]:
    """All that either table gives, in rising order."""
    every = np.arange(INT16[0], INT16[1] + 1)
    return np.unique(interpolated(sigmoid_table(), every)), np.unique(
        interpolated(tanh_table(), every)
    )
