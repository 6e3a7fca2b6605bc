"""Time and memory of quantizing a 57 M-parameter RNN-T beside two peers.

    python benchmarks/quantize.py

Same float32 file, same calibration feeds, one process per run, runs of the tools taking turns so
that whatever else the machine does falls on all of them. q4compile observes every step inside the
recurrence; the peers observe around the LSTM nodes. AIMET-ONNX gets an environment of its own
under build/, made on first use (some minutes, several GB); where that fails, its figures are left
out.
"""

import argparse
import json
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "1")

from models.paper import export_paper, write_feeds
from quantizers.environment import NoEnvironment, python_of
from quantizers.measured import Failed, Run, measure
from rich.console import Console
from rich.table import Table

from q4compile.cli.bars import progress_for
from q4compile.report.record import Record, benchmark_record, new_record, write_record

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "quantize.json"
QUANTIZERS = ROOT / "benchmarks" / "quantizers"
OURS = "q4compile"
PEERS = ("onnxruntime", "aimet")
Runs = dict[str, list[Run]]


def main() -> int:
    arguments = options()
    pythons = interpreters(arguments.peers)
    with tempfile.TemporaryDirectory() as name:
        model, feeds = Path(name) / "model.onnx", Path(name) / "feeds"
        say("exporting the float32 model")
        with ProcessPoolExecutor(1, get_context("spawn")) as apart:
            parameters = apart.submit(export_paper, model).result()
        write_feeds(feeds, arguments.feeds, arguments.frames)
        try:
            runs = take_turns(pythons, model, feeds, arguments)
        except Failed as error:
            say(f"{error}")
            return 1
        model_bytes = model.stat().st_size
    figures = figures_of(runs, model_bytes)
    facts = {
        "parameters": parameters,
        "feeds": arguments.feeds,
        "frames_per_feed": arguments.frames,
        "runs_per_tool": arguments.runs,
        "order": "the tools take turns; medians",
        "load_average_at_end": round(os.getloadavg()[0], 1),
        "wall_seconds": "whole process, interpreter start and imports included",
        "work_seconds": "wall time without imports",
    }
    record = new_record("benchmarks/quantize.py", [], figures, facts | medians(runs))
    record = benchmark_record(record, ROOT)
    write_record(record, arguments.output)
    print(json.dumps(figures, indent=2)) if arguments.json else show(record, runs)
    return 0


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="runs of each tool [5]")
    parser.add_argument("--feeds", type=int, default=4, help="calibration feeds of batch 1 [4]")
    parser.add_argument("--frames", type=int, default=100, help="frames of each feed [100]")
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=PEERS, help="[all]")
    parser.add_argument("-o", "--output", type=Path, default=RESULT, help="the record to write")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser.parse_args()


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def interpreters(peers: list[str]) -> dict[str, Path]:
    """Tool → the Python that runs it; a peer without one is left out, with the reason said."""
    found = {OURS: Path(sys.executable)}
    found |= {peer: Path(sys.executable) for peer in peers if peer == "onnxruntime"}
    if "aimet" in peers:
        try:
            found["aimet"] = python_of("aimet")
        except NoEnvironment as error:
            say(f"AIMET-ONNX is left out: {error}")
    return found


def take_turns(
    pythons: dict[str, Path], model: Path, feeds: Path, arguments: argparse.Namespace
) -> Runs:
    """``A B C A B C …``; a first round warms the page cache and is not counted."""
    runs: Runs = {tool: [] for tool in pythons}
    progress = progress_for(not arguments.json)
    for number in progress(range(-1, arguments.runs), "rounds", arguments.runs + 1):
        for tool, python in pythons.items():
            run = measure(python, QUANTIZERS / f"with_{tool}.py", model, feeds)
            if number >= 0:
                runs[tool].append(run)
    return runs


def figures_of(runs: Runs, model_bytes: int) -> dict[str, float]:
    """Ratios are of medians: below 1, q4compile needs less."""
    ours = runs[OURS]
    figures = {"peak_memory_ratio_vs_model": middle(ours, "peak_bytes") / model_bytes}
    for peer in runs:
        if peer != OURS:
            for unit, field in (("", "wall"), ("work_", "work"), ("cpu_", "cpu")):
                ratio = middle(ours, f"{field}_seconds") / middle(runs[peer], f"{field}_seconds")
                figures[f"{unit}seconds_ratio_vs_{peer}"] = ratio
    return {name: round(value, 3) for name, value in sorted(figures.items())}


def middle(runs: list[Run], field: str) -> float:
    return float(median(getattr(run, field) for run in runs))


def medians(runs: Runs) -> dict[str, dict[str, float]]:
    fields = ("wall_seconds", "work_seconds", "cpu_seconds", "peak_bytes")
    return {t: {f: round(middle(each, f), 3) for f in fields} for t, each in runs.items()}


def show(record: Record, runs: Runs) -> None:
    table = Table("tool", "process s", "without imports s", "CPU s", "peak MB")
    for tool, each in medians(runs).items():
        seconds = [f"{each[f'{name}_seconds']:.2f}" for name in ("wall", "work", "cpu")]
        table.add_row(tool, *seconds, f"{each['peak_bytes'] / 1e6:.0f}")
    console = Console()
    console.print(table)
    for name, value in record.figures.items():
        console.print(f"{name} {value:.3f}")
    console.print(f"on {record.machine}")


if __name__ == "__main__":
    sys.exit(main())
