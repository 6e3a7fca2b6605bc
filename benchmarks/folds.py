"""The whole of AN4 by speaker-disjoint folds: every word decoded by networks that never heard it.

    q4compile synthesize -n 5000 --seed 1 -o build/synthetic
    python benchmarks/folds.py --data an4 --synthetic build/synthetic

FP32, W4A4 after training and W4A4 trained, each without and with language models (density ratio,
the external one of grammar sentences with names by their frequency). Weights and length reward of
every arm are chosen in real decodes of the other folds. Word error rates have a bootstrap 95 %
interval over utterances; differences are paired.

Everything is kept in --runs: a call that was stopped goes on where it was. Several processes may
share the folder, each with its own --only-fold, before one without it writes the table.
"""

import argparse
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from fold_decodes import SETTINGS, Decoder
from fold_lms import FLOAT, SYSTEMS
from fold_runs import WHOLE, Place
from fold_weights import DENSITY, NONE, Scored, named, tuned
from rich.console import Console
from rich.table import Table

from q4compile.cli.bars import progress_for
from q4compile.report.record import benchmark_record, new_record, write_record
from q4compile.speech.score import Interval, paired_bootstrap

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "folds.json"
ARMS = (NONE, DENSITY)
Rows = dict[tuple[str, str], Scored]
"""(precision, arm) → errors."""


def main() -> int:
    arguments = options()
    if not (arguments.data / "etc" / "an4_test.fileids").is_file():
        print(f"skipped: no AN4 in {arguments.data}; clone cmusphinx/an4 or name it by --data")
        return 0
    progress = progress_for(not arguments.quiet)
    place = Place(
        arguments.data, arguments.synthetic, arguments.runs, arguments.folds, progress, WHOLE
    )
    systems = arguments.only or SYSTEMS
    if arguments.only_fold:
        for k in arguments.only_fold:
            for system in systems:
                place.fold(k).model(system)
        return 0
    rows: Rows = {}
    for system in (FLOAT, *(each for each in systems if each != FLOAT)):
        decoders = [Decoder(place.fold(k), system) for k in range(place.count)]
        for arm in ARMS:
            rows[system, arm.name] = tuned(decoders, arm, rows.get((FLOAT, arm.name)))
    show(rows)
    if set(systems) == set(SYSTEMS):
        write(rows, arguments)
    return 0


def interval(scored: Scored) -> Interval:
    """The word error rate itself."""
    return paired_bootstrap(np.zeros_like(scored.errors), scored.errors, scored.words)


def apart(rows: Rows, key: tuple[str, str]) -> Interval:
    """The difference to FP32 without language models."""
    reference = rows[FLOAT, NONE.name]
    return paired_bootstrap(reference.errors, rows[key].errors, reference.words)


def show(rows: Rows) -> None:
    table = Table("precision", "language models", "WER %", "95 %")
    for (system, arm), scored in rows.items():
        found = interval(scored)
        table.add_row(system, arm, f"{scored.percent:.2f}", f"{found.low:.2f} to {found.high:.2f}")
    Console().print(table)


def write(rows: Rows, arguments: argparse.Namespace) -> None:
    figures: dict[str, float] = {}
    for key, scored in rows.items():
        name = f"wer_{'_'.join(key)}"
        figures |= named(f"{name}_percent", interval(scored))
        if key != (FLOAT, NONE.name):
            figures |= named(f"{name}_minus_{FLOAT}_{NONE.name}_percent", apart(rows, key))
    record = benchmark_record(new_record("folds", [], figures, facts(rows, arguments)), ROOT)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_record(record, arguments.output)


def facts(rows: Rows, arguments: argparse.Namespace) -> dict[str, Any]:
    """What the figures rest on."""
    words = rows[FLOAT, NONE.name].words
    return {
        "weights": {"_".join(key): [asdict(w) for w in each.weights] for key, each in rows.items()},
        "folds": arguments.folds,
        "utterances": len(words),
        "words": int(words.sum()),
        "beam": SETTINGS.beam,
        "training": asdict(WHOLE.training),
    }


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=ROOT / "an4", help="AN4 [default: ./an4]")
    parser.add_argument("--synthetic", type=Path, default=ROOT / "build" / "synthetic")
    parser.add_argument("--runs", type=Path, default=ROOT / "build" / "fusion", help="kept between")
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument(
        "--only", action="append", choices=SYSTEMS, help="these precisions beside fp32"
    )
    parser.add_argument("--only-fold", action="append", type=int, help="train it, and no more")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    parser.add_argument("-o", "--output", type=Path, default=RESULT)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
