"""``q4compile average``: runs in, their mean out, ready for absorb."""

import json
from dataclasses import replace

import numpy as np
import pytest
from running import fail, files, succeed

from q4compile.quantize.weights_file import FILE_NAME, read_weights

NAME = "lm.output.weight"


@pytest.fixture
def there(package_here):
    """The folder of the package, with runs a and b: its weights times 1 and times 3."""
    weights = read_weights(package_here / "lm_qat")
    for name, factor in (("a", 1), ("b", 3)):
        (package_here / name).mkdir()
        held = {**weights.tensors, NAME: factor * weights.tensors[NAME]}
        replace(weights, tensors=held).write(package_here / name / FILE_NAME)
    return package_here


def test_absorb_takes_the_mean_back(there):
    printed = succeed("average", "lm_qat", "a", f"b/{FILE_NAME}", "-o", "mean.safetensors")
    assert printed.startswith("mean.safetensors: mean of 2 runs that lie ")
    before, after = (read_weights(there / name).tensors for name in ("a", "mean.safetensors"))
    assert np.array_equal(after[NAME], 2 * before[NAME])
    others = before.keys() - {NAME, f"{NAME}.scale"}
    assert all(np.array_equal(after[name], before[name]) for name in others)
    succeed("absorb", "mean.safetensors", "lm.q4.onnx")


def test_the_record_names_every_run(there):
    shown = json.loads(succeed("average", "lm_qat", "a", "b", "-o", "mean.safetensors", "--json"))
    assert shown["inputs"].keys() == {f"{run}/{FILE_NAME}" for run in "ab"}
    assert shown["figures"]["runs"] == 2
    assert 0 < shown["figures"]["spread_share"] < 0.5
    assert json.loads((there / "mean.safetensors.record.json").read_text()) == shown
    assert succeed("average", "lm_qat", "a", "b", "-o", "mean.safetensors", "-q") == ""


MISTAKES = {
    "Q003-average-no-run": (2, ("lm_qat", "-o", "mean.safetensors")),
    "Q150-average-no-such-run": (3, ("lm_qat", "a", "c", "-o", "mean.safetensors")),
    "Q156-average-no-package": (3, ("a", "a", "b", "-o", "mean.safetensors")),
    "Q554-average": (2, ("lm_qat", "a", "b", "-o", f"b/{FILE_NAME}")),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes(mistake, there, golden):
    before = files(there), (there / "b" / FILE_NAME).read_bytes()
    exit_code, arguments = MISTAKES[mistake]
    golden(f"errors/{mistake}.txt", fail(exit_code, "average", *arguments))
    assert (files(there), (there / "b" / FILE_NAME).read_bytes()) == before
