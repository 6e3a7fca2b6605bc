"""Spoiled program files and texts: how many are refused, how many are programs, how many do harm.

    python benchmarks/fuzz_programs.py

Each mutant of a small program is refused with a TargetError, or it is a program and comes back byte
for byte. Anything else, another exception or another program, is an escape: it is printed with the
words that make it again, and the exit code is 1. The mutants are those of tests/isa.
"""

import argparse
import json
import random
import sys
import time
import tracemalloc
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from q4compile.cli.bars import progress_for
from q4compile.progress import Progress
from q4compile.report.record import benchmark_record, new_record, write_record

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "fuzz.json"
sys.path.insert(0, str(ROOT / "tests" / "isa"))

from program_mutants import PLAIN, SEALED, survives, text  # noqa: E402

KINDS = {mutate.__name__: mutate for mutate in (*PLAIN, *SEALED, text)}
REFUSED, READ, ESCAPED = OUTCOMES = ("refused", "read", "escaped")
Counts = dict[str, Counter[str]]


def main() -> int:
    arguments = options()
    started = time.process_time()
    counts, escapes = run_all(arguments, progress_for(not arguments.json))
    totals = sum(counts.values(), Counter())
    figures = {"mutants_total": totals.total()}
    figures |= {f"mutants_{name}": totals[name] for name in OUTCOMES}
    figures["cpu_seconds"] = round(time.process_time() - started, 1)
    figures["peak_reading_bytes"] = peak_bytes(arguments.seed)
    rows = {kind: {name: each[name] for name in OUTCOMES} for kind, each in counts.items()}
    record = new_record(
        "benchmarks/fuzz_programs.py", [], figures, {"kinds": rows, "seed": arguments.seed}
    )
    write_record(benchmark_record(record, ROOT), arguments.output)
    print(json.dumps(figures, indent=2)) if arguments.json else show(counts)
    for escape in escapes:
        print(escape, file=sys.stderr)
    return 1 if escapes else 0


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", "--mutants", type=int, default=108_000, help="in all [108000]")
    parser.add_argument("--seed", type=int, default=0, help="of all mutants [0]")
    parser.add_argument("-o", "--output", type=Path, default=RESULT, help="the record to write")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser.parse_args()


def run_all(arguments: argparse.Namespace, progress: Progress) -> tuple[Counts, list[str]]:
    """As many mutants of each kind, and a line for each escape."""
    counts: Counts = {kind: Counter() for kind in KINDS}
    escapes: list[str] = []
    each = -(-arguments.mutants // len(KINDS))
    for index in progress(range(each * len(KINDS)), "mutants", each * len(KINDS)):
        kind = list(KINDS)[index % len(KINDS)]
        made_by = f"{arguments.seed} {kind} {index}"
        try:
            outcome = READ if survives(KINDS[kind], random.Random(made_by)) else REFUSED
        except Exception as problem:  # whatever escapes is what is looked for
            outcome = ESCAPED
            escapes.append(f"random.Random({made_by!r}): {type(problem).__name__}: {problem}")
        counts[kind][outcome] += 1
    return counts, escapes


def peak_bytes(seed: int, mutants: int = 100) -> int:
    """The most that reading a mutant whose sizes may be wrong allocates."""
    tracemalloc.start()
    for index in range(mutants):
        survives(KINDS["sealed_header"], random.Random(f"{seed} peak {index}"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def show(counts: Counts) -> None:
    table = Table("mutants", *OUTCOMES)
    for kind, each in counts.items():
        table.add_row(kind, *(f"{each[name]}" for name in OUTCOMES))
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
