"""The simulator as an executor: exact integers, and the transcripts of the quantized model."""

from dataclasses import replace

import numpy as np
import pytest

from q4compile.errors import DataError, Disagreement, ModelError
from q4compile.graph.read import read_model
from q4compile.graph.write import write_model
from q4compile.isa.target import load_target
from q4compile.quantize.quantize import quantize
from q4compile.recipe.read_recipe import load_recipe
from q4compile.runtime.call_clock import CallClock, TimedExecutor
from q4compile.runtime.compare import compare, require_equal
from q4compile.runtime.executor import SIM
from q4compile.runtime.onnxruntime_executor import OnnxRuntimeExecutor
from q4compile.runtime.sim_executor import simulated
from q4compile.sim.simulator import Simulator
from q4compile.speech.corpus import DEMO, read_corpus
from q4compile.speech.evaluate import evaluate, evenly, hear
from q4compile.speech.feeds import speech_feeds
from q4compile.speech.metadata import read_metadata
from q4compile.speech.recognizer import recognizer

SRAM_BYTES = 2**21
SIZES = {"batch": 2, "frames": 15}


@pytest.fixture(scope="module")
def quantized(whole, tmp_path_factory):
    """The bundled transducer in 4 bits."""
    model = read_model(whole)
    metadata = read_metadata(model.metadata_props, "model")
    path = tmp_path_factory.mktemp("quantized") / "model.q4.onnx"
    write_model(quantize(model, load_recipe("rnnt"), speech_feeds(metadata, limit=16)).model, path)
    return path


@pytest.fixture(scope="module")
def executor(quantized):
    return simulated(quantized, "rapid1")


@pytest.fixture(scope="module")
def feeds(network):
    rng = np.random.default_rng(0)
    features = rng.standard_normal((2, 15, network.config.input_dim)).astype(np.float32)
    return {"features": features, "feature_lengths": np.array([15, 8])}


def test_ports_are_those_of_onnxruntime(quantized, executor):
    assert dict(executor.components) == dict(OnnxRuntimeExecutor(quantized).components)


def test_speech_is_heard_on_the_machine(quantized, network):
    heard = hear(evenly(read_corpus(DEMO), 12), network.config.features)
    found = {}
    for backend in ("onnxruntime", SIM):
        ears = recognizer(quantized, backend)
        assert ears.backend == backend
        found[backend] = evaluate(ears.transducer, heard, ears.vocabulary)
    same = sum(a == b for a, b in zip(*(each.hypotheses for each in found.values()), strict=True))
    assert same >= 9, "a code that differs changes those that follow, and seldom a symbol"


def test_calls_are_counted(quantized, feeds):
    executor = simulated(quantized, "rapid1")
    executor.run("encoder", feeds)
    once = executor.figures()
    executor.run("encoder", feeds)
    twice = executor.figures()
    assert once["encoder_calls"] == 1 and once["encoder_macs"] > 0
    assert twice["encoder_macs"] == 2 * once["encoder_macs"]
    assert twice["joint_calls"] == 0
    assert twice["encoder_cycles"] == executor.clock.cycles == 2 * once["encoder_cycles"] > 0
    assert executor.clock.seconds == twice["encoder_cycles"] / 1.5e9
    assert twice["encoder_time_ms"] == pytest.approx(1e3 * executor.clock.seconds)
    assert len(executor.clock.timed) == 1, "the same sizes are timed once"


def test_values_may_come_from_elsewhere(quantized, executor, feeds):
    """Cycles by the program, values by onnxruntime."""
    clock = CallClock(executor.program, load_target("rapid1"))
    timed = TimedExecutor(OnnxRuntimeExecutor(quantized), clock)
    assert timed.components == executor.components
    outputs = timed.run("encoder", feeds)
    assert outputs.keys() == executor.run("encoder", feeds).keys()
    clock.account_sizes("encoder", SIZES, calls=3)
    spent = clock.spent["encoder"]
    assert (
        clock.spent["joint"].calls == 0
        and spent.calls == 4
        and clock.cycles == spent.cycles == 4 * spent.cycles // spent.calls
    )
    assert len(clock.timed) == 1 and spent.floor_cycles <= spent.cycles
    assert clock.figures()["encoder_energy_mj"] == pytest.approx(spent.energy_mj)


def test_arrays_of_another_shape_are_refused(executor):
    feeds = {"features": np.zeros((1, 4, 7), np.float32), "feature_lengths": np.array([4])}
    with pytest.raises(DataError, match="Q572"):
        executor.run("encoder", feeds)


def test_a_checkpoint_does_not_run_on_the_machine():
    with pytest.raises(ModelError, match="Q140"):
        recognizer("small", SIM)


def compared(quantized, program, feeds, **options):
    """The encoder of `program`, every value that it leaves in DRAM."""
    done = Simulator(program, sram_bytes=SRAM_BYTES).run("encoder", feeds, record=True, **options)
    return compare(quantized, program, program.entry("encoder"), feeds, done)


@pytest.mark.parametrize("seed", [None, 7])
def test_every_code_is_that_of_the_oracle(quantized, executor, feeds, seed):
    found = compared(quantized, executor.program, feeds, seed=seed, check_races=True)
    assert [each.oracle for each in found] == [None] * 4
    assert [each.is_output for each in found] == [False, False, False, True]
    assert [each.codes for each in found] == [16 * 640, 16 * 320, 16 * 320, 16 * 160]
    assert all("LSTM" in each.node for each in found[:3])
    require_equal(found, "encoder")


def test_onnxruntime_is_near_between_nodes_too(quantized, executor, feeds):
    for each in compared(quantized, executor.program, feeds)[:3]:
        near, far = (
            0 if found is None else found.count
            for found in (each.onnxruntime, each.beyond_rounding)
        )
        assert far <= near < 0.2 * each.codes


def broken(program, part):
    """The program with other numbers in the symbol that has `part` in its name."""
    (symbol,) = (each for each in program.symbols if part in each.name)
    data = np.frombuffer(program.data, np.uint8).copy()
    data[16 * symbol.address :][:4096] ^= 0x11
    return replace(program, data=data.tobytes())


def test_the_first_wrong_value_is_named(quantized, executor, feeds, golden):
    part = "encoder: /encoder/layers.1/lstm/LSTM: recurrent weights, direction both"
    program = broken(executor.program, part)
    found = compared(quantized, program, feeds)
    assert [each.oracle is None for each in found] == [True, False, False, False]
    with pytest.raises(Disagreement) as caught:
        require_equal(found, "encoder")
    golden("errors/Q430-inner-value.txt", str(caught.value))


def test_one_wrong_code_is_found(quantized, executor, feeds, golden):
    program = executor.program
    done = Simulator(program, sram_bytes=SRAM_BYTES).run("encoder", feeds, record=True)
    (wrong,) = done.codes
    done.made[wrong][1, 3, 0, 5] += 1
    found = compare(quantized, program, program.entry("encoder"), feeds, done)
    assert found[-1].oracle.count == 1
    with pytest.raises(Disagreement) as caught:
        require_equal(found, "encoder")
    golden("errors/Q430-output.txt", str(caught.value))
