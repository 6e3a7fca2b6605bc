"""Our closed form of SCALE-Sim's cycles beside the `scalesim` package, on the same products.

    python benchmarks/scalesim.py

Random products on five arrays in three dataflows. SCALE-Sim v3 runs in an environment of its own
under build/ (it needs numpy 1), made on first use, with memory that never stalls; CPU seconds of
its runs against ours.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from quantizers.environment import NoEnvironment, python_of
from rich.console import Console
from rich.table import Table

from q4compile.cli.bars import progress_for
from q4compile.progress import Progress
from q4compile.report.record import benchmark_record, new_record, write_record
from q4compile.sim.scale_sim import Array, Dataflow, Gemm, compute_cycles

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "scalesim.json"
PEER = ROOT / "benchmarks" / "gemms" / "with_scalesim.py"
ARRAYS = (Array(8, 8), Array(32, 32), Array(16, 64), Array(128, 128), Array(7, 13))
REPEATS = 100
"""Ours is measured over so many runs: one takes less than the clock shows."""


@dataclass(frozen=True)
class Batch:
    """Products for one array in one dataflow."""

    dataflow: Dataflow
    array: Array
    gemms: tuple[Gemm, ...]


@dataclass(frozen=True)
class Outcome:
    """Of one batch."""

    batch: Batch
    cycles_off: int
    """Over all products, in absolute value."""
    scalesim_seconds: float
    our_seconds: float


def main() -> int:
    arguments = options()
    try:
        python = python_of("scalesim")
    except NoEnvironment as error:
        print(f"skipped: no environment for scalesim: {error}")
        return 0
    batches = list(random_batches(arguments.gemms, arguments.seed))
    outcomes = run_all(batches, python, progress_for(not arguments.json))
    figures = figures_of(outcomes)
    show(outcomes, figures, arguments.json)
    facts = {"seed": arguments.seed, "largest_side": LARGEST, "scalesim_version": "3.0.0"}
    record = benchmark_record(new_record("scalesim", [], figures, facts), ROOT)
    write_record(record, arguments.output)
    return 1 if figures["cycles_off"] else 0


LARGEST = 160
"""SCALE-Sim takes a second for three million multiplications."""


def random_batches(count: int, seed: int) -> Iterator[Batch]:
    """At least `count` products in all, as many for each array and dataflow."""
    random = Random(seed)
    cases = [(dataflow, array) for dataflow in Dataflow for array in ARRAYS]
    for dataflow, array in cases:
        sides = [
            [random.randint(1, LARGEST) for _ in "mnk"] for _ in range(-(-count // len(cases)))
        ]
        yield Batch(dataflow, array, tuple(Gemm(*each) for each in sides))


def run_all(batches: list[Batch], python: Path, progress: Progress) -> list[Outcome]:
    return [run(batch, python) for batch in progress(batches, "scalesim")]


def run(batch: Batch, python: Path) -> Outcome:
    theirs = with_scalesim(batch, python)
    started = time.process_time()
    for _ in range(REPEATS):
        ours = [compute_cycles(batch.dataflow, gemm, batch.array) for gemm in batch.gemms]
    seconds = (time.process_time() - started) / REPEATS
    off = sum(abs(a - b) for a, b in zip(ours, theirs["cycles"], strict=True))
    return Outcome(batch, off, theirs["seconds"], seconds)


def with_scalesim(batch: Batch, python: Path) -> dict[str, Any]:
    """Its cycles of each product, and the seconds of its run."""
    asked = {
        "dataflow": batch.dataflow.value,
        "rows": batch.array.rows,
        "columns": batch.array.columns,
        "gemms": [[each.m, each.n, each.k] for each in batch.gemms],
    }
    done = subprocess.run(
        [python, PEER], input=json.dumps(asked), check=True, capture_output=True, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def figures_of(outcomes: list[Outcome]) -> dict[str, float]:
    theirs = sum(each.scalesim_seconds for each in outcomes)
    ours = sum(each.our_seconds for each in outcomes)
    return {
        "gemms_checked": sum(len(each.batch.gemms) for each in outcomes),
        "cycles_off": sum(each.cycles_off for each in outcomes),
        "speed_ratio_vs_scalesim": theirs / ours,
    }


def show(outcomes: list[Outcome], figures: dict[str, float], as_json: bool) -> None:
    if as_json:
        print(json.dumps(figures, indent=2))
        return
    table = Table("dataflow", "array", "products", "cycles off", "scalesim s", "ours ms")
    for each in outcomes:
        array = each.batch.array
        table.add_row(
            each.batch.dataflow.value,
            f"{array.rows}x{array.columns}",
            str(len(each.batch.gemms)),
            str(each.cycles_off),
            f"{each.scalesim_seconds:.1f}",
            f"{1e3 * each.our_seconds:.2f}",
        )
    Console().print(table)
    for name, value in figures.items():
        print(f"{name} {value:.6g}")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gemms", type=int, default=660, help="products [660]")
    parser.add_argument("--seed", type=int, default=1, help="of the products [1]")
    parser.add_argument("-o", "--output", type=Path, default=RESULT, help="the record to write")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
