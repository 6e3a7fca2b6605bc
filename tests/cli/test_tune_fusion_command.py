"""``q4compile tune-fusion`` and the commands that find its weights."""

import json

import pytest
from running import fail, succeed

from q4compile.report.record import read_record
from q4compile.speech.search.fusion import read_fusion

pytest.importorskip("optuna")


def test_weights_lie_beside_the_model_where_eval_finds_them(here, corpus):
    shared = ("model.onnx", "--data", corpus, "--lm", "lm.onnx", "--beam", 2)
    shown = succeed("tune-fusion", *shared, "--trials", 3, "--max-rho", 0.5, "--metric", "cer")
    assert shown.startswith("model.onnx.fusion.yaml: lambda ")
    weights = read_fusion(here / "model.onnx.fusion.yaml")
    record = read_record(here / "model.onnx.fusion.yaml.record.json")
    assert record.figures["trials"] == 3
    assert record.figures["lambda"] == weights.external
    given = ("--lambda", weights.external or 0.1, "--rho", weights.length)
    (here / "model.onnx.fusion.yaml").write_text(f"external: {given[1]}\nlength: {given[3]}\n")
    figures = [
        json.loads(succeed("eval", *shared, "--split", "dev", *each, "--json"))["figures"]
        for each in ((), given)
    ]
    for each in figures:
        each.pop("decoding_s"), each.pop("rtf")
    assert figures[0] == figures[1]


def test_it_takes_no_weights(corpus):
    assert "Q002" in fail(2, "tune-fusion", "small", "--data", corpus, "--lambda", 0.1)
