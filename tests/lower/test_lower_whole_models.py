"""The bundled transducer on the machine, every component against the oracle, code by code."""

import numpy as np
import pytest
from agreement import RAPID1, Machine

from q4compile.isa.verify import verify
from q4compile.lower.files import read_parts

MOST_CODE_BYTES = 16 * 1024


@pytest.fixture(scope="module", params=["rnnt", "w3a3", "w4a8", "w8a8", "rnnt 32"])
def machine(request, quantized):
    recipe, *cell_bits = request.param.split()
    return Machine(read_parts(quantized(recipe)), cell_bits=int(*cell_bits or [16]))


def features(seed, batch, frames):
    random = np.random.default_rng([seed, batch, frames])
    lengths = random.integers(1, frames + 1, batch)
    lengths[0] = frames
    return {
        "features": random.normal(0, 1.5, (batch, frames, 120)).astype(np.float32),
        "feature_lengths": lengths,
    }


def tokens(network, seed, batch, labels):
    random = np.random.default_rng([seed, batch, labels])
    feeds = {"tokens": random.integers(0, 29, (batch, labels))}
    for port in network.inputs[1:]:
        scale = 0.4 if port.name.endswith("h_in") else 3.0
        state = random.normal(0, scale, (1, batch, port.shape[2]))
        feeds[port.name] = state.astype(np.float32)
    return feeds


def vectors(network, seed, batch, frames, labels):
    random = np.random.default_rng([seed, batch, frames, labels])
    shapes = [(batch, frames, 1, 160), (batch, 1, labels, 160)]
    return {
        port.name: random.normal(0, 2, shape).astype(np.float32)
        for port, shape in zip(network.inputs, shapes, strict=True)
    }


def test_the_program_is_small_and_sound(machine):
    verify(machine.program, RAPID1)
    assert 32 * len(machine.program.code) <= MOST_CODE_BYTES
    assert [entry.name for entry in machine.program.entries] == ["encoder", "predictor", "joint"]


def test_encoder(machine):
    for batch, frames in ((1, 1), (1, 2), (3, 9), (32, 2)):
        machine.agree(features(0, batch, frames), "encoder")


def test_predictor(machine):
    network = machine.parts["predictor"]
    for batch, labels in ((1, 1), (16, 1), (3, 7), (32, 2)):
        machine.agree(tokens(network, 1, batch, labels), "predictor")


def test_joint(machine):
    network = machine.parts["joint"]
    for batch, frames, labels in ((1, 1, 1), (16, 1, 1), (2, 5, 3), (32, 1, 2)):
        machine.agree(vectors(network, 2, batch, frames, labels), "joint")


def test_ten_orders_of_the_engines(quantized):
    machine = Machine(read_parts(quantized("rnnt")))
    seeds = range(10)
    machine.agree(features(3, 2, 7), "encoder", seeds)
    machine.agree(tokens(machine.parts["predictor"], 3, 3, 4), "predictor", seeds)
    machine.agree(vectors(machine.parts["joint"], 3, 3, 2, 2), "joint", seeds)


def test_streamed_weights_and_small_tiles_give_the_same(quantized):
    parts = read_parts(quantized("rnnt"))
    options = {"keep_weights": False, "chunk_rows": 16, "tile_columns": 64, "group_units": 32}
    machine = Machine(parts, **options)
    machine.agree(features(4, 3, 9), "encoder")
    machine.agree(tokens(machine.parts["predictor"], 4, 3, 3), "predictor")
    machine.agree(vectors(machine.parts["joint"], 4, 3, 2, 2), "joint")


def test_code_does_not_depend_on_what_is_run(quantized):
    """One program for every length and batch: names of sizes, never their values, are in it."""
    program = Machine(read_parts(quantized("rnnt"))).program
    encoder = program.entry("encoder")
    assert [(each.name, each.minimum) for each in encoder.dimensions] == [
        ("batch", 1),
        ("frames", 1),
    ]
    assert encoder.dimensions[1].maximum >= 2**20
    assert [each.name for each in program.entry("joint").dimensions] == [
        "batch",
        "steps",
        "labels",
    ]
