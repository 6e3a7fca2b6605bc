"""How fast the simulator runs the encoder of the paper's size, beside float32 under onnxruntime.

    python benchmarks/sim_speed.py

Quantized by `rnnt`, lowered for `rapid1`, ten seconds of sound, batch 1 and 8, one thread, runs
taking turns; CPU time. The simulator computes every code bit for bit; onnxruntime runs the float
model that the encoder was made of. Lowering is that of the whole RNN-T: its peak of memory beyond
what the imports take, over the bytes of the float32 model. The size of the code is that of the
RNN-T with both language models.
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
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from models.lowering import lowering
from models.paper import LMS, Feed, export_paper, export_paper_lms, features
from rich.console import Console
from rich.table import Table

from q4compile.graph.parts import parts
from q4compile.graph.read import read_model
from q4compile.graph.write import write_model
from q4compile.isa.container import read_program
from q4compile.isa.program import Program
from q4compile.isa.target import load_target
from q4compile.lower.files import lower_file
from q4compile.quantize.quantize import quantize
from q4compile.quantize.session import session
from q4compile.recipe.read_recipe import load_recipe
from q4compile.report.record import benchmark_record, new_record, write_record
from q4compile.sim.simulator import Simulator
from q4compile.speech.config import PAPER

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "sim_speed.json"
BATCHES = (1, 8)
SOUND_MS = 10_000
CALIBRATION_FRAMES, CALIBRATION_LABELS = 60, 12
Runs = dict[str, Callable[[], object]]


def main() -> int:
    arguments = options()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "quantized").mkdir()
        path, output = folder / "model.onnx", folder / "model.q4p"
        say("exporting and quantizing the models")
        export_paper(path)
        export_paper_lms(folder)
        for each in (path.name, *(f"{name}.onnx" for name in LMS)):
            quantized(folder / each, folder / "quantized" / each)
        say("lowering")
        figures = lowered_figures(folder, output, arguments.target)
        program = read_program(output, load_target(arguments.target))
        encoder = next(p for p in parts({"model": read_model(path)}) if p.name == "encoder")
        sram_bytes = load_target(arguments.target).sram.size_bytes
        runners = {
            batch: {
                "onnxruntime": float_runner(encoder.model, feed(batch)),
                "sim": sim_runner(program, sram_bytes, feed(batch)),
            }
            for batch in BATCHES
        }
        seconds = {batch: take_turns(runs, arguments.runs) for batch, runs in runners.items()}
    ratios = {
        f"time_ratio_vs_onnxruntime_fp32_b{batch}": median(each["sim"])
        / median(each["onnxruntime"])
        for batch, each in seconds.items()
    }
    write(ratios | figures, seconds, arguments)
    return 0


def quantized(source: Path, to: Path) -> None:
    """By `rnnt`, with ranges of one short utterance or text."""
    fed = calibration() if source.stem == "model" else {"tokens": calibration()["tokens"]}
    made = quantize(read_model(source), load_recipe("rnnt"), [fed], source.stem)
    write_model(made.model, to)


def lowered_figures(folder: Path, output: Path, target: str) -> dict[str, float]:
    """Of the RNN-T alone: time and memory. Of all networks together: what the program takes."""
    alone = lowering(folder / "quantized" / "model.onnx", target, output)
    made = lower_file(folder / "quantized", target, output).figures
    return {
        "lower_seconds": alone.cpu_seconds,
        "lower_peak_memory_ratio": alone.peak_bytes / (folder / "model.onnx").stat().st_size,
        "code_bytes": made["code_bytes"],
        "sram_over_bound_percent": made["sram_over_bound_percent"],
    }


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def feed(batch: int) -> Feed:
    frames = round(SOUND_MS / PAPER.features.frame_ms)
    return {"features": features(batch, frames), "feature_lengths": np.full(batch, frames)}


def calibration() -> Feed:
    """One short utterance."""
    tokens = np.arange(CALIBRATION_LABELS)[None] % len(PAPER.vocabulary)
    return {
        "features": features(1, CALIBRATION_FRAMES),
        "feature_lengths": np.full(1, CALIBRATION_FRAMES),
        "tokens": tokens,
    }


def float_runner(model: Any, given: Feed) -> Callable[[], object]:
    loaded = session(model)
    names = {port.name for port in loaded.get_inputs()}
    own = {name: array for name, array in given.items() if name in names}
    loaded.run(None, own)
    return lambda: loaded.run(None, own)


def sim_runner(program: Program, sram_bytes: int, given: Feed) -> Callable[[], object]:
    """A machine that has run once: compiled, and its program decoded."""
    machine = Simulator(program, sram_bytes=sram_bytes)
    machine.run("encoder", given)
    return lambda: machine.run("encoder", given)


def take_turns(runs: Runs, count: int) -> dict[str, list[float]]:
    """CPU seconds of each run, ``A B A B …``."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(count):
        for name, run in runs.items():
            started = time.process_time()
            run()
            seconds[name].append(time.process_time() - started)
    return seconds


def write(
    figures: dict[str, float],
    seconds: dict[int, dict[str, list[float]]],
    arguments: argparse.Namespace,
) -> None:
    middles = {
        f"{name}, batch {batch}": round(median(each), 4)
        for batch, runs in seconds.items()
        for name, each in runs.items()
    }
    details = {"target": arguments.target, "sound_ms": SOUND_MS, "runs": arguments.runs}
    details |= {"median_cpu_seconds": middles, "load_average_at_end": round(os.getloadavg()[0], 1)}
    rounded = {name: round(value, 3) for name, value in figures.items()}
    record = benchmark_record(new_record("sim_speed", [], rounded, details), ROOT)
    write_record(record, arguments.output)
    if arguments.json:
        print(json.dumps(rounded, indent=2))
        return
    table = Table("encoder", "CPU s")
    for name, value in middles.items():
        table.add_row(name, f"{value:.3f}")
    Console().print(table)
    for name, value in rounded.items():
        print(f"{name} {value}")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5, help="runs of each [5]")
    parser.add_argument("--target", default="rapid1", help="name or file [rapid1]")
    parser.add_argument("-o", "--output", type=Path, default=RESULT, help="the record to write")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
