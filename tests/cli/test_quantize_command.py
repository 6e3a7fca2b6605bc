"""``q4compile quantize``: files, figures measured again by other means, feeds, refusals."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto
from running import fail, files, q4compile, succeed

from q4compile.graph.components import components
from q4compile.graph.read import read_model
from q4compile.graph.sites import sites
from q4compile.report.record import read_record
from q4compile.speech.corpus import DEMO
from q4compile.speech.feeds import speech_feeds
from q4compile.speech.metadata import read_metadata

FEW = ("--calib-limit", "3")
BITS = {TensorProto.INT4: 4, TensorProto.UINT4: 4, TensorProto.FLOAT16: 16, TensorProto.FLOAT: 32}
BITS |= {TensorProto.INT8: 8, TensorProto.UINT8: 8, TensorProto.INT64: 64}
UNUSED = """
version: 1
name: with-unused
rules:
  - {name: never, match: {op: GRU}, scheme: {format: int8}}
  - {name: rest, match: {}, scheme: {format: fp16}}
"""


def stored_bytes(path):
    """Bytes of all initializers by their shapes, 4-bit ones two to a byte."""
    return sum(
        -(-int(np.prod(each.dims, dtype=int)) * BITS[each.data_type] // 8)
        for each in onnx.load(path).graph.initializer
    )


def test_as_written_in_the_readme(here):
    printed = succeed("quantize", "model.onnx", "--recipe", "rnnt.yaml")
    assert "LSTM weights at 4 bits: 100.0 %" in printed
    assert "written to model.q4.onnx: " in printed
    assert files(here) == ["lm.onnx", "model.onnx", "model.q4.onnx", "model.q4.onnx.record.json"]


@pytest.mark.parametrize("form", ["qdq", "exact"])
def test_the_figures_are_those_of_the_file(here, networks, form):
    succeed("quantize", "model.onnx", *FEW, "--form", form, "-o", "out/q.onnx")
    record = read_record(here / "out/q.onnx.record.json")
    numbers = sum(each.numel() for each in networks["model"].parameters())
    assert record.figures["float32_parameter_bytes"] == 4 * numbers
    assert record.figures["data_bytes"] == stored_bytes("out/q.onnx")
    assert record.figures["file_bytes"] == (here / "out/q.onnx").stat().st_size
    assert record.figures["compression_ratio"] == 4 * numbers / stored_bytes("out/q.onnx")
    assert record.figures["lstm_int4_share"] == 1.0
    assert record.figures["seconds"] > 0
    assert record.details["form"] == form
    plan = record.details["plan"]
    kinds = [row["format"] for row in plan]
    assert record.figures["int4_tensors"] == kinds.count("int4")
    assert record.figures["int8_tensors"] == kinds.count("int8")
    assert record.figures["float_tensors"] == kinds.count("fp16") + kinds.count("fp32")
    by_format = record.details["weights_by_format"]
    assert sum(sum(found.values()) for found in by_format.values()) == numbers


def test_each_tensor_is_in_the_plan(here):
    succeed("quantize", "model.onnx", *FEW)
    rows = read_record(here / "model.q4.onnx.record.json").details["plan"]
    model = read_model(here / "model.onnx")
    wanted = [(each.node_name, each.role) for each in sites(model, components(model, "model"))]
    assert [(row["node"], row["role"]) for row in rows] == wanted
    assert {row["rule"] for row in rows} >= {"weights", "hidden state", "biases"}
    hidden = next(row for row in rows if row["role"] == "hidden")
    assert (hidden["scales"], hidden["zero_point"]) == (1, 0)
    low, high = hidden["clip"]
    assert (low, high) == (pytest.approx(-8 * hidden["scale"]), pytest.approx(7 * hidden["scale"]))
    later = next(row for row in rows if row["node"] == "/encoder/layers.1/lstm/LSTM")
    assert later["inherits"] == "/encoder/layers.0/lstm/LSTM_output_0"


def test_the_ranges_of_cells_and_gates_are_on_the_nodes(here):
    succeed("quantize", "model.onnx", *FEW)
    rows = read_record(here / "model.q4.onnx.record.json").details["plan"]
    observed = {(row["node"], row["role"]): row["observed"] for row in rows}
    nodes = [each for each in onnx.load("model.q4.onnx").graph.node if each.op_type == "LSTM"]
    assert len(nodes) == 3
    for node in nodes:
        props = {each.key: json.loads(each.value) for each in node.metadata_props}
        for role in ("cell", "gate"):
            low, high = props[f"q4compile.{role}_range"]
            assert low < 0 < high
            assert observed[node.name, role] == [low, high]


@pytest.mark.parametrize("form", ["qdq", "exact"])
def test_the_result_runs_everywhere(here, form):
    succeed("quantize", "model.onnx", "lm.onnx", *FEW, "--form", form, "-o", "out")
    feeds = next(iter(speech_feeds(read_metadata(props("model.onnx"), ""), DEMO, 1)))
    for name, fed in (("model", feeds), ("lm", {"tokens": feeds["tokens"]})):
        onnx.checker.check_model(f"out/{name}.q4.onnx", full_check=True)
        logits = [
            onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, fed)[0]
            for path in (f"{name}.onnx", f"out/{name}.q4.onnx")
        ]
        assert logits[0].shape == logits[1].shape
        assert 0 < np.abs(logits[0] - logits[1]).max() < 1


def props(path):
    return {each.key: each.value for each in onnx.load(path).metadata_props}


def test_arrays_and_the_corpus_they_come_from_give_the_same_plan(here, corpus):
    """--calib of a corpus takes its training split; the same feeds as .npz give the same grids."""
    feeds = speech_feeds(read_metadata(props("model.onnx"), ""), corpus)
    assert [utterance.audio.stem for utterance in feeds.utterances] == ["0", "1", "2", "3"]
    (here / "arrays").mkdir()
    for number, feed in enumerate(feeds):
        np.savez(here / "arrays" / f"{number}.npz", **feed)
    succeed("quantize", "model.onnx", "--calib", corpus, "-o", "a.onnx")
    succeed("quantize", "model.onnx", "--calib", "arrays", "-o", "b.onnx")
    assert (here / "a.onnx").read_bytes() == (here / "b.onnx").read_bytes()
    succeed("quantize", "model.onnx", "--calib", DEMO, "-o", "c.onnx", *FEW)
    assert (here / "a.onnx").read_bytes() != (here / "c.onnx").read_bytes()


def test_the_limit_takes_utterances_evenly():
    metadata = read_metadata(props_of_demo(), "")
    chosen = [int(each.audio.stem) for each in speech_feeds(metadata, DEMO, 4).utterances]
    assert chosen == [0, 30, 60, 90]


def props_of_demo():
    return {"q4compile.kind": "lm", "q4compile.vocabulary": '["<blank>", "A"]'}


def test_json_is_the_record(here):
    shown = json.loads(succeed("quantize", "lm.onnx", *FEW, "--json"))
    record = read_record(here / "lm.q4.onnx.record.json")
    assert {name: getattr(record, name) for name in shown} == shown
    several = json.loads(succeed("quantize", "lm.onnx", "model.onnx", *FEW, "--json", "-o", "out"))
    assert [each["details"]["output"] for each in several] == [
        "out/lm.q4.onnx",
        "out/model.q4.onnx",
    ]


def test_quiet_prints_nothing_and_draws_no_bars(here):
    result = q4compile("quantize", "model.onnx", *FEW, "-q")
    assert (result.exit_code, result.output) == (0, "")


def test_a_folder_of_networks(here, plain):
    """Components by file name, arrays by component, results in a folder of their own."""
    (here / "parts").mkdir()
    plain.rename(here / "parts" / "joiner-epoch-9.onnx")
    (here / "lm.onnx").rename(here / "parts" / "lm.onnx")
    (here / "arrays" / "joint").mkdir(parents=True)
    np.savez(here / "arrays/joint/0.npz", x=np.ones((4, 3), np.float32))
    (here / "arrays" / "lm").mkdir()
    np.savez(here / "arrays/lm/0.npz", tokens=np.array([[0, 3, 5]]))
    succeed("quantize", "parts", "--calib", "arrays")
    made = [name for name in files(here / "parts.q4") if name.endswith(".onnx")]
    assert made == ["joiner-epoch-9.q4.onnx", "lm.q4.onnx"]
    record = read_record(here / "parts.q4/joiner-epoch-9.q4.onnx.record.json")
    assert [row["component"] for row in record.details["plan"]] == ["joint", "joint"]
    succeed("inspect", "parts.q4")


def test_a_recipe_that_needs_no_ranges_needs_no_data(here, plain):
    (here / "halves.yaml").write_text(UNUSED)
    result = q4compile("quantize", "plain.onnx", "--recipe", "halves.yaml")
    assert result.exit_code == 0, result.stderr
    assert result.stderr.startswith("warning[Q209]")
    kinds = [each.data_type for each in onnx.load("plain.q4.onnx").graph.initializer]
    assert TensorProto.FLOAT16 in kinds


def test_strict_makes_the_warning_an_error(here, plain):
    (here / "halves.yaml").write_text(UNUSED)
    text = fail(2, "quantize", "plain.onnx", "--recipe", "halves.yaml", "--strict")
    assert text.startswith("error[Q209]")
    assert "plain.q4.onnx" not in files(here)


HALVES = """
version: 1
name: halves
rules:
  - {name: rest, match: {}, scheme: {format: fp16}}
"""


def test_what_is_left_over_is_told_everywhere(here, normed, golden):
    (here / "halves.yaml").write_text(HALVES)
    result = q4compile("quantize", "plain.onnx", "--recipe", "halves.yaml")
    assert result.exit_code == 0
    golden("errors/Q213-normalization.txt", result.stderr)
    assert "not quantized: no rule is asked" in result.stdout
    assert "/norm  LayerNormalization  gamma" in result.stdout
    record = read_record(here / "plain.q4.onnx.record.json")
    assert record.figures["unquantized_parameters"] == 2
    (row,) = record.details["unquantized"]
    assert row == {
        "node": "/norm",
        "op": "LayerNormalization",
        "tensor": "gamma",
        "elements": 2,
        "share": 0.25,
    }


def test_strict_refuses_what_is_left_over(here, normed):
    (here / "halves.yaml").write_text(HALVES)
    text = fail(2, "quantize", "plain.onnx", "--recipe", "halves.yaml", "--strict")
    assert text.startswith("error[Q213]")
    assert "plain.q4.onnx" not in files(here)


def test_the_bundled_kind_of_network_leaves_nothing(here):
    result = q4compile("quantize", "model.onnx", *FEW, "--strict")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "not quantized" not in result.stdout
    record = read_record(here / "model.q4.onnx.record.json")
    assert record.figures["unquantized_parameters"] == 0
    assert record.details["unquantized"] == []


def test_a_rule_used_in_one_of_several_models_is_used(here):
    """rnnt.yaml has a rule for the encoder, which the language model lacks."""
    assert "warning[Q209]" in q4compile("quantize", "lm.onnx", *FEW).stderr
    result = q4compile("quantize", "lm.onnx", "model.onnx", *FEW, "-o", "out", "--strict")
    assert (result.exit_code, result.stderr) == (0, "")


MISTAKES = {
    "Q524-no-feeds": (3, ["plain.onnx"]),
    "Q524-a-corpus-for-a-plain-model": (3, ["plain.onnx", "--calib", str(DEMO)]),
    "Q505-calib-no-corpus": (3, ["model.onnx", "--calib", "empty"]),
    "Q003-calib-missing": (2, ["plain.onnx", "--calib", "gone"]),
    "Q554-output-is-the-model": (2, ["lm.onnx", "-o", "lm.onnx"]),
    "Q554-two-models-one-output": (2, ["lm.onnx", "./lm.onnx", "-o", "out"]),
    "Q101-quantize-text": (3, ["text.onnx"]),
    "Q551-quantize-below-a-file": (2, ["lm.onnx", "-o", "text.onnx/q.onnx"]),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(here, plain, golden, name):
    (here / "empty").mkdir()
    (here / "text.onnx").write_text("no model")
    before = files(here)
    exit_code, arguments = MISTAKES[name]
    text = fail(exit_code, "quantize", *arguments, *FEW)
    assert text.startswith(f"error[{name[:4]}]")
    golden(f"errors/{name}.txt", text, demo=DEMO)
    assert files(here) == before


def test_all_broken_models_are_named_at_once(here):
    (here / "a.onnx").write_text("no model")
    (here / "b.onnx").write_text("nor this")
    text = fail(3, "quantize", "a.onnx", "model.onnx", "b.onnx")
    assert ("a.onnx" in text, "b.onnx" in text) == (True, True)


def test_unusable_utterances_are_named_at_once(here, corpus):
    lines = (corpus / "manifest.jsonl").read_text().splitlines()
    lines[0] = lines[0].replace("A B", "a é")
    lines[2] = lines[2].replace("2.flac", "gone.flac")
    (corpus / "manifest.jsonl").write_text("\n".join(lines))
    text = fail(3, "quantize", "model.onnx", "--calib", corpus)
    assert ("error[Q501]" in text, "error[Q504]" in text) == (True, True)
    text = fail(3, "quantize", "lm.onnx", "--calib", corpus)
    assert ("error[Q501]" in text, "error[Q504]" in text) == (False, True)
