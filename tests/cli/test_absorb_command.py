"""``q4compile absorb``: trained weights into their model, and what it refuses."""

import json
import shutil
from dataclasses import replace

import numpy as np
import onnx
import pytest
from running import fail, files, succeed
from safetensors.numpy import save_file

from q4compile.quantize.weights_file import FILE_NAME, read_weights
from q4compile.report.hashing import sha256_of
from q4compile.report.record import read_record

FEW = ("--calib-limit", "2")


def tensors(path):
    return {
        each.name: (each.data_type, tuple(each.dims), onnx.numpy_helper.to_array(each).tobytes())
        for each in onnx.load(path).graph.initializer
    }


def edit(folder, **changes):
    """Rewrite weights: name (dots spelled __) → what replaces the array, None to leave it out."""
    weights = read_weights(folder)
    held = dict(weights.tensors)
    for name, change in changes.items():
        key = name.replace("__", ".")
        held[key] = None if change is None else change(held[key])
    kept = {name: array for name, array in held.items() if array is not None}
    replace(weights, tensors=kept).write(folder / FILE_NAME)


def test_untrained_it_changes_no_tensor(package_here):
    printed = succeed("absorb", "lm_qat", "lm.q4.onnx")
    assert "0.0% of the codes changed" in printed
    assert tensors("lm.trained.q4.onnx") == tensors("lm.q4.onnx")
    figures = read_record(package_here / "lm.trained.q4.onnx.record.json").figures
    assert (figures["changed_codes"], figures["changed_codes_share"]) == (0, 0)
    before = read_record(package_here / "lm.q4.onnx.record.json").figures
    for name in ("compression_ratio", "packed_compression_ratio", "data_bytes", "packed_bytes"):
        assert figures[name] == before[name]


def test_trained_codes_are_counted(package_here):
    name = "lm.output.weight"
    edit(package_here / "lm_qat", **{name.replace(".", "__"): lambda w: -w})
    shown = json.loads(succeed("absorb", "lm_qat", "lm.q4.onnx", "-o", "out/t.onnx", "--json"))
    before, after = tensors("lm.q4.onnx"), tensors("out/t.onnx")
    assert [each for each in before if before[each] != after[each]] == [name]
    old, new = (np.frombuffer(each[name][2], np.int8) for each in (before, after))
    assert shown["figures"]["changed_codes"] == np.count_nonzero(old != new)
    assert shown["inputs"].keys() == {f"lm_qat/{FILE_NAME}", "lm.q4.onnx"}
    assert succeed("absorb", "lm_qat", "lm.q4.onnx", "-q") == ""


def test_a_training_run_or_a_file_will_do(package_here):
    (package_here / "run").mkdir()
    shutil.copy(package_here / "lm_qat" / FILE_NAME, package_here / "run")
    shutil.copy(package_here / "lm_qat" / FILE_NAME, package_here / "best.safetensors")
    for source in ("run", "best.safetensors"):
        succeed("absorb", source, "lm.q4.onnx", "-o", "t.onnx")
        assert tensors("t.onnx") == tensors("lm.q4.onnx")


def test_code_of_the_package_does_not_run(package_here):
    (package_here / "lm_qat" / "__init__.py").write_text("raise SystemExit('it ran')")
    succeed("absorb", "lm_qat", "lm.q4.onnx")


def test_a_float_model_has_no_codes(package_here):
    succeed("qat", "lm.onnx", "-o", "float_qat")
    assert "codes" not in succeed("absorb", "float_qat", "lm.onnx")
    assert tensors("lm.trained.onnx") == tensors("lm.onnx")


def test_two_bits_survive(package_here):
    succeed("quantize", "lm.onnx", "--recipe", "w2a4", *FEW, "--pack-int2", "-o", "two.onnx")
    record = read_record(package_here / "two.onnx.record.json").figures
    assert record["data_bytes"] == record["packed_bytes"]
    printed = succeed("quantize", "lm.onnx", "--recipe", "w2a4", *FEW, "-o", "four.onnx")
    assert f"{record['compression_ratio']:.2f}x with every code at its own width" in printed
    four = read_record(package_here / "four.onnx.record.json").figures
    assert four["packed_bytes"] == record["packed_bytes"] < four["data_bytes"]
    succeed("qat", "two.onnx", "-o", "two_qat")
    succeed("absorb", "two_qat", "two.onnx", "-o", "two.trained.onnx")
    assert tensors("two.trained.onnx") == tensors("two.onnx")


def truncated(here):
    weights = here / "lm_qat" / FILE_NAME
    weights.write_bytes(weights.read_bytes()[:-100])


def no_header(here):
    save_file({"a": np.zeros(3, np.float32)}, here / "lm_qat" / FILE_NAME)


def no_weights(here):
    (here / "lm_qat" / FILE_NAME).unlink()


def names(here):
    edit(here / "lm_qat", lm__output__weight=None, lm__output__bias=lambda each: each[:-1])


def numbers(here):
    def spoiled(array):
        array = array.copy()
        array.flat[0] = np.nan
        return array

    edit(
        here / "lm_qat",
        lm__output__weight=spoiled,
        lm__output__weight__scale=lambda each: 0 * each - 1,
    )


def exact(here):
    succeed("quantize", here / "lm.onnx", *FEW, "--form", "exact")


MISTAKES = {
    "Q150-absorb-truncated": truncated,
    "Q150-absorb-no-weights": no_weights,
    "Q151-absorb-no-header": no_header,
    "Q152-absorb-edited": names,
    "Q154-absorb-spoiled": numbers,
    "Q133-absorb-exact": exact,
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes(mistake, package_here, golden):
    MISTAKES[mistake](package_here)
    before = files(package_here)
    said = fail(3, "absorb", "lm_qat", "lm.q4.onnx", "--other-model")
    golden(f"errors/{mistake}.txt", said)
    assert files(package_here) == before


def test_weights_of_another_model(package_here, golden):
    succeed("quantize", "lm.onnx", "--recipe", "w8a8", *FEW, "-o", "other.onnx")
    said = fail(3, "absorb", "lm_qat", "other.onnx")
    own, other = (sha256_of(package_here / name)[:12] for name in ("lm.q4.onnx", "other.onnx"))
    golden("errors/Q157-absorb-sha256.txt", said, own=own, other=other)
    succeed("absorb", "lm_qat", "other.onnx", "--other-model")


def test_the_model_itself_is_never_written_over(package_here, golden):
    before = (package_here / "lm.q4.onnx").read_bytes()
    golden("errors/Q554-absorb.txt", fail(2, "absorb", "lm_qat", "lm.q4.onnx", "-o", "lm.q4.onnx"))
    assert (package_here / "lm.q4.onnx").read_bytes() == before
