"""``q4compile qat``: packages on disk, their records, and what it refuses."""

import json
import subprocess
import sys

import numpy as np
import pytest
from running import fail, files, q4compile, succeed
from safetensors.numpy import load_file

from q4compile.qat import load_package
from q4compile.report.record import read_record

MODULES = ["__init__.py", "encoder.py", "joint.py", "model.py", "predictor.py"]
FEW = ("--calib-limit", "2")


def test_a_package_beside_its_model(here):
    assert "parameters" in succeed("qat", "model.onnx")
    assert files(here / "model_qat") == sorted([*MODULES, "weights.safetensors"])
    record = read_record(here / "model_qat.record.json")
    assert record.figures["quantizers"] == 0
    assert record.figures["parameters"] == sum(
        each.size for each in load_file(here / "model_qat" / "weights.safetensors").values()
    )


def test_it_is_imported_as_any_package(here):
    succeed("qat", "lm.onnx", "-o", "language_model")
    code = "from language_model import Model; print(type(Model()).__mro__[1].__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "QatModule"


def test_json_is_the_record(here):
    shown = json.loads(succeed("qat", "lm.onnx", "--json"))
    assert (shown["command"], shown["figures"]["quantized_parameters"]) == ("qat", 0)
    assert succeed("qat", "lm.onnx", "-o", "quiet", "-q") == ""


def test_it_starts_from_codes_or_from_the_float_weights(here):
    succeed("quantize", "lm.onnx", *FEW)
    succeed("qat", "lm.q4.onnx", "-o", "codes")
    succeed("qat", "lm.q4.onnx", "-o", "floats", "--weights", "lm.onnx")
    succeed("qat", "lm.onnx", "-o", "plain")
    codes, floats, plain = (
        load_file(here / name / "weights.safetensors") for name in ("codes", "floats", "plain")
    )
    assert codes.keys() == floats.keys() > plain.keys()
    for name, weight in plain.items():
        assert np.array_equal(floats[name], weight)
    assert any(not np.array_equal(codes[name], plain[name]) for name in plain)
    assert all(np.array_equal(codes[name], floats[name]) for name in codes.keys() - plain.keys())


def test_force_writes_over_an_edited_package(here):
    succeed("qat", "lm.onnx", "-o", "out")
    (here / "out" / "model.py").write_text("# edited")
    fail(2, "qat", "lm.onnx", "-o", "out")
    assert (here / "out" / "model.py").read_text() == "# edited"
    succeed("qat", "lm.onnx", "-o", "out", "--force")
    load_package(here / "out")


MISTAKES = {
    "Q553-qat-folder-not-empty": (2, ["lm.onnx", "-o", "full"]),
    "Q553-qat-a-file": (2, ["lm.onnx", "-o", "lm.onnx"]),
    "Q551-qat-below-a-file": (2, ["lm.onnx", "-o", "lm.onnx/package"]),
    "Q101-qat-of-text": (3, ["full/text.onnx", "-o", "out"]),
    "Q162-weights-of-another-model": (3, ["lm.onnx", "-o", "out", "--weights", "plain.onnx"]),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(here, plain, golden, name):
    (here / "full").mkdir()
    (here / "full" / "text.onnx").write_text("no model")
    before = files(here)
    exit_code, arguments = MISTAKES[name]
    text = fail(exit_code, "qat", *arguments)
    assert text.startswith(f"error[{name[:4]}]")
    golden(f"errors/{name}.txt", text)
    assert files(here) == before


def test_help_has_an_example():
    assert "q4compile qat model.q4.onnx" in q4compile("qat", "--help").stdout
