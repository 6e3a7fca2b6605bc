"""Fine-tuning a package: it learns, resumes to the bit, shares batches, says what is wrong."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_corpora import write_manifest, write_sound
from tiny_rnnt import TINY

from q4compile.cli.finetune import command as command_line
from q4compile.cli.options import Settings
from q4compile.errors import DataError, ModelError, OutputError
from q4compile.graph.read import read_model
from q4compile.graph.write import write_model
from q4compile.qat import load_package
from q4compile.qat.emit.files import emit_file
from q4compile.quantize.quantize import quantize
from q4compile.recipe.read_recipe import load_recipe
from q4compile.speech.config import LmConfig
from q4compile.speech.export import export_lm, export_rnnt
from q4compile.speech.feeds import speech_feeds
from q4compile.speech.finetune import LOG, STATE, WEIGHTS, FinetuneConfig, finetune
from q4compile.speech.finetune_lm import LmSettings, LmTask
from q4compile.speech.finetune_runs import Lessons, run_finetune
from q4compile.speech.lm import CharLm
from q4compile.speech.metadata import read_metadata
from q4compile.speech.model import Rnnt
from q4compile.speech.processes import Processes
from q4compile.speech.runs import Run
from q4compile.speech.scalars import tensorboard
from q4compile.speech.vocabulary import AN4

TEXTS = ["ONE TWO", "TWO THREE", "THREE", "ONE ONE TWO", "FOUR", "TWO ONE"]
CONFIG = FinetuneConfig(epochs=3, peak_rate=2e-2, average_decay=0.5)
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}


def tiny_models(folder):
    torch.manual_seed(0)
    lm, rnnt = folder / "lm.onnx", folder / "model.onnx"
    export_lm(CharLm(LmConfig(6, 1, 8, AN4)), lm)
    export_rnnt(Rnnt(TINY), rnnt)
    return lm, rnnt


def quantized_by(recipe, path):
    model = read_model(path)
    feeds = speech_feeds(read_metadata(model.metadata_props, str(path)), limit=2)
    written = path.with_suffix(".q4.onnx")
    write_model(quantize(model, load_recipe(recipe), feeds, path.stem).model, written)
    return written


def task(seed=0, teacher=None):
    return LmTask(AN4, TEXTS * 4, TEXTS, seed, LmSettings(batch=5), teacher)


def run(package, folder, config=CONFIG, **arguments):
    model = load_package(package)
    return model, finetune(config, model, task(config.seed), folder, **arguments)


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """A tiny language model and transducer as packages, float and quantized."""
    folder = tmp_path_factory.mktemp("packages")
    lm, rnnt = tiny_models(folder)
    made = {}
    for name, path in {"lm": lm, "rnnt": rnnt}.items():
        quantized = quantized_by("rnnt", path)
        made[name] = emit_file(quantized, folder / f"{name}_qat", weights=path).folder
        made[f"{name}_float"] = emit_file(path, folder / f"{name}_float").folder
    return made


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    rows = [
        {"audio": f"{n}.wav", "text": TEXTS[n % 6], "speaker": "s", "split": split}
        for n, split in enumerate(["train"] * 8 + ["dev"] * 3)
    ]
    for row in rows:
        write_sound(folder / row["audio"], samples=6000)
    write_manifest(folder, *rows)
    return folder


def test_it_learns(packages, tmp_path):
    _, done = run(packages["lm"], tmp_path, replace(CONFIG, epochs=6, grid_rate=0.02))
    scores = [row["score"] for row in lines(tmp_path)]
    assert done.score == scores[-1] < 0.9 * scores[0]
    assert done.epoch == 6


def test_what_it_keeps_is_what_it_scored(packages, tmp_path):
    _, done = run(packages["lm"], tmp_path)
    model = load_package(packages["lm"])
    model.load(done.weights)
    assert task().judge(model)["development_nats_per_character"] == done.score


def test_a_teacher_pulls_the_student_towards_itself(packages, tmp_path):
    teacher = load_package(packages["lm_float"])
    measure = LmTask(AN4, TEXTS * 4, TEXTS, 0, LmSettings(batch=24), teacher)
    apart = []
    for weight in (0.0, 50.0):
        model = load_package(packages["lm"])
        lesson = LmTask(AN4, TEXTS * 4, TEXTS, 0, LmSettings(batch=5, distill=weight), teacher)
        finetune(CONFIG, model, lesson, tmp_path / f"{weight}")
        terms = measure.losses(model.eval(), measure.batches(0)[0])
        apart.append(terms["distillation"].item())
    alone, taught = apart
    assert taught < 0.5 * alone


def test_patience_stops_and_keeps_the_best(packages, tmp_path, monkeypatch):
    scores = iter([3.0, 1.0, 2.0, 2.0, 0.5])
    monkeypatch.setattr(LmTask, "judge", lambda self, model: {"development": next(scores)})
    _, done = run(packages["lm"], tmp_path, replace(CONFIG, epochs=5, patience=2))
    assert (done.score, done.epoch) == (1.0, 2)
    assert [row["epoch"] for row in lines(tmp_path)] == [1, 2, 3, 4]


def test_a_run_with_other_settings_is_refused(packages, tmp_path):
    run(packages["lm"], tmp_path)
    with pytest.raises(ModelError, match="Q126"):
        run(packages["lm"], tmp_path, replace(CONFIG, peak_rate=1e-4))


def test_a_run_of_another_model_is_refused(packages, tmp_path):
    run(packages["lm"], tmp_path)
    with pytest.raises(ModelError, match="Q126"):
        run(packages["lm_float"], tmp_path)


def test_a_truncated_state_is_refused(packages, tmp_path):
    run(packages["lm"], tmp_path)
    whole = (tmp_path / STATE).read_bytes()
    (tmp_path / STATE).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="Q120"):
        run(packages["lm"], tmp_path)


def test_a_run_that_diverges_says_so(packages, tmp_path):
    with pytest.raises(ModelError, match="Q127"):
        run(packages["lm"], tmp_path, replace(CONFIG, peak_rate=1e30))


def test_a_second_run_needs_resume(packages, corpus, tmp_path):
    lessons = Lessons(corpus, sentences=0)
    run_finetune(packages["lm"], lessons, CONFIG, tmp_path)
    with pytest.raises(OutputError, match="Q553"):
        run_finetune(packages["lm"], lessons, CONFIG, tmp_path)


def test_curves_hold_losses_and_clips(packages, tmp_path):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    with tensorboard(tmp_path / "curves") as scalars:
        run(packages["lm"], tmp_path, scalars=scalars)
    found = events.EventAccumulator(str(tmp_path / "curves"))
    found.Reload()
    tags = found.Tags()["scalars"]
    assert "run/next" in tags and any(tag.startswith("clip_high/") for tag in tags)
    assert len(found.Scalars("run/next")) == CONFIG.epochs


def test_without_tensorboard_the_error_names_the_package(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(DataError, match="Q566"), tensorboard(tmp_path):
        pass


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_shares_of_a_batch_add_up(packages, count):
    """What several processes average is what one would compute."""
    model, lesson = load_package(packages["lm"]), task()
    batch = lesson.batches(0)[0][:3]  # fewer rows than the most processes
    whole = sum(lesson.losses(model, batch).values())
    parts = [
        sum(lesson.losses(model, batch, Processes(rank, count)).values()) for rank in range(count)
    ]
    assert (sum(parts) / count).item() == pytest.approx(whole.item(), rel=1e-5)


def test_a_transducer_learns_and_is_scored_by_its_words(packages, corpus, tmp_path):
    lessons = Lessons(corpus, teacher=packages["rnnt_float"])
    config = replace(CONFIG, epochs=4, evaluate_every=4, peak_rate=5e-3)
    done = run_finetune(packages["rnnt"], lessons, config, tmp_path)
    first, *_, last = lines(tmp_path)
    assert last["transducer"] < first["transducer"]
    assert "score" not in first
    assert done.figures["development_wer_percent"] >= 0
    assert done.figures["development_transducer"] == done.figures["development_score"]


def command(package, corpus, folder, *more):
    return [
        *("-m", "q4compile", "finetune", str(package), "--data", str(corpus), "--sentences", "300"),
        *("--epochs", "4", "--out", str(folder), "--quiet", *more),
    ]


def finished(*words):
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr


def test_a_killed_run_ends_with_the_same_bits(packages, corpus, tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    finished(sys.executable, *command(packages["lm"], corpus, whole))
    words = [sys.executable, *command(packages["lm"], corpus, cut)]
    with subprocess.Popen(words, env=ENVIRONMENT) as victim:
        while not (cut / STATE).exists() and victim.poll() is None:
            time.sleep(0.01)
        victim.send_signal(signal.SIGKILL)
    assert len(lines(cut)) < 4
    finished(*words, "--resume")
    ours, theirs = load_file(cut / WEIGHTS), load_file(whole / WEIGHTS)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_two_processes_train_the_model_of_one(packages, corpus, tmp_path):
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    finished(sys.executable, *command(packages["lm"], corpus, alone))
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", "--standalone"]
    finished(*launch, *command(packages["lm"], corpus, shared))
    ours, theirs = load_file(shared / WEIGHTS), load_file(alone / WEIGHTS)
    start = load_file(packages["lm"] / WEIGHTS)
    for name, value in theirs.items():
        if value.is_floating_point():
            moved = (value - start[name]).abs().max().item()
            assert (ours[name] - value).abs().max().item() <= 0.01 * moved + 1e-6, name


def lines(folder):
    return [json.loads(line) for line in (folder / LOG).read_text().splitlines()]


@pytest.mark.parametrize("rank", [0, 1])
def test_only_the_first_process_reports(tmp_path, monkeypatch, capsys, rank):
    """Two of them would print two objects, and write one record at once."""
    done = Run(tmp_path / WEIGHTS, {}, {})
    monkeypatch.setattr("q4compile.speech.finetune_runs.run_finetune", lambda *_: done)
    monkeypatch.setenv("RANK", f"{rank}")
    words = ["package", "--data", "corpus", "--out", str(tmp_path), "--json"]
    command_line(words, standalone_mode=False, obj=Settings())
    assert bool(capsys.readouterr().out) == bool(list(tmp_path.iterdir())) == (rank == 0)


def test_the_command_says_what_the_rate_ends_at_and_how_long_to_average(tmp_path, monkeypatch):
    asked = []

    def noted(package, lessons, config, *rest):
        asked.append(config)
        return Run(tmp_path / WEIGHTS, {}, {})

    monkeypatch.setattr("q4compile.speech.finetune_runs.run_finetune", noted)
    words = ["package", "--data", "corpus", "--out", str(tmp_path)]
    for options in ([], ["--final-rate", "1", "--average", "0.998"]):
        command_line([*words, *options, "--json"], standalone_mode=False, obj=Settings())
    usual = FinetuneConfig()
    assert asked == [usual, replace(usual, final_rate=1.0, average_decay=0.998)]


def test_a_teacher_of_another_network_is_refused_before_anything_is_heard(packages, tmp_path):
    lessons = Lessons(tmp_path / "no corpus", teacher=packages["rnnt_float"])
    with pytest.raises(ModelError, match="Q126"):
        run_finetune(packages["lm"], lessons, CONFIG, tmp_path / "run")


def test_a_process_without_a_gpu_says_so_before_anything_is_read(packages, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    lessons = Lessons(tmp_path / "no corpus")
    with pytest.raises(DataError, match="Q567"):
        run_finetune(packages["lm"], lessons, CONFIG, tmp_path / "run", device="cuda")


def test_a_state_with_a_broken_header_is_refused(packages, tmp_path):
    run(packages["lm"], tmp_path)
    save_file(load_file(tmp_path / STATE), tmp_path / STATE, {"q4compile-training": "[]"})
    with pytest.raises(ModelError, match="Q120"):
        run(packages["lm"], tmp_path)


def test_a_run_with_another_teacher_is_not_resumed(packages, tmp_path):
    for name in ("lm_float", "lm"):
        lesson = task(teacher=load_package(packages[name]))
        if name == "lm_float":
            finetune(CONFIG, load_package(packages["lm"]), lesson, tmp_path)
            continue
        with pytest.raises(ModelError, match="teacher"):
            finetune(CONFIG, load_package(packages["lm"]), lesson, tmp_path)
