"""Word error rate of quantized models on the simulated accelerator, beside onnxruntime.

    python benchmarks/sim_wer.py --data an4 [--model trained.q4.onnx ...]

Every network of every step runs on the machine: bit for bit what benchmarks/integers.py computes.
Both backends hear the AN4 test set and the development speakers greedily. Without --model, the
bundled RNN-T, quantized by `rnnt`, is heard. Differences have a paired-bootstrap 95 % interval over
utterances, all models together. Beside words, the codes of the encoder: how many of what lies
between its nodes the machine has otherwise than onnxruntime, on the test set.
"""

import argparse
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from rich.console import Console
from rich.table import Table

from q4compile.cli.bars import progress_for
from q4compile.graph.parts import parts
from q4compile.graph.read import read_model, read_models
from q4compile.graph.watched import watched
from q4compile.graph.write import write_model
from q4compile.isa.target import load_target
from q4compile.progress import Progress
from q4compile.quantize.quantize import quantize
from q4compile.quantize.session import session
from q4compile.recipe.read_recipe import load_recipe
from q4compile.report.record import benchmark_record, new_record, write_record
from q4compile.runtime.compare import ROUNDING, on_grid
from q4compile.runtime.onnxruntime_executor import run_session
from q4compile.runtime.sim_executor import simulated
from q4compile.sim.simulator import Simulator
from q4compile.speech.checkpoint import load_rnnt, shipped
from q4compile.speech.corpus import read_corpus
from q4compile.speech.evaluate import evaluate, hear
from q4compile.speech.export import export_rnnt
from q4compile.speech.feeds import speech_feeds
from q4compile.speech.metadata import read_metadata
from q4compile.speech.recognizer import recognizer
from q4compile.speech.score import paired_bootstrap

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "sim_wer.json"
SETS = ("test", "dev")
BACKENDS = ("onnxruntime", "sim")
TARGET, ENCODER = "rapid1", "encoder"


def main() -> int:
    arguments = options()
    if not (arguments.data / "etc" / "an4_test.fileids").is_file():
        print(f"skipped: no AN4 in {arguments.data}; clone cmusphinx/an4 or name it by --data")
        return 0
    progress = progress_for(not arguments.json)
    with tempfile.TemporaryDirectory() as folder:
        models = arguments.model or [quantized(arguments.data, Path(folder))]
        rows = [row(model, arguments.data, progress) for model in models]
        apart = [value for model in models for value in codes_apart(model, arguments.data)]
    figures = together(rows) | shares(apart)
    show(rows, figures, arguments.json)
    inputs = arguments.model or [shipped("small")]
    details = {"rows": rows, "codes": apart}
    record = benchmark_record(new_record("sim_wer", inputs, figures, details), ROOT)
    write_record(record, arguments.output)
    return 0


def quantized(data: Path, folder: Path) -> Path:
    """The bundled RNN-T in 4 bits."""
    exported, path = folder / "model.onnx", folder / "rnnt.q4.onnx"
    export_rnnt(load_rnnt(shipped("small")), exported)
    model = read_model(exported)
    metadata = read_metadata(model.metadata_props, str(exported))
    assert metadata is not None, "an exported model says what it hears"
    write_model(quantize(model, load_recipe("rnnt"), speech_feeds(metadata, data)).model, path)
    return path


def row(model: Path, data: Path, progress: Progress) -> dict[str, Any]:
    """Word errors by backend and utterance, same transcripts, and host time on the machine."""
    found: dict[str, Any] = {"model": model.name, "errors": {}, "texts": {}}
    for backend in BACKENDS:
        ears = recognizer(model, backend)
        errors: list[int] = []
        words: list[int] = []
        texts: list[str] = []
        seconds = audio_s = 0.0
        for name in SETS:
            heard = hear(read_corpus(data, name), ears.features, progress)
            done = evaluate(ears.transducer, heard, ears.vocabulary, progress=progress)
            seconds += done.decoding_s
            audio_s += done.audio_s
            errors += done.errors.tolist()
            words += done.words.tolist()
            texts += list(done.hypotheses)
        found["errors"][backend], found["texts"][backend] = errors, texts
        found["words"], found["audio_s"] = words, audio_s
        found[f"{backend}_seconds"] = seconds
    same = [ours == theirs for ours, theirs in zip(*found.pop("texts").values(), strict=True)]
    return found | {"same_transcripts_share": sum(same) / len(same)}


def codes_apart(model: Path, data: Path) -> Iterator[dict[str, Any]]:
    """Codes of the encoder on the machine and under onnxruntime: a row for each value in DRAM."""
    program = simulated(model, TARGET).program
    entry = program.entry(ENCODER)
    (part,) = (each for each in parts(read_models(model)) if each.name == ENCODER)
    runner = session(watched(part.model, (made.layout.name for made in entry.made)))
    machine = Simulator(program, sram_bytes=load_target(TARGET).sram.size_bytes)
    counts = {made.layout.name: Counter[str]() for made in entry.made}
    for features in hear(
        read_corpus(data, "test"), recognizer(model, "onnxruntime").features
    ).features:
        given = features[None], np.array([len(features)])
        feeds = dict(zip((port.name for port in entry.ports), given, strict=False))
        ours, theirs = (
            machine.run(ENCODER, feeds, record=True).made,
            run_session(runner, ENCODER, feeds),
        )
        for made in entry.made:
            name = made.layout.name
            distance = np.abs(ours[name].astype(np.int64) - on_grid(theirs[name], made.layout))
            counts[name] += Counter(
                codes=distance.size,
                different=int((distance > 0).sum()),
                beyond_rounding=int((distance > ROUNDING).sum()),
            )
    for made in entry.made:
        name = made.layout.name
        node = program.nodes[made.node]
        yield {"model": model.name, "node": node, "type": made.layout.type, **counts[name]}


def shares(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Of the codes of 4 bits, all together and by how deep they are; of the encoder's result."""
    narrow = [each for each in rows if each["type"] == "i4"]
    result = [each for each in rows if each["type"] != "i4"]
    first = [each for each in narrow if each["node"] == narrow[0]["node"]]
    last = [each for each in narrow if each["node"] == narrow[-1]["node"]]
    return {
        "code_mismatch_share": share(narrow, "different"),
        "code_mismatch_share_first_layer": share(first, "different"),
        "code_mismatch_share_last_layer": share(last, "different"),
        "code_mismatch_share_beyond_rounding": share(narrow, "beyond_rounding"),
        "result_code_mismatch_share": share(result, "different"),
        "int4_codes_compared": sum(each["codes"] for each in narrow),
    }


def share(rows: list[dict[str, Any]], what: str) -> float:
    return sum(each[what] for each in rows) / max(sum(each["codes"] for each in rows), 1)


def together(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Over all models: error rates, their difference, and host seconds per second of sound."""
    words = sum(np.asarray(each["words"]) for each in rows)
    counts = {name: sum(np.asarray(each["errors"][name]) for each in rows) for name in BACKENDS}
    apart = paired_bootstrap(counts["onnxruntime"], counts["sim"], words)
    audio_s = sum(each["audio_s"] for each in rows)
    return {
        "wer_onnxruntime_percent": 100 * float(counts["onnxruntime"].sum() / words.sum()),
        "wer_sim_percent": 100 * float(counts["sim"].sum() / words.sum()),
        "wer_sim_minus_onnxruntime_percent": apart.difference_percent,
        "wer_sim_minus_onnxruntime_percent_ci_low": apart.low,
        "wer_sim_minus_onnxruntime_percent_ci_high": apart.high,
        "same_transcripts_share": sum(e["same_transcripts_share"] for e in rows) / len(rows),
        "host_seconds_per_audio_second": sum(e["sim_seconds"] for e in rows) / audio_s,
    }


def show(rows: list[dict[str, Any]], figures: dict[str, float], as_json: bool) -> None:
    if as_json:
        print(json.dumps({"figures": figures, "rows": rows}, indent=2))
        return
    table = Table("model", *(f"WER [%] {name}" for name in BACKENDS), "same transcripts")
    for each in rows:
        total = sum(each["words"])
        rates = (f"{100 * sum(each['errors'][name]) / total:.2f}" for name in BACKENDS)
        table.add_row(each["model"], *rates, f"{each['same_transcripts_share']:.1%}")
    Console().print(table)
    for name, value in figures.items():
        print(f"{name} {value:.4f}")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=ROOT / "an4", help="AN4 [default: ./an4]")
    parser.add_argument("--model", type=Path, action="append", help="quantized; may be repeated")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("-o", "--output", type=Path, default=RESULT)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
