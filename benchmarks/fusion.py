"""What density ratio fusion gains where text changes: spelled names, to who never heard any.

    q4compile synthesize -n 5000 --seed 1 -o build/synthetic
    python benchmarks/fusion.py --data an4 --synthetic build/synthetic

The transducer is trained on AN4 and on synthesized speech without spelled names, and the source
language model on the same text; the external one on names by their frequency. Tested are the
spelled names of all speakers of AN4, each by a transducer that never heard that speaker. Every arm
has its own weights and its own length reward, chosen in real decodes of the other folds. Rates are
errors per hundred letters; differences have a paired-bootstrap 95 % interval over utterances.

Of the trained INT4 networks with density ratio a wider search is shown too, beam 16, exact and with
the margin of benchmarks/paper_table.py.

Everything is kept in --runs: a call that was stopped goes on where it was.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from fold_decodes import SETTINGS, Decoder
from fold_lms import FLOAT, QAT, SYSTEMS
from fold_runs import PRETRAINING, QUANTIZED, SHIFT, Place
from fold_weights import ARMS, DENSITY, NONE, SHALLOW, Scored, named, scored, tuned, untuned
from rich.console import Console
from rich.table import Table

from q4compile.cli.bars import progress_for
from q4compile.report.record import benchmark_record, new_record, write_record
from q4compile.speech.score import Interval, paired_bootstrap
from q4compile.speech.search.settings import SearchSettings

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "fusion.json"
UNTUNED = "untuned"
WIDE = SearchSettings(beam=16, batch=32)
PRUNED = replace(WIDE, margin_nats=6)
Rows = dict[str, dict[str, Scored]]
"""System → arm → errors."""


def main() -> int:
    arguments = options()
    if not (arguments.data / "etc" / "an4_test.fileids").is_file():
        print(f"skipped: no AN4 in {arguments.data}; clone cmusphinx/an4 or name it by --data")
        return 0
    progress = progress_for(not arguments.quiet)
    place = Place(
        arguments.data, arguments.synthetic, arguments.runs, arguments.folds, progress, SHIFT
    )
    rows: Rows = {FLOAT: arms(place, FLOAT)}
    for system in SYSTEMS[1:]:
        if system in (arguments.only or SYSTEMS):
            rows[system] = arms(place, system, rows[FLOAT])
    show(rows)
    if set(rows) == set(SYSTEMS):
        write(rows, widened(place, rows[QAT][DENSITY.name]), arguments)
    return 0


def arms(place: Place, system: str, near: Mapping[str, Scored] | None = None) -> dict[str, Scored]:
    """Every arm of one precision; `near` are those of another."""
    decoders = [Decoder(place.fold(k), system) for k in range(place.count)]
    found = {arm.name: tuned(decoders, arm, near and near[arm.name]) for arm in ARMS}
    return {UNTUNED: untuned(decoders)} | found


def widened(place: Place, tuned_at: Scored) -> dict[str, float]:
    """Errors of the exact search at beam 16, and what the margin changes."""
    found = []
    for settings in (WIDE, PRUNED):
        decoders = [Decoder(place.fold(k), QAT, settings) for k in range(place.count)]
        found.append(scored(decoders, tuned_at.weights))
    exact, pruned = found
    change = paired_bootstrap(exact.errors, pruned.errors, exact.words)
    return {"ler_density_ratio_int4_beam16_percent": exact.percent} | named(
        "ler_margin_minus_exact_int4_beam16_percent", change
    )


def apart(rows: Rows, first: tuple[str, str], second: tuple[str, str]) -> Interval:
    """How many errors fewer `second` makes, per hundred letters."""
    a, b = (rows[system][arm] for system, arm in (first, second))
    return paired_bootstrap(b.errors, a.errors, a.words)


def show(rows: Rows) -> None:
    table = Table("precision", *(UNTUNED, *(arm.name for arm in ARMS)), "density gains")
    for system, found in rows.items():
        gain = apart(rows, (system, NONE.name), (system, DENSITY.name))
        shown = f"{gain.difference_percent:.2f} [{gain.low:.2f}, {gain.high:.2f}]"
        table.add_row(system, *(f"{each.percent:.2f}" for each in found.values()), shown)
    Console().print(table)


def write(rows: Rows, wide: Mapping[str, float], arguments: argparse.Namespace) -> None:
    facts = {
        "rows": {system: described(found) for system, found in rows.items()},
        "folds": arguments.folds,
        "utterances": len(rows[FLOAT][NONE.name].words),
        "letters": int(rows[FLOAT][NONE.name].words.sum()),
        "beam": SETTINGS.beam,
        "margin_nats": PRUNED.margin_nats,
        "pretraining": asdict(PRETRAINING),
        "training": asdict(SHIFT.training),
        "quantized": asdict(QUANTIZED),
    }
    record = benchmark_record(new_record("fusion", [], figures(rows) | wide, facts), ROOT)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_record(record, arguments.output)


def figures(rows: Rows) -> dict[str, float]:
    """The gains, and what INT4 keeps of that of density ratio."""
    found: dict[str, float] = {}
    for system in rows:
        for arm in (SHALLOW, DENSITY):
            gain = apart(rows, (system, NONE.name), (system, arm.name))
            label = "density_ratio" if arm is DENSITY else arm.name
            key = f"ler_gain_{label}_{'int4' if system == QAT else system}_percent"
            found |= named(key, gain)
    found |= named(
        "ler_density_ratio_less_than_shallow_fp32_percent",
        apart(rows, (FLOAT, SHALLOW.name), (FLOAT, DENSITY.name)),
    )
    found |= named(
        "ler_int4_density_ratio_less_than_fp32_none_percent",
        apart(rows, (FLOAT, NONE.name), (QAT, DENSITY.name)),
    )
    kept = found["ler_gain_density_ratio_int4_percent"]
    return found | {"gain_kept_int4_share": kept / found["ler_gain_density_ratio_fp32_percent"]}


def described(found: Mapping[str, Scored]) -> dict[str, Any]:
    """Arm → rate and weights by fold."""
    return {
        arm: {
            "ler_percent": each.percent,
            "errors": int(each.errors.sum()),
            "weights": [asdict(weights) for weights in each.weights],
        }
        for arm, each in found.items()
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
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    parser.add_argument("-o", "--output", type=Path, default=RESULT)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
