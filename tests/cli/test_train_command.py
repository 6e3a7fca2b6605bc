"""``q4compile train``: runs, what they leave, how they go on, settings that are wrong."""

import json

import pytest
from running import fail, files, succeed

from q4compile.report.record import read_record
from q4compile.speech.checkpoint import load_lm, load_rnnt

SETTINGS = """
epochs: 1
evaluate_every: 1
model: {encoder_layers: 1, encoder_hidden: 4, predictor_hidden: 4, joint_dim: 4,
        time_reduction: {after_layer: 1, factor: 4}}
"""


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(SETTINGS)
    return tmp_path


def test_a_run_and_how_it_goes_on(settings, corpus):
    train = ("train", "--data", "corpus", "--config", "tiny.yaml", "--out", "run", "--json")
    shown = json.loads(succeed(*train))
    assert files(settings / "run") == [
        "best.safetensors",
        "best.safetensors.record.json",
        "log.jsonl",
        "state.safetensors",
    ]
    record = read_record(settings / "run/best.safetensors.record.json")
    assert record.figures == shown["figures"]
    assert set(record.figures) == {"development_wer_percent", "best_epoch", "epochs", "seconds"}
    assert list(record.inputs) == ["tiny.yaml"]
    assert record.details["model"]["encoder_hidden"] == 4
    assert load_rnnt(settings / "run/best.safetensors").config.encoder_layers == 1

    text = fail(2, *train)
    assert text.startswith("error[Q553]")
    again = json.loads(succeed(*train, "--resume"))
    assert again["figures"]["best_epoch"] == 1
    assert fail(3, *train, "--resume", "--epochs", "2").startswith("error[Q126]")


def test_a_language_model(settings, corpus, golden):
    train = ("train", "--data", "corpus", "--lm", "--sentences", "20", "--out", "run")
    succeed(*train, "--epochs", "1", "-q")
    record = read_record(settings / "run/lm.safetensors.record.json")
    assert 0 < record.figures["nats_per_character"] < 5
    assert load_lm(settings / "run/lm.safetensors").config.hidden == 192
    golden("errors/Q553-train-filled-folder.txt", fail(2, *train))


def test_a_source_language_model(settings, corpus):
    train = ("train", "--data", "corpus", "--lm", "--sentences", "0", "--epochs", "1", "-q")
    succeed(*train, "--synthetic", "corpus", "--cells", "5", "--out", "run")
    assert load_lm(settings / "run/lm.safetensors").config.hidden == 5


def test_a_start(settings, corpus):
    train = ("train", "--data", "corpus", "--config", "tiny.yaml", "--epochs", "1", "-q")
    succeed(*train, "--out", "first")
    again = (*train, "--start", "first/best.safetensors")
    succeed(*again, "--out", "second")
    assert fail(3, *train, "--out", "second", "--resume").startswith("error[Q126]")
    assert fail(2, *again, "--lm", "--out", "third").startswith("error[Q003]")


WRONG = {
    "Q530-unknown-settings": ("smal", None),
    "Q530-unknown-keys": ("s.yaml", "epocs: 3\nmodel: {encoder_layer: 2}\nepochs: 2\n"),
    "Q530-wrong-types": (
        "s.yaml",
        "epochs: many\ndisturbance: {join: 'yes'}\nmodel: {features: 3}\n",
    ),
    "Q530-too-small": ("s.yaml", "epochs: 0\npeak_rate: 0\nmodel: {encoder_hidden: -8}\n"),
    "Q530-unknown-preset": ("s.yaml", "model: papr\n"),
    "Q530-no-mapping": ("s.yaml", "- epochs\n"),
    "Q531-anchor": ("s.yaml", "epochs: &a 3\nseed: *a\n"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_settings(settings, corpus, golden, name):
    config, text = WRONG[name]
    if text is not None:
        (settings / "s.yaml").write_text(text)
    shown = fail(3, "train", "--data", "corpus", "--config", config, "--out", "run")
    golden(f"errors/{name}.txt", shown)
    assert not (settings / "run").exists()


def test_a_corpus_without_a_development_split(settings, corpus):
    manifest = corpus / "manifest.jsonl"
    manifest.write_text(manifest.read_text().replace("dev", "train"))
    train = ("train", "--data", "corpus", "--config", "tiny.yaml", "--out", "run")
    assert fail(3, *train).startswith("error[Q505]: the corpus has no split 'dev'")


def test_resume_is_for_transducers(settings, corpus):
    text = fail(2, "train", "--data", "corpus", "--lm", "--out", "run", "--resume")
    assert text.startswith("error[Q003]")
