"""A whole encoder, written by hand: every code of h, in every order, by either implementation."""

from dataclasses import replace

import numpy as np
import pytest
from bilstm_program import Sizes, bilstm_program, encoder_codes

from q4compile.numerics.rounding import quantize
from q4compile.sim.simulator import Simulator

SIZES = Sizes(layers=2, inputs=40, units=32, tile_columns=64, max_steps=20)
PROGRAM, WEIGHTS, SRAM_BYTES = bilstm_program(SIZES)
WIDE, WIDE_WEIGHTS, WIDE_BYTES = bilstm_program(replace(SIZES, wide=True))


def features(steps):
    return np.random.default_rng(steps).normal(size=(steps, SIZES.inputs)).astype(np.float32)


@pytest.fixture(scope="module")
def simulator():
    return Simulator(PROGRAM, sram_bytes=SRAM_BYTES)


def expected(x):
    return encoder_codes(quantize(x, 0.125, 0, -8, 7), WEIGHTS).tolist()


@pytest.mark.parametrize("steps", [1, 2, 13, 20])
def test_one_program_for_every_number_of_steps(simulator, steps):
    x = features(steps)
    assert simulator.run("encoder", {"x": x}).codes["h"].tolist() == expected(x)


def test_every_order_and_both_implementations(simulator):
    x = features(5)
    codes = expected(x)
    assert len(np.unique(codes)) > 8
    plain = Simulator(PROGRAM, sram_bytes=SRAM_BYTES, plain=True)
    assert plain.run("encoder", {"x": x}).codes["h"].tolist() == codes
    for seed in range(5):
        result = simulator.run("encoder", {"x": x}, seed=seed, check_races=True)
        assert result.codes["h"].tolist() == codes


def test_wide_cells():
    x = features(9)
    codes = encoder_codes(quantize(x, 0.125, 0, -8, 7), WIDE_WEIGHTS, wide=True)
    assert len(np.unique(codes)) > 8
    plain = Simulator(WIDE, sram_bytes=WIDE_BYTES, plain=True)
    assert plain.run("encoder", {"x": x}).codes["h"].tolist() == codes.tolist()
    compiled = Simulator(WIDE, sram_bytes=WIDE_BYTES)
    for seed in range(5):
        result = compiled.run("encoder", {"x": x}, seed=seed, check_races=True)
        assert result.codes["h"].tolist() == codes.tolist()


def test_counters(simulator):
    steps = 7
    counters = simulator.run("encoder", {"x": features(steps)}).counters
    columns, units = SIZES.columns, SIZES.units
    widths = [SIZES.width(layer) for layer in range(SIZES.layers)]
    assert counters.macs == sum(2 * steps * columns * (width + units) for width in widths)
    stored = sum(2 * steps * (2 * columns + units // 2) for _ in widths)
    assert counters.stored_bytes == stored
    assert counters.words["mx"] == sum(
        2 * (columns // SIZES.tile_columns + steps + 1) for _ in widths
    )
    assert counters.words["st"] == sum(2 * (columns // SIZES.tile_columns + steps) for _ in widths)
