"""Training: it learns, it resumes to the bit, and it explains what it cannot go on with."""

import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch
from small_corpora import write_manifest
from tiny_rnnt import TINY

from q4compile.errors import ModelError
from q4compile.speech import train as training
from q4compile.speech.batches import Disturbance
from q4compile.speech.checkpoint import load_rnnt
from q4compile.speech.features import FeatureConfig
from q4compile.speech.schedule import learning_rate
from q4compile.speech.source import Source
from q4compile.speech.train import BEST, LOG, STATE, TrainConfig, train

TONES_HZ = {"A": 400, "B": 1200, "C": 3000}
CONFIG = TrainConfig(
    model=TINY,
    epochs=4,
    batch_seconds=3.0,
    evaluate_every=2,
    average_decay=0.9,
    disturbance=Disturbance(join=0.3, time_share=0.0, freq_width=1),
)


@pytest.fixture(scope="module")
def tones(tmp_path_factory):
    """A language of three tones of a quarter second, one per letter."""
    folder = tmp_path_factory.mktemp("tones")
    rng = np.random.default_rng(0)
    time = np.arange(4000) / 16000
    rows = []
    for n in range(40):
        # Each utterance holds all tones: normalization per utterance hides what never changes.
        text = "".join(rng.permutation(list(TONES_HZ)))
        sound = [
            0.3 * np.sin(2 * np.pi * TONES_HZ[letter] * time) * np.hanning(4000) for letter in text
        ]
        noise = rng.normal(0, 0.001, 12000)
        soundfile.write(folder / f"{n}.flac", np.concatenate(sound) + noise, 16000)
        split = "dev" if n < 8 else "train"
        rows.append({"audio": f"{n}.flac", "text": text, "speaker": "s", "split": split})
    write_manifest(folder, *rows)
    return folder


def run(tones, folder, config=CONFIG, **arguments):
    sources = [Source(tones, "train", copies=2)]
    return train(config, sources, Source(tones, "dev"), folder, **arguments)


def test_it_learns_a_small_language(tones, tmp_path):
    config = replace(
        CONFIG,
        model=replace(
            TINY,
            features=FeatureConfig(n_mels=8, stack=4, skip=4),
            encoder_layers=1,
            encoder_hidden=32,
            predictor_hidden=16,
            joint_dim=32,
            time_reduction=None,
        ),
        disturbance=Disturbance(join=0.0, freq_masks=0, time_masks=0, warp=0.0),
        epochs=30,
        batch_seconds=1.5,
        evaluate_every=10,
        peak_rate=2e-2,
        dropout=0.0,
    )
    result = run(tones, tmp_path, config)
    assert result.wer_percent < 25
    rows = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert [row["epoch"] for row in rows] == list(range(1, 31))
    assert rows[-1]["loss_per_label"] < rows[0]["loss_per_label"] / 4
    assert result.checkpoint == tmp_path / BEST
    scored = [row["development_wer_percent"] for row in rows if "development_wer_percent" in row]
    assert len(scored) == 3
    assert min(scored) == pytest.approx(result.wer_percent, abs=1e-3)


class Killed(Exception):
    pass


def killed_after(epochs):
    """A progress that lets `epochs` epochs finish."""

    def progress(items, what, total=None):
        for number, item in enumerate(items):
            if what == "epochs" and number == epochs:
                raise Killed
            yield item

    return progress


@pytest.mark.parametrize("finished", [1, 2, 3])
def test_a_killed_run_goes_on_to_the_same_bits(tones, tmp_path, finished):
    whole = run(tones, tmp_path / "whole")
    with pytest.raises(Killed):
        run(tones, tmp_path / "cut", progress=killed_after(finished))
    resumed = run(tones, tmp_path / "cut")
    assert (resumed.wer_percent, resumed.epoch) == (whole.wer_percent, whole.epoch)
    for name in (BEST, STATE):
        assert states(tmp_path / "cut" / name) == states(tmp_path / "whole" / name)


def states(path):
    """Every tensor of the file as bytes."""
    from safetensors import safe_open

    with safe_open(path, framework="np") as file:
        return {name: file.get_tensor(name).tobytes() for name in file.keys()}  # noqa: SIM118


def test_a_finished_run_is_not_repeated(tones, tmp_path):
    first = run(tones, tmp_path)
    before = (tmp_path / STATE).read_bytes()
    assert run(tones, tmp_path, progress=killed_after(0)) == first
    assert (tmp_path / STATE).read_bytes() == before


def test_the_ctc_head_is_in_no_checkpoint(tones, tmp_path):
    result = run(tones, tmp_path, replace(CONFIG, epochs=1))
    names = set(load_rnnt(result.checkpoint).state_dict())
    assert {name.split(".")[0] for name in names} == {"encoder", "predictor", "joint"}


def test_a_run_can_start_from_a_checkpoint(tones, tmp_path):
    first = run(tones, tmp_path / "first", replace(CONFIG, epochs=1))
    still = replace(CONFIG, epochs=1, peak_rate=1e-12, weight_decay=0.0, seed=5)
    second = run(tones, tmp_path / "second", still, start=first.checkpoint)
    before, after = (load_rnnt(done.checkpoint).state_dict() for done in (first, second))
    for name, value in before.items():
        torch.testing.assert_close(after[name], value, rtol=0, atol=1e-6)
    with pytest.raises(ModelError, match="start: null"):
        run(tones, tmp_path / "first", replace(CONFIG, epochs=1), start=first.checkpoint)


def test_a_stop_leaves_the_schedule_as_it_is(tones, tmp_path):
    whole = run(tones, tmp_path / "whole")
    stopped = run(tones, tmp_path / "stopped", stop=3)
    assert stopped.epoch in (2, 3)
    rows = (tmp_path / "stopped" / LOG).read_text().splitlines()
    assert len(rows) == 3 and "development_wer_percent" in rows[-1]
    assert run(tones, tmp_path / "stopped") == replace(whole, checkpoint=stopped.checkpoint)
    assert states(tmp_path / "stopped" / BEST) == states(tmp_path / "whole" / BEST)


def test_a_run_killed_before_its_first_score_has_one_after_its_stop(tones, tmp_path):
    with pytest.raises(Killed):
        run(tones, tmp_path / "cut", progress=killed_after(1))
    assert not (tmp_path / "cut" / BEST).exists()
    cut = run(tones, tmp_path / "cut", stop=1)
    stopped = run(tones, tmp_path / "stopped", stop=1)
    assert (cut.wer_percent, cut.epoch) == (stopped.wer_percent, stopped.epoch)
    assert states(cut.checkpoint) == states(stopped.checkpoint)


def test_a_start_of_other_sizes_is_refused(tones, tmp_path, golden):
    first = run(tones, tmp_path / "first", replace(CONFIG, epochs=1))
    wider = replace(CONFIG, model=replace(TINY, joint_dim=9))
    with pytest.raises(ModelError) as caught:
        run(tones, tmp_path / "second", wider, start=first.checkpoint)
    golden("errors/Q126-start.txt", str(caught.value), folder=tmp_path)


def test_other_settings_in_the_same_folder_are_refused(tones, tmp_path, golden):
    run(tones, tmp_path, replace(CONFIG, epochs=1))
    with pytest.raises(ModelError) as caught:
        run(tones, tmp_path, replace(CONFIG, epochs=1, dropout=0.5, seed=3))
    golden("errors/Q126-other-settings.txt", str(caught.value), run=tmp_path)


def test_a_broken_state_is_refused(tones, tmp_path, golden):
    run(tones, tmp_path, replace(CONFIG, epochs=1))
    state = tmp_path / STATE
    state.write_bytes(state.read_bytes()[:5000])
    with pytest.raises(ModelError) as caught:
        run(tones, tmp_path)
    golden("errors/Q120-state-truncated.txt", str(caught.value), run=tmp_path)


def test_a_run_that_diverges_stops_and_keeps_its_best(tones, tmp_path, golden, monkeypatch):
    result = run(tones, tmp_path, replace(CONFIG, epochs=2))
    kept = result.checkpoint.read_bytes()
    (tmp_path / STATE).unlink()
    real = training.rnnt_loss
    monkeypatch.setattr(training, "rnnt_loss", lambda *given: real(*given) * torch.inf)
    with pytest.raises(ModelError) as caught:
        run(tones, tmp_path, replace(CONFIG, epochs=2))
    golden("errors/Q127-diverged.txt", str(caught.value))
    assert result.checkpoint.read_bytes() == kept


def test_training_leaves_torch_s_generator_alone(tones, tmp_path):
    torch.manual_seed(9)
    before = torch.get_rng_state()
    run(tones, tmp_path, replace(CONFIG, epochs=1))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_rate_rises_and_falls():
    rates = [learning_rate(2e-3, 0.25, step / 100) for step in range(101)]
    assert rates[0] == 0
    assert rates[25] == 2e-3
    assert rates[100] == pytest.approx(0, abs=1e-18)
    assert rates[:26] == sorted(rates[:26])
    assert rates[25:] == sorted(rates[25:], reverse=True)


def test_a_share_of_the_rate_can_be_left():
    rates = [learning_rate(2e-3, 0.25, step / 100, 0.25) for step in range(101)]
    assert rates[25] == 2e-3
    assert rates[100] == pytest.approx(5e-4)
    assert rates[25:] == sorted(rates[25:], reverse=True)
    held = [learning_rate(2e-3, 0.25, step / 100, 1.0) for step in range(25, 101)]
    assert held == pytest.approx([2e-3] * 76)
