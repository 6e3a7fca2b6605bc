"""Word error rate and compression of every recipe on AN4, without training.

Each recipe quantizes the bundled model, calibrated on 128 training utterances, and decodes the test
set and the development speakers under onnxruntime. Differences to FP32 carry a paired-bootstrap
95 % interval. Compression is measured on the files written, for the bundled model and for one of
the paper's size with random weights.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from rich.console import Console
from rich.table import Table

from q4compile.cli.bars import progress_for
from q4compile.graph.read import read_model
from q4compile.graph.write import write_model
from q4compile.progress import Progress
from q4compile.quantize.quantize import quantize
from q4compile.quantize.summary import compression
from q4compile.recipe.read_recipe import load_recipe
from q4compile.report.record import benchmark_record, new_record, write_record
from q4compile.speech.checkpoint import load_rnnt, shipped
from q4compile.speech.config import PAPER
from q4compile.speech.corpus import read_corpus
from q4compile.speech.evaluate import compare, hear, pooled
from q4compile.speech.export import export_rnnt
from q4compile.speech.feeds import speech_feeds
from q4compile.speech.metadata import read_metadata
from q4compile.speech.model import Rnnt
from q4compile.speech.study import Trial, study

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "ptq.json"
LABELS = {
    "fp32": "fp32",
    "w8a8": "w8a8",
    "w4a8": "w4a8",
    "rnnt": "w4a4",
    "w4a4-naive": "w4a4_naive",
    "w3a3": "w3a3",
    "w3a3-naive": "w3a3_naive",
    "w2a4": "w2a4",
}
"""Recipe → its name in figures."""
SETS = ("test", "dev")
Row = dict[str, Any]


def main() -> int:
    """Run, print the table, and write the result file unless only some recipes were asked for."""
    arguments = _arguments()
    if not (arguments.data / "etc" / "an4_test.fileids").is_file():
        print(f"skipped: no AN4 in {arguments.data}; clone cmusphinx/an4 or name it by --data")
        return 0
    progress = progress_for(not arguments.json)
    config = load_rnnt(arguments.checkpoint).config
    sets = {
        name: hear(read_corpus(arguments.data, name), config.features, progress) for name in SETS
    }
    recipes = arguments.recipe or [name for name in LABELS if name != "fp32"]
    rows: dict[str, Row] = {}
    with tempfile.TemporaryDirectory() as folder:
        trials: list[Trial] = []
        for trial in study(
            arguments.checkpoint, recipes, sets, arguments.data, Path(folder), progress
        ):
            trials.append(trial)
            rows[trial.recipe] = _row(trial, trials[0])
        paper = _paper_compression(Path(folder), progress)
    _show(rows, paper, arguments.json)
    if not arguments.recipe or arguments.output != RESULT:
        _write(rows, paper, arguments.checkpoint, arguments.output)
    return 0


def _row(trial: Trial, reference: Trial) -> Row:
    parts = dict(trial.evaluations)
    parts["pooled"] = pooled(parts.values())
    baseline = {**reference.evaluations, "pooled": pooled(reference.evaluations.values())}
    row: Row = {"figures": dict(trial.figures)}
    for name, done in parts.items():
        change = compare(baseline[name], done)
        row[name] = {
            "wer_percent": done.wer.percent,
            "errors": done.wer.errors,
            "words": done.wer.length,
            "difference_percent": change.difference_percent,
            "low": change.low,
            "high": change.high,
        }
    return row


def _paper_compression(folder: Path, progress: Progress) -> float:
    """Of the paper's size under ``rnnt``: sizes do not depend on the weights' values."""
    torch.manual_seed(0)
    path, written = folder / "paper.onnx", folder / "paper.q4.onnx"
    export_rnnt(Rnnt(PAPER), path)
    model = read_model(path)
    metadata = read_metadata(model.metadata_props, str(path))
    assert metadata is not None
    feeds = list(speech_feeds(metadata, limit=1))
    done = quantize(model, load_recipe("rnnt"), feeds, progress=progress)
    write_model(done.model, written)
    return compression(model, written).ratio


def _show(rows: dict[str, Row], paper: float, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"rows": rows, "compression_ratio_paper": paper}, indent=2))
        return
    columns = ("test", "dev", "pooled", "test − FP32", "pooled − FP32", "compression")
    table = Table("recipe", *columns)
    for name, row in rows.items():
        ratio = row["figures"].get("compression_ratio")
        changes = [
            f"{part['difference_percent']:+.2f} [{part['low']:+.2f}, {part['high']:+.2f}]"
            for part in (row["test"], row["pooled"])
        ]
        cells = [f"{row[part]['wer_percent']:.2f}" for part in (*SETS, "pooled")]
        shown = changes if ratio else ["", ""]
        table.add_row(name, *cells, *shown, f"{ratio:.2f}x" if ratio else "1x")
    Console().print(table)
    Console().print(f"compression at the paper's size, rnnt: {paper:.2f}x")


def _write(rows: dict[str, Row], paper: float, checkpoint: Path, path: Path) -> None:
    figures: dict[str, float] = {"compression_ratio_paper": paper}
    for name, row in rows.items():
        for part in (*SETS, "pooled"):
            figures[f"wer_{LABELS.get(name, name)}_{part}_percent"] = row[part]["wer_percent"]
    if "rnnt" in rows:
        figures["compression_ratio_small"] = rows["rnnt"]["figures"]["compression_ratio"]
        figures["lstm_int4_share"] = rows["rnnt"]["figures"]["lstm_int4_share"]
    record = new_record("ptq", [checkpoint], figures, {"rows": rows})
    path.parent.mkdir(parents=True, exist_ok=True)
    write_record(benchmark_record(record, ROOT), path)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=ROOT / "an4", help="AN4 [default: ./an4]")
    parser.add_argument("--checkpoint", type=Path, default=shipped("small"))
    parser.add_argument("--recipe", action="append", help="only these, and write no result file")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("-o", "--output", type=Path, default=RESULT)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
