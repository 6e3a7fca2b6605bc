"""``lower --precision fp16`` and what follows: a float model beside its program."""

import json

import numpy as np
import pytest
from running import fail, files, q4compile, succeed

from q4compile.report.record import read_record

ENCODER = ("--entry", "encoder", "--input", "feed.npz")


@pytest.fixture
def lowered(here):
    """model.onnx, half.q4p and inputs of its encoder."""
    features = np.random.default_rng(0).standard_normal((2, 9, 120)).astype(np.float32)
    np.savez(here / "feed.npz", features=features, feature_lengths=np.array([9, 4]))
    printed = succeed("lower", "model.onnx", "--precision", "fp16", "-o", "half.q4p")
    assert "fp16, " in printed
    return here


def test_a_program_that_is_near_to_its_model(lowered):
    shown = succeed("sim", "half.q4p", *ENCODER, "--compare", "model.onnx", "-o", "outputs.npz")
    assert "80 numbers, the largest difference from onnxruntime is" in shown
    figures = read_record(lowered / "outputs.npz.record.json").figures
    assert figures["numbers_compared"] == 2 * 5 * 8
    assert 0 < figures["largest_difference_share"] < 0.005


def test_a_difference_beyond_the_tolerance(lowered):
    more = ("--compare", "model.onnx", "--tolerance", "0", "--json")
    result = q4compile("sim", "half.q4p", *ENCODER, *more)
    assert result.exit_code == 1 and "Q431" in result.stderr
    assert json.loads(result.stdout)["figures"]["numbers_compared"] == 80


def test_another_model(lowered):
    assert "Q578" in fail(3, "sim", "half.q4p", *ENCODER, "--compare", "lm.onnx")


def test_a_quantized_model_is_refused(here):
    succeed("quantize", "model.onnx", "--calib-limit", "2")
    before = files(here)
    assert "Q329" in fail(3, "lower", "model.q4.onnx", "--precision", "fp16")
    assert files(here) == before


def test_decoding_takes_the_simulator(here):
    assert "Q140" in fail(3, "eval", "model.onnx", "--precision", "fp16")
