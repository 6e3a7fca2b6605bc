"""``q4compile export``: the file, its record, and torch's logits at sizes of our own choosing."""

import json
import os

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from running import fail, files, process, succeed

from q4compile.errors import Disagreement
from q4compile.report.record import read_record
from q4compile.speech import export as module
from q4compile.speech.metadata import read_metadata
from q4compile.speech.torch_export import without_shape_warnings

LOGIT_TOLERANCE = 1e-5


def session(path):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def test_the_transducer_is_torchs(made, networks):
    run = session(made / "model.onnx").run
    for lengths, labels in (([9, 13, 4], 5), ([2], 0)):
        feeds = {
            "features": torch.randn(len(lengths), max(lengths), 120),
            "feature_lengths": torch.tensor(lengths),
            "tokens": torch.randint(0, 29, (len(lengths), labels + 1)),
        }
        found = run(["logits"], {name: value.numpy() for name, value in feeds.items()})[0]
        wanted = networks["model"](*feeds.values()).detach().numpy()
        assert found.shape == wanted.shape
        for row, expected, count in zip(found, wanted, lengths, strict=True):
            kept = -(-count // 2)
            np.testing.assert_allclose(row[:kept], expected[:kept], rtol=0, atol=LOGIT_TOLERANCE)


def test_the_language_model_is_torchs(made, networks):
    tokens = torch.randint(0, 29, (3, 7))
    found = session(made / "lm.onnx").run(["logits"], {"tokens": tokens.numpy()})[0]
    wanted = networks["lm"](tokens)[0].detach().numpy()
    np.testing.assert_allclose(found, wanted, rtol=0, atol=LOGIT_TOLERANCE)


def test_names_are_readable(made):
    for name, lstm in (("model", "/encoder/layers.0/lstm/LSTM"), ("lm", "/lm/lstm/LSTM")):
        graph = onnx.load(made / f"{name}.onnx").graph
        assert lstm in {node.name for node in graph.node}
        parameters = {each.name for each in graph.initializer}
        assert lstm.strip("/").removesuffix("/LSTM").replace("/", ".") + ".W" in parameters
        assert not [each for each in parameters if "::" in each]


def test_the_file_knows_how_to_be_fed(made, networks):
    for name, kind in (("model", "rnnt"), ("lm", "lm")):
        props = {each.key: each.value for each in onnx.load(made / f"{name}.onnx").metadata_props}
        metadata = read_metadata(props, name)
        assert metadata.kind == kind
        assert metadata.vocabulary == networks[name].config.vocabulary
        assert metadata.features == getattr(networks[name].config, "features", None)
        assert metadata.props() == props


def test_the_record(made, networks, tmp_path):
    checkpoint = made / "model.safetensors"
    shown = json.loads(succeed("export", checkpoint, "-o", tmp_path / "m.onnx", "--json"))
    record = read_record(tmp_path / "m.onnx.record.json")
    assert (record.command, list(record.inputs)) == ("export", [str(checkpoint)])
    assert record.figures == shown["figures"]
    numbers = sum(each.numel() for each in networks["model"].parameters())
    assert record.figures["parameters"] == numbers
    assert record.figures["file_bytes"] == (tmp_path / "m.onnx").stat().st_size
    assert 0 <= record.figures["max_abs_error"] <= 1e-4
    assert (tmp_path / "m.onnx").read_bytes() == (made / "model.onnx").read_bytes()


def test_a_shipped_name_from_a_shell_without_torchs_noise(tmp_path):
    done = process("export", "lm", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("lm.onnx: 180093 parameters, ")
    assert files(tmp_path) == ["lm.onnx", "lm.onnx.record.json"]


def test_the_transducer_is_exported_without_torchs_noise(made, tmp_path):
    done = process("export", made / "model.safetensors", "-q", "-o", "m.onnx", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_other_lines_of_torch_are_passed_on(capfd):
    with without_shape_warnings():
        os.write(2, b"[W1123 14:20:22.5 shape_type_inference.cpp:1] Warning: packed\nsomething\n")
    assert capfd.readouterr().err == "something\n"


def test_a_file_that_differs_from_torch_is_not_written(networks, tmp_path, monkeypatch, golden):
    (tmp_path / "m.onnx").write_text("old")
    monkeypatch.setattr(module, "_difference", lambda *arguments: 0.25)
    with pytest.raises(Disagreement) as caught:
        module.export(networks["lm"], tmp_path / "m.onnx")
    golden("errors/Q401-export-differs.txt", str(caught.value), folder=tmp_path)
    assert files(tmp_path) == ["m.onnx"]
    assert (tmp_path / "m.onnx").read_text() == "old"


def test_mistakes(made, here, golden):
    (here / "text.safetensors").write_text("no checkpoint")
    for name, exit_code, arguments in (
        ("Q120-no-such-checkpoint", 3, ["smal"]),
        ("Q120-export-of-text", 3, ["text.safetensors"]),
        ("Q551-export-below-a-file", 2, ["lm", "-o", "text.safetensors/lm.onnx"]),
    ):
        golden(f"errors/{name}.txt", fail(exit_code, "export", *arguments))
    assert files(here) == ["lm.onnx", "model.onnx", "text.safetensors"]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("kind", {"q4compile.kind": "gru"}),
        ("vocabulary", {"q4compile.vocabulary": "[1"}),
        ("missing", {"q4compile.vocabulary": None}),
        ("features", {"q4compile.features": '{"mels": 3}'}),
    ],
)
def test_broken_metadata(made, here, golden, name, change):
    model = onnx.load("model.onnx")
    props = {each.key: each.value for each in model.metadata_props} | change
    kept = {key: value for key, value in props.items() if value is not None}
    onnx.helper.set_model_props(model, kept)
    onnx.save(model, "broken.onnx")
    golden(f"errors/Q128-metadata-{name}.txt", fail(3, "quantize", "broken.onnx"))
    assert "broken.q4.onnx" not in files(here)
