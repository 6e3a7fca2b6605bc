"""``q4compile lower``: what it prints, writes and refuses."""

import json

import pytest
from running import fail, files, succeed

from q4compile.report.record import read_record

FEW = ("--calib-limit", "2")


@pytest.fixture
def model(here):
    succeed("quantize", "model.onnx", *FEW)
    return here


def test_a_program_its_record_and_a_table(model):
    printed = succeed("lower", "model.q4.onnx", "--target", "rapid1", "-o", "out/model.q4p")
    assert [line.split()[0] for line in printed.splitlines()[1:5]] == [
        "entry",
        "encoder",
        "predictor",
        "joint",
    ]
    assert "written to out/model.q4p" in printed
    assert files(model / "out") == ["model.q4p", "model.q4p.record.json"]
    record = read_record(model / "out" / "model.q4p.record.json")
    assert record.command == "lower"
    assert record.figures["code_bytes"] <= 16 * 1024
    assert record.figures["sram_over_bound_percent"] <= 1
    assert record.details["target"] == "rapid1"
    assert succeed("dis", "out/model.q4p").count("; entry ") == 3


def test_json_is_the_record(model):
    shown = json.loads(succeed("lower", "model.q4.onnx", "--batch", "4", "--json"))
    assert shown["details"]["batch"] == 4
    assert shown["figures"] == read_record(model / "model.q4p.record.json").figures
    assert succeed("lower", "model.q4.onnx", "-q") == ""


def test_a_float_model_is_refused(here, golden):
    text = fail(3, "lower", "model.onnx")
    assert "Q322" in text
    assert files(here) == ["lm.onnx", "model.onnx"]
    golden("errors/Q322-lower-float-model.txt", text)


def test_a_target_that_is_not_there(model):
    assert "Q300" in fail(3, "lower", "model.q4.onnx", "--target", "rapid9")
