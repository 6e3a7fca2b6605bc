"""``q4compile eval`` and ``q4compile demo`` on bundled speech."""

import json

from running import fail, succeed

from q4compile.report.record import read_record


def test_eval_prints_rates():
    shown = succeed("eval", "small", "--limit", 6)
    assert shown.splitlines()[0].startswith("WER ")
    assert "CPU-seconds for" in shown


def test_eval_leaves_transcripts_and_a_record(tmp_path):
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    succeed("eval", "small", "--limit", 6, "-o", first)
    record = json.loads(succeed("eval", "small", "--limit", 6, "--against", first, "--json"))
    assert record["figures"]["wer_difference_percent"] == 0
    kept = read_record(first.with_name("first.jsonl.record.json"))
    assert kept.command == "eval"
    assert kept.figures["utterances"] == 6
    assert len(first.read_text().splitlines()) == 6
    assert not second.exists()


def test_eval_scores_a_random_model_badly(made, corpus):
    record = json.loads(
        succeed("eval", made / "model.onnx", "--data", corpus, "--split", "dev", "--json")
    )
    assert record["figures"]["wer_percent"] > 50
    assert record["details"]["backend"] == "onnxruntime"


def test_eval_of_a_language_model(made):
    assert "Q116" in fail(3, "eval", made / "lm.onnx")


def test_eval_of_a_split_that_is_not_there(corpus):
    assert "Q505" in fail(3, "eval", "small", "--data", corpus, "--split", "tset")


def test_demo_leaves_models_and_records(tmp_path, corpus):
    shown = succeed("demo", "--data", corpus, "--recipe", "rnnt", "-o", tmp_path / "out")
    assert "rnnt" in shown
    names = {path.name for path in (tmp_path / "out").iterdir()}
    models = {"model.onnx", "model.rnnt.q4.onnx", "model.rnnt.q4p"}
    assert names == models | {f"{name}.record.json" for name in models}
    record = read_record(tmp_path / "out" / "model.rnnt.q4.onnx.record.json")
    assert record.figures["lstm_int4_share"] == 1
    assert record.figures["compression_ratio"] > 7.6
    record = read_record(tmp_path / "out" / "model.rnnt.q4p.record.json")
    assert record.figures["cycles_total"] > 0 and record.figures["machine_rtf"] < 1
    assert record.figures["utterances"] == 6


def test_demo_says_what_calibrates_and_what_is_scored(tmp_path, corpus):
    demo = ("demo", "--data", corpus, "--recipe", "w8a8", "-o", tmp_path / "out")
    shown = succeed(*demo, "--split", "dev")
    assert "4 utterances calibrate, 2 are scored (1 s), none of them heard" in " ".join(
        shown.split()
    )
    assert "6 are scored (3 s), 4 of them heard in calibration" in " ".join(succeed(*demo).split())
    record = read_record(tmp_path / "out" / "model.w8a8.q4.onnx.record.json")
    assert record.details["calibration_utterances"] == 4


def test_bundled_speech_is_calibrated_on_its_first_and_scored_on_its_second_split(tmp_path):
    shown = succeed("demo", "--recipe", "w8a8", "-o", tmp_path / "out")
    assert "40 utterances calibrate, 80 are scored" in shown
    assert "none of them heard in calibration" in shown
    record = read_record(tmp_path / "out" / "model.w8a8.q4.onnx.record.json")
    assert record.figures["utterances"] == 80


def test_eval_scores_the_test_split_of_bundled_speech():
    record = json.loads(succeed("eval", "small", "--limit", 4, "--json"))
    assert (record["details"]["split"], record["figures"]["utterances"]) == ("test", 4)


def test_demo_as_json(tmp_path, corpus):
    found = json.loads(
        succeed("demo", "--data", corpus, "--recipe", "w8a8", "-o", tmp_path / "out", "--json")
    )
    assert set(found) == {"fp32", "w8a8"}


def test_eval_with_a_beam_and_language_models(tmp_path):
    kept = tmp_path / "found.jsonl"
    search = ("--beam", 4, "--lm", "lm", "--source-lm", "lm", "--lambda", 0.3, "--mu", 0.1)
    run = ("eval", "small", "--limit", 4, *search, "--rho", 0.2, "--hypotheses", kept, "--json")
    figures = json.loads(succeed(*run))["figures"]
    assert 0 < figures["lm_rows"] <= figures["source_lm_rows"]
    assert 0 < figures["lm_active_step_share"] <= 1
    assert json.loads(succeed(*run))["figures"] == figures, "the second time nothing is decoded"
    assert len(kept.read_text().splitlines()) == 4


def test_eval_takes_weights_from_beside_the_model(tmp_path, made, corpus):
    model = tmp_path / "model.onnx"
    model.write_bytes((made / "model.onnx").read_bytes())
    run = ("eval", model, "--data", corpus, "--beam", 2, "--lm", made / "lm.onnx", "--json")
    assert "Q586" in fail(3, *run)
    (tmp_path / "model.onnx.fusion.yaml").write_text("external: 0.5\n")
    assert json.loads(succeed(*run))["figures"]["lm_rows"] > 0


def test_eval_refuses_a_beam_of_zero(golden):
    golden("errors/Q003-beam-zero.txt", fail(2, "eval", "small", "--beam", 0))


def test_eval_refuses_a_language_model_without_a_weight(golden):
    golden("errors/Q586-no-weight.txt", fail(3, "eval", "small", "--lm", "lm"))
