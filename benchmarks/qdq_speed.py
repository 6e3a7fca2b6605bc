"""How fast the quantized encoder runs under onnxruntime, beside the float32 LSTM operator.

    python benchmarks/qdq_speed.py

The encoder of the paper's size in float32 and in both quantized forms, on the same input and one
thread, runs taking turns. CPU time: what else the machine does counts little. The quantized forms
round h to 4 bits at every step of the recurrence.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import onnx_ir as ir
from models.paper import Feed, export_paper, features
from rich.console import Console
from rich.table import Table

from q4compile.cli.bars import progress_for
from q4compile.graph.components import components
from q4compile.graph.extract import extract
from q4compile.graph.read import read_model
from q4compile.quantize.quantize import quantize
from q4compile.quantize.session import session
from q4compile.recipe.read_recipe import load_recipe
from q4compile.report.record import benchmark_record, new_record, write_record

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "qdq_speed.json"
FIGURES = {
    "qdq": "time_ratio_vs_fp32_qdq",
    "exact": "time_ratio_vs_fp32_folded",
}
"""Form -> figure; form `exact` multiplies integers, its weights folded when the model is loaded."""
CALIBRATION_FRAMES = 60
Seconds = dict[str, list[float]]


def main() -> int:
    arguments = options()
    feed = one_feed(arguments.batch, arguments.frames)
    with tempfile.TemporaryDirectory() as name:
        say("exporting and quantizing the encoder")
        runs = {form: runner(model, feed) for form, model in encoders(Path(name)).items()}
        seconds = take_turns(runs, arguments)
    middles = {form: median(each) for form, each in seconds.items()}
    figures = {FIGURES[form]: round(middles[form] / middles["fp32"], 3) for form in FIGURES}
    details = {
        "batch": arguments.batch,
        "frames": arguments.frames,
        "threads": 1,
        "runs": arguments.runs,
        "median_cpu_seconds": {form: round(each, 4) for form, each in middles.items()},
        "least_cpu_seconds": {form: round(min(each), 4) for form, each in seconds.items()},
        "load_average_at_end": round(os.getloadavg()[0], 1),
    }
    record = new_record("benchmarks/qdq_speed.py", [], figures, details)
    record = benchmark_record(record, ROOT)
    write_record(record, arguments.output)
    print(json.dumps(figures, indent=2)) if arguments.json else show(seconds, f"{record.machine}")
    return 0


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=9, help="runs of each form [9]")
    parser.add_argument("--batch", type=int, default=8, help="utterances at once [8]")
    parser.add_argument("--frames", type=int, default=200, help="frames of each [200]")
    parser.add_argument("-o", "--output", type=Path, default=RESULT, help="the record to write")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser.parse_args()


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def one_feed(batch: int, frames: int) -> Feed:
    return {"features": features(batch, frames), "feature_lengths": np.full(batch, frames)}


def encoders(folder: Path) -> dict[str, ir.Model]:
    """fp32 and the quantized forms."""
    path = folder / "model.onnx"
    export_paper(path)
    model = read_model(path)
    encoder = extract(model, next(c for c in components(model) if c.name == "encoder"))
    recipe, calibration = load_recipe("rnnt"), [one_feed(1, CALIBRATION_FRAMES)]
    quantized = {
        form: quantize(encoder, recipe, calibration, "encoder", form).model for form in FIGURES
    }
    return {"fp32": encoder} | quantized


def runner(model: ir.Model, feed: Feed) -> Callable[[], object]:
    """Runs `model` on `feed` once when called; warm, with nothing left to load or fold."""
    loaded = session(model)
    names = {port.name for port in loaded.get_inputs()}
    own = {name: array for name, array in feed.items() if name in names}
    loaded.run(None, own)
    return lambda: loaded.run(None, own)


def take_turns(runs: dict[str, Callable[[], object]], arguments: argparse.Namespace) -> Seconds:
    """CPU seconds of each run, ``A B C A B C …``."""
    seconds: Seconds = {form: [] for form in runs}
    progress = progress_for(not arguments.json)
    for _ in progress(range(arguments.runs), "rounds", arguments.runs):
        for form, run in runs.items():
            started = time.process_time()
            run()
            seconds[form].append(time.process_time() - started)
    return seconds


def show(seconds: Seconds, machine: str) -> None:
    table = Table("form", "median CPU s", "least CPU s", "times fp32")
    base = median(seconds["fp32"])
    for form, each in seconds.items():
        middle = median(each)
        table.add_row(form, f"{middle:.3f}", f"{min(each):.3f}", f"{middle / base:.2f}")
    console = Console()
    console.print(table)
    console.print(f"on {machine}")


if __name__ == "__main__":
    sys.exit(main())
