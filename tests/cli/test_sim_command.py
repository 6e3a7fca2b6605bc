"""``q4compile lower`` and ``q4compile sim``: from a quantized model to its outputs."""

import csv
import json
import shutil

import numpy as np
import pytest
from running import fail, files, q4compile, succeed

from q4compile.report.record import read_record

ENCODER = ("--entry", "encoder", "--input", "feed.npz")


@pytest.fixture(scope="module")
def lowered(made, tmp_path_factory):
    """A folder of model.q4.onnx, model.q4p and feed.npz, inputs of its encoder."""
    folder = tmp_path_factory.mktemp("lowered")
    shutil.copy(made / "model.onnx", folder)
    succeed("quantize", folder / "model.onnx", "--calib-limit", "2")
    succeed("lower", folder / "model.q4.onnx", "--target", "rapid1", "-o", folder / "model.q4p")
    features = np.random.default_rng(0).standard_normal((2, 9, 120)).astype(np.float32)
    np.savez(folder / "feed.npz", features=features, feature_lengths=np.array([9, 4]))
    return folder


@pytest.fixture
def there(lowered, tmp_path, monkeypatch):
    """A copy of `lowered` that is the current folder."""
    shutil.copytree(lowered, tmp_path / "there")
    monkeypatch.chdir(tmp_path / "there")
    return tmp_path / "there"


SIZES = ("--size", "frames=9,steps=5,labels=3,batch=2")


def test_outputs_and_a_record(there):
    shown = succeed("sim", "model.q4p", *ENCODER, "-o", "outputs.npz")
    assert "multiply-accumulates" in shown and "cycles on rapid1, 1.5 GHz" in shown
    record = read_record(there / "outputs.npz.record.json")
    assert record.command == "sim" and record.figures["macs"] > 0
    with np.load("outputs.npz") as outputs:
        (array,) = outputs.values()
    assert array.dtype == np.float32 and array.shape == (2, 5, 1, 8)


def test_every_code_is_compared(there):
    record = json.loads(
        succeed("sim", "model.q4p", *ENCODER, "--compare", "model.q4.onnx", "--json")
    )
    figures = record["figures"]
    assert figures["tensors_compared"] == 2, "an LSTM, and the output"
    assert figures["codes_compared"] == 320
    assert record["figures"]["codes_different"] == 0


def test_time_without_values_is_that_of_the_run(there):
    run = json.loads(succeed("sim", "model.q4p", *ENCODER, "--json"))["figures"]
    timed = json.loads(succeed("sim", "model.q4p", "--timing-only", *SIZES, "--json"))
    assert timed["figures"]["encoder_cycles"] == run["cycles_total"] > run["floor_cycles"]
    components = [each["entry"] for each in timed["details"]["timing"]]
    assert components == ["encoder", "predictor", "joint"]
    total = sum(each["cycles"] for each in timed["details"]["timing"])
    assert timed["figures"]["cycles_total"] == total and "rtf" not in timed["figures"]
    for each in timed["details"]["timing"]:
        assert sum(node["cycles"] for node in each["nodes"]) == each["cycles"]
        assert sum(each["limits"].values()) == each["cycles"]


def test_a_table_of_components_engines_and_nodes(there):
    shown = succeed("sim", "model.q4p", "--timing-only", *SIZES, "--audio-seconds", "0.18")
    for part in ("x floor", "waits for", "/encoder/", "energy:", "of real time"):
        assert part in shown


def test_a_size_is_missing_or_wrong(there):
    for sizes in (
        "frames=9,labels=3",
        "frames=9,labels=3,batch=2,beam=4",
        "frames=0,labels=1,batch=1",
    ):
        assert "Q575" in fail(3, "sim", "model.q4p", "--timing-only", "--size", sizes)
    for sizes in ("frames", "frames=x", "frames=1,frames=2", "=3"):
        fail(2, "sim", "model.q4p", "--timing-only", "--size", sizes)


def test_what_to_do_must_be_clear(there):
    assert "--timing-only" in fail(2, "sim", "model.q4p")
    assert "--compare-precision" in fail(2, "sim", "model.q4p", "model.q4p", "--timing-only")


def test_precisions_side_by_side(there):
    quantized = ("quantize", "model.onnx", "--calib-limit", "2", "--recipe", "w8a8")
    succeed(*quantized, "-o", "w8a8.q4.onnx")
    succeed("lower", "w8a8.q4.onnx", "-o", "int8.q4p")
    both = ("--compare-precision", "int8.q4p", "model.q4p", *SIZES)
    shown = succeed("sim", *both)
    assert "int8 : w4a8 on rapid1" in shown and "capacity" in shown
    figures = json.loads(succeed("sim", *both, "--json"))["figures"]
    speedup = figures["time_ms_int8"] / figures["time_ms_w4a8"]
    assert figures["speedup_int8_w4a8"] == speedup > 1


def test_a_model_that_the_program_is_not_of(there):
    succeed(
        "quantize", "model.onnx", "--calib-limit", "2", "--recipe", "w3a3", "-o", "w3a3.q4.onnx"
    )
    shown = succeed_with_findings("sim", "model.q4p", *ENCODER, "--compare", "w3a3.q4.onnx")
    assert "Q430" in shown and "the first at" in shown


def succeed_with_findings(*arguments):
    """What goes to stderr of a run that ends with exit code 1."""
    result = q4compile(*arguments)
    assert result.exit_code == 1, result.stderr
    return result.stderr


def test_an_interleaving_gives_the_same_outputs(there):
    for number, more in enumerate([(), ("--seed", "3", "--check-races")]):
        succeed("sim", "model.q4p", *ENCODER, "-o", f"{number}.npz", *more)
    with np.load("0.npz") as ours, np.load("1.npz") as theirs:
        assert all(np.array_equal(ours[name], theirs[name]) for name in ours)


def test_an_entry_is_the_one_that_takes_the_arrays(there):
    succeed("sim", "model.q4p", *ENCODER, "-o", "named.npz")
    succeed("sim", "model.q4p", "--input", "feed.npz", "-o", "found.npz")
    with np.load("named.npz") as ours, np.load("found.npz") as theirs:
        assert all(np.array_equal(ours[name], theirs[name]) for name in ours)
    np.savez("nothing.npz", unknown=np.zeros(1))
    assert "Q579" in fail(3, "sim", "model.q4p", "--input", "nothing.npz")
    assert "did you mean 'encoder'" in fail(
        3, "sim", "model.q4p", "--input", "feed.npz", "--entry", "encoderr"
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"features": np.full((2, 9, 120), np.nan, np.float32)}, "Q574"),
        ({"features": np.zeros((2, 9, 119), np.float32)}, "Q572"),
        ({"features": np.zeros((2, 0, 120), np.float32)}, "Q575"),
        ({"features": np.zeros((2, 9, 120), np.int64)}, "Q573"),
        ({"more": np.zeros(1, np.float32)}, "Q571"),
        ({"feature_lengths": None}, "Q570"),
    ],
)
def test_inputs_that_do_not_fit(there, change, code):
    with np.load("feed.npz") as feed:
        arrays = {**feed, **change}
    np.savez("bad.npz", **{name: each for name, each in arrays.items() if each is not None})
    before = files(there)
    shown = fail(3, "sim", "model.q4p", "--entry", "encoder", "--input", "bad.npz", "-o", "x.npz")
    assert code in shown
    assert files(there) == before


def test_a_damaged_program(there):
    data = bytearray((there / "model.q4p").read_bytes())
    data[len(data) // 2] ^= 1
    (there / "model.q4p").write_bytes(data)
    assert "Q312" in fail(3, "sim", "model.q4p", *ENCODER)


def test_a_program_for_another_target(there):
    assert "Q313" in fail(3, "sim", "model.q4p", *ENCODER, "--target", "edge")


def test_a_float_model_is_refused_by_name(there):
    shown = fail(3, "lower", "model.onnx", "-o", "float.q4p")
    assert "Q32" in shown and "LSTM" in shown
    assert not (there / "float.q4p").exists()


def test_cycles_as_csv(there):
    timed = ("--entry", "encoder", "--timing-only", "--size", "frames=9,batch=2")
    succeed("sim", "model.q4p", *timed, "-o", "cycles.csv")
    with (there / "cycles.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    record = read_record(there / "cycles.csv.record.json")
    assert sum(int(row["Total Cycles"]) for row in rows) == record.figures["cycles_total"]
    assert sum(int(row["MAC Count"]) for row in rows) == record.figures["macs"]
    assert sum(int(row["DRAM Bytes"]) for row in rows) == record.figures["dram_bytes"]
    assert [int(row["LayerID"]) for row in rows] == list(range(len(rows)))
    assert all(0 <= float(row["Util%"]) <= 100 for row in rows)
    assert all(int(row["Stall Cycles"]) <= int(row["Total Cycles"]) for row in rows)
