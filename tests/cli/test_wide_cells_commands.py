"""``--cell-bits 32`` wherever a model is lowered, and who takes a program by its words."""

import numpy as np
import pytest
from running import fail, files, succeed

from q4compile.isa.container import read_program
from q4compile.isa.instructions import Lstm
from q4compile.report.record import read_record

ENCODER = ("--entry", "encoder", "--input", "feed.npz")


@pytest.fixture
def quantized(here):
    """model.q4.onnx and inputs of its encoder."""
    features = np.random.default_rng(0).standard_normal((2, 9, 120)).astype(np.float32)
    np.savez(here / "feed.npz", features=features, feature_lengths=np.array([9, 4]))
    succeed("quantize", "model.onnx", "--calib-limit", "2")
    return here


@pytest.mark.parametrize("cell_bits", [16, 32])
def test_a_program_is_compared_with_cells_of_its_own(quantized, cell_bits):
    succeed("lower", "model.q4.onnx", "--cell-bits", cell_bits, "-o", "model.q4p")
    succeed("sim", "model.q4p", *ENCODER, "--compare", "model.q4.onnx", "-o", "outputs.npz")
    figures = read_record(quantized / "outputs.npz.record.json").figures
    assert figures["codes_compared"] > 0 == figures["codes_different"]
    words = [word for word in read_program(quantized / "model.q4p").code if isinstance(word, Lstm)]
    assert {word.wide for word in words} == {cell_bits == 32}
    assert read_record(quantized / "model.q4p.record.json").details["cell_bits"] == cell_bits


def test_16_bits_are_the_usual_ones(quantized):
    succeed("lower", "model.q4.onnx", "-o", "usual.q4p")
    succeed("lower", "model.q4.onnx", "--cell-bits", "16", "-o", "narrow.q4p")
    usual, narrow = (read_program(quantized / f"{name}.q4p") for name in ("usual", "narrow"))
    assert (usual.code, usual.data) == (narrow.code, narrow.data)


def test_decoding(quantized):
    asked = ("--limit", "1", "--max-symbols", "2", "--backend", "sim", "--cell-bits", "32")
    assert "utterances" in succeed("eval", "model.q4.onnx", *asked, "--json")


def test_halves_have_no_such_cells(here):
    before = files(here)
    text = fail(3, "lower", "model.onnx", "--precision", "fp16", "--cell-bits", "32")
    assert "Q329" in text
    assert files(here) == before


def test_decoding_takes_the_simulator(here):
    text = fail(3, "eval", "model.onnx", "--cell-bits", "32")
    assert "Q140" in text and "cells of 32 bits" in text


def test_other_numbers_of_bits(here):
    assert "Q003" in fail(2, "lower", "model.onnx", "--cell-bits", "20")
