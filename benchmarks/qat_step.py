"""Time and memory of a training step of a quantized bi-LSTM beside float torch and two peers.

    python benchmarks/qat_step.py

Forward and backward pass of two bidirectional LSTM layers, 80 → 256, over 50 frames, on one thread,
in CPU seconds: what else the machine does counts little. One process per tool, all of them alive,
taking turns. q4compile and ModelOpt quantize h at every step, Brevitas every tensor inside the cell
as well. The peers get environments of their own under build/, made on first use (some minutes,
1 to 2 GB each); where that fails, their figures are left out.
"""

import argparse
import json
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from quantizers.environment import NoEnvironment, python_of
from rich.console import Console
from rich.table import Table
from training_steps.process import Failed, Process

from q4compile.cli.bars import progress_for
from q4compile.report.record import Record, benchmark_record, new_record, write_record

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "qat_step.json"
FLOAT, OURS, PEERS = "torch", "q4compile", ("modelopt", "brevitas")
FIGURES = {OURS: "step_time", "modelopt": "modelopt", "brevitas": "brevitas"}
BATCHES = (2, 16)
Numbers = dict[str, dict[int, float]]
"""Tool → batch → a number."""


def main() -> int:
    arguments = options()
    pythons = interpreters(arguments.peers)
    try:
        turns = {batch: take_turns(pythons, batch, arguments) for batch in BATCHES}
        seconds = {tool: {b: median(turns[b][tool]) for b in BATCHES} for tool in pythons}
        memory = {tool: peaks(tool, pythons[tool], arguments.runs) for tool in (FLOAT, OURS)}
    except Failed as error:
        say(f"{error}")
        return 1
    figures = figures_of(seconds, memory)
    facts = {
        "layers": 2,
        "features": 80,
        "hidden": 256,
        "frames": 50,
        "threads": 1,
        "turns_per_tool": arguments.turns,
        "seconds_per_turn": arguments.seconds,
        "order": "the tools take turns; medians of CPU seconds",
        "memory": "peak resident set of building and training, above that of the loaded libraries",
        "load_average_at_end": round(os.getloadavg()[0], 1),
        "median_cpu_seconds": named(seconds, 5),
        "peak_megabytes": named(memory, 1),
    }
    record = new_record("benchmarks/qat_step.py", [], figures, facts)
    record = benchmark_record(record, ROOT)
    write_record(record, arguments.output)
    print(json.dumps(figures, indent=2)) if arguments.json else show(record, seconds, memory)
    return 0


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=15, help="turns of each tool [15]")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a turn [1]")
    parser.add_argument("--runs", type=int, default=3, help="processes per peak of memory [3]")
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=PEERS, help="[all]")
    parser.add_argument("-o", "--output", type=Path, default=RESULT, help="the record to write")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser.parse_args()


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def interpreters(peers: list[str]) -> dict[str, Path]:
    """Tool → the Python that runs it; a peer without one is left out, with the reason said."""
    found = {FLOAT: Path(sys.executable), OURS: Path(sys.executable)}
    for peer in peers:
        try:
            found[peer] = python_of(peer)
        except NoEnvironment as error:
            say(f"{peer} is left out: {error}")
    return found


def take_turns(
    pythons: dict[str, Path], batch: int, arguments: argparse.Namespace
) -> dict[str, list[float]]:
    """The median step of every turn, ``A B C A B C …``; a first round warms up."""
    progress = progress_for(not arguments.json)
    found: dict[str, list[float]] = {tool: [] for tool in pythons}
    with ExitStack() as open_processes:
        processes = {
            tool: open_processes.enter_context(Process(tool, python, f"{batch}"))
            for tool, python in pythons.items()
        }
        for process in processes.values():
            process.answer()
        for number in progress(range(arguments.turns + 1), f"batch {batch}", arguments.turns + 1):
            for tool, process in processes.items():
                times = process.turn(arguments.seconds)
                if number:
                    found[tool].append(median(times))
    return found


def peaks(tool: str, python: Path, runs: int) -> dict[int, float]:
    """Batch → megabytes: the median of several processes."""

    def peak(batch: int) -> float:
        with Process(tool, python, f"{batch}", "--memory") as process:
            return float(process.answer()) / 1e6

    return {batch: median(peak(batch) for _ in range(runs)) for batch in BATCHES}


def figures_of(seconds: Numbers, memory: Numbers) -> dict[str, float]:
    """Ratios to float torch: for each batch, and the worse of both."""
    found = {
        name: ratios(seconds[t], seconds[FLOAT]) for t, name in FIGURES.items() if t in seconds
    }
    found["peak_memory"] = ratios(memory[OURS], memory[FLOAT])
    figures = {}
    for name, by_batch in found.items():
        figures[f"{name}_ratio_vs_float"] = max(by_batch.values())
        figures |= {f"{name}_ratio_vs_float_batch_{b}": ratio for b, ratio in by_batch.items()}
    return {name: round(value, 3) for name, value in sorted(figures.items())}


def ratios(tool: dict[int, float], reference: dict[int, float]) -> dict[int, float]:
    return {batch: tool[batch] / reference[batch] for batch in BATCHES}


def named(numbers: Numbers, digits: int) -> dict[str, dict[str, float]]:
    return {
        tool: {f"batch_{batch}": round(number, digits) for batch, number in each.items()}
        for tool, each in numbers.items()
    }


def show(record: Record, seconds: Numbers, memory: Numbers) -> None:
    table = Table("tool", *(f"batch {b}: {unit}" for b in BATCHES for unit in ("CPU ms", "MB")))
    for tool, by_batch in seconds.items():
        cells = []
        for batch in BATCHES:
            cells += [f"{1e3 * by_batch[batch]:.1f}"]
            cells += [f"{memory[tool][batch]:.0f}" if tool in memory else ""]
        table.add_row(tool, *cells)
    console = Console()
    console.print(table)
    for name, value in record.figures.items():
        console.print(f"{name} {value:.3f}")
    console.print(f"on {record.machine}")


if __name__ == "__main__":
    sys.exit(main())
