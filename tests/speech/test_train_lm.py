"""The language model learns what can be learned, and no more."""

from dataclasses import replace
from math import log

import pytest
import torch

from q4compile.errors import DataError
from q4compile.speech.checkpoint import load_lm
from q4compile.speech.config import SMALL_LM
from q4compile.speech.train_lm import LmTrainConfig, nats_per_character, train_lm

CONFIG = LmTrainConfig(
    lm=replace(SMALL_LM, embedding=8, hidden=16), epochs=30, batch=8, peak_rate=2e-2, dropout=0.0
)
LINES = ["AB", "AC"] * 40


def test_it_reaches_the_entropy_of_its_source(tmp_path):
    """A fair coin in the middle of 3 characters: ln 2 / 3 nats per character, end included."""
    result = train_lm(CONFIG, LINES, LINES[:2], tmp_path / "lm.safetensors")
    assert result.nats_per_character == pytest.approx(log(2) / 3, abs=0.03)


def test_the_score_is_that_of_the_file(tmp_path):
    result = train_lm(replace(CONFIG, epochs=3), LINES, ["ABBA"], tmp_path / "lm.safetensors")
    lm = load_lm(result.checkpoint)
    line = torch.tensor([*lm.config.vocabulary.encode("ABBA"), 0])
    assert nats_per_character(lm, [line]) == result.nats_per_character
    logits, _ = lm(torch.tensor([[0, *line[:-1].tolist()]]))
    expected = -logits[0].log_softmax(-1)[range(5), line].mean().item()
    assert result.nats_per_character == pytest.approx(expected, rel=1e-5)


def test_the_score_does_not_depend_on_the_batching(tmp_path):
    result = train_lm(replace(CONFIG, epochs=1), LINES, ["AB"], tmp_path / "lm.safetensors")
    lm = load_lm(result.checkpoint)
    lines = [torch.tensor([1 + n % 28] * (n % 7) + [0]) for n in range(150)]
    alone = sum(nats_per_character(lm, [line]) * len(line) for line in lines)
    together = nats_per_character(lm, lines) * sum(map(len, lines))
    assert together == pytest.approx(alone, rel=1e-5)


def test_equal_seeds_give_equal_files(tmp_path):
    for name in ("a", "b"):
        train_lm(replace(CONFIG, epochs=1), LINES, ["AB"], tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_unknown_characters_are_refused(tmp_path):
    with pytest.raises(DataError, match="Q504"):
        train_lm(CONFIG, ["AB", "é"], ["AB"], tmp_path / "lm.safetensors")
    assert not list(tmp_path.iterdir())
