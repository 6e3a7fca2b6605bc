"""How fast the simulator runs an encoder: six bidirectional LSTM layers of 640 units per direction.

    python benchmarks/sim_encoder.py

A program written by hand (tests/sim/bilstm_program.py), 500 steps of 4-bit codes, batch 1, one
thread: in order of issue and in a random order, beside the same products in float32 BLAS, which are
no whole encoder but what a simulator by numpy could not do without. Runs take turns; CPU time.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from rich.console import Console
from rich.table import Table

from q4compile.cli.bars import progress_for
from q4compile.report.record import benchmark_record, new_record, write_record
from q4compile.sim.simulator import Simulator

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "sim_encoder.json"
sys.path.insert(0, str(ROOT / "tests" / "sim"))

from bilstm_program import Sizes, bilstm_program  # noqa: E402

STEPS_PER_SECOND = 50
BLAS = "float32 products"


def main() -> int:
    arguments = options()
    sizes = Sizes(6, 1280, 640, 640, arguments.steps)
    program, _, sram_bytes = bilstm_program(sizes)
    simulator = Simulator(program, sram_bytes=sram_bytes)
    feeds = {"x": features(sizes)}
    words = simulator.run("encoder", feeds).counters.words
    runs = {
        "issue order": lambda: simulator.run("encoder", feeds),
        "random order": lambda: simulator.run("encoder", feeds, seed=1),
        BLAS: float_products(sizes),
    }
    seconds = take_turns(runs, arguments)
    middles = {name: median(each) for name, each in seconds.items()}
    audio_seconds = sizes.max_steps / STEPS_PER_SECOND
    figures = {
        "times_real_time": round(audio_seconds / middles["issue order"], 1),
        "time_ratio_vs_float32_products": round(middles["issue order"] / middles[BLAS], 2),
        "words_executed": sum(words.values()),
    }
    details = {
        "steps": sizes.max_steps,
        "median_cpu_seconds": {name: round(each, 4) for name, each in middles.items()},
        "least_cpu_seconds": {name: round(min(each), 4) for name, each in seconds.items()},
        "load_average_at_end": round(os.getloadavg()[0], 1),
    }
    record = benchmark_record(new_record("benchmarks/sim_encoder.py", [], figures, details), ROOT)
    write_record(record, arguments.output)
    print(json.dumps(figures, indent=2)) if arguments.json else show(seconds, f"{record.machine}")
    return 0


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7, help="runs of each form [7]")
    parser.add_argument("--steps", type=int, default=500, help="steps of the utterance [500]")
    parser.add_argument("-o", "--output", type=Path, default=RESULT, help="the record to write")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser.parse_args()


def features(sizes: Sizes) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.normal(size=(sizes.max_steps, sizes.inputs)).astype(np.float32)


def float_products(sizes: Sizes) -> Callable[[], object]:
    """All products on float32: a matrix for each layer and direction, a vector for each step."""
    rng = np.random.default_rng(0)
    wx = rng.normal(size=(sizes.width(1), sizes.columns)).astype(np.float32)
    wh = rng.normal(size=(sizes.columns, sizes.units)).astype(np.float32)
    x = rng.normal(size=(sizes.max_steps, sizes.width(1))).astype(np.float32)
    h = rng.normal(size=sizes.units).astype(np.float32)

    def run() -> None:
        for _ in range(2 * sizes.layers):
            x @ wx
            for _ in range(sizes.max_steps):
                wh @ h

    return run


def take_turns(
    runs: dict[str, Callable[[], object]], arguments: argparse.Namespace
) -> dict[str, list[float]]:
    """CPU seconds of each run, ``A B C A B C …``."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    progress = progress_for(not arguments.json)
    for _ in progress(range(arguments.runs), "rounds", arguments.runs):
        for name, run in runs.items():
            started = time.process_time()
            run()
            seconds[name].append(time.process_time() - started)
    return seconds


def show(seconds: dict[str, list[float]], machine: str) -> None:
    table = Table("form", "median CPU s", "least CPU s")
    for name, each in seconds.items():
        table.add_row(name, f"{median(each):.3f}", f"{min(each):.3f}")
    console = Console()
    console.print(table)
    console.print(f"on {machine}")


if __name__ == "__main__":
    sys.exit(main())
