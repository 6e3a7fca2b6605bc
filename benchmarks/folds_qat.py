"""What training at few bits reaches on all of AN4, by folds of speakers, beside a float control.

    q4compile synthesize -n 5000 --seed 1 -o build/synthetic
    python benchmarks/folds_qat.py --data an4 --synthetic build/synthetic

The variants of benchmarks/qat.py without a hyphen, rates and epochs as chosen there, on the float
networks of benchmarks/folds.py: each starts from a network that never heard the fold's speakers,
and trains on, as its control does, with the other speakers alone. Greedy; one seed; errors are
those of all folds, differences to the control paired over utterances.

Everything is kept in --runs, which benchmarks/folds.py shares; several processes may share it, each
with its own --only-fold, before one without it writes the table.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import qat_runs
from fold_lms import FLOAT, quantize
from fold_runs import WHOLE, Fold
from fold_runs import Place as FoldsPlace
from fold_weights import named
from rich.console import Console
from rich.table import Table

from q4compile.cli.bars import progress_for
from q4compile.report.record import benchmark_record, new_record, write_record
from q4compile.speech.config import SMALL
from q4compile.speech.evaluate import evenly, hear
from q4compile.speech.feeds import LIMIT
from q4compile.speech.score import Interval, paired_bootstrap
from qat import scored

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "folds_qat.json"
SEED = 0
VARIANTS = {name: each for name, each in qat_runs.VARIANTS.items() if name == each.start}
"""Means, and what learns from one, would take more trainings in each fold."""
Counts = dict[str, tuple[np.ndarray, np.ndarray]]
"""Variant → errors and words of all tested utterances."""


@dataclass(frozen=True)
class FoldPlace(qat_runs.Place):
    """A fold as benchmarks/qat.py sees a corpus: its float network, calibrated on its training."""

    fold: Fold

    def float_model(self) -> Path:
        self.runs.mkdir(parents=True, exist_ok=True)
        return self.fold.model(FLOAT)

    def model(self, variant: qat_runs.Variant) -> Path:
        if variant.recipe is None:
            return self.float_model()
        path = self.runs / f"{variant.name}.q4.onnx"
        if not path.exists():
            heard = evenly(self.fold.of("train"), LIMIT)
            quantize(self.float_model(), variant.recipe, heard, path)
        return path


def main() -> int:
    arguments = options()
    if not (arguments.data / "etc" / "an4_test.fileids").is_file():
        print(f"skipped: no AN4 in {arguments.data}; clone cmusphinx/an4 or name it by --data")
        return 0
    progress = progress_for(not arguments.quiet)
    place = FoldsPlace(
        arguments.data, arguments.synthetic, arguments.runs, arguments.folds, progress, WHOLE
    )
    chosen = [VARIANTS[name] for name in arguments.only or VARIANTS]
    folds = arguments.only_fold or range(place.count)
    errors = [decoded(place.fold(k), chosen, arguments) for k in folds]
    if arguments.only_fold:
        return 0
    counts = {name: pooled([each[name] for each in errors]) for name in errors[0]}
    show(counts)
    write(counts, arguments)
    return 0


def decoded(
    fold: Fold, chosen: Sequence[qat_runs.Variant], arguments: argparse.Namespace
) -> Counts:
    """Errors of the fold's utterances by each variant, trained first where it is not yet."""
    progress = fold.place.progress
    here = FoldPlace(arguments.data, fold.folder / "qat_variants", Path(), fold)
    runs = qat_runs.Trainings(here, lambda: fold.material, arguments.epochs, progress)
    found = {}
    for variant in chosen:
        file = runs.run(variant, SEED)
        if not file.with_suffix(".errors.json").exists():
            scored(file, {"fold": hear(fold.tested, SMALL.features, progress)}, progress)
        scores = scored(file, {}, progress)["fold"]
        found[variant.name] = np.array(scores["errors"]), np.array(scores["words"])
    return found


def pooled(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Of all folds, one after the other."""
    errors, words = (np.concatenate(each) for each in zip(*parts, strict=True))
    return errors, words


def apart(counts: Counts, name: str) -> Interval:
    """The difference to the control."""
    reference, words = counts[qat_runs.CONTROL]
    return paired_bootstrap(reference, counts[name][0], words)


def rate(counts: Counts, name: str) -> float:
    """Percent."""
    errors, words = counts[name]
    return 100 * float(errors.sum()) / float(words.sum())


def show(counts: Counts) -> None:
    table = Table("variant", "WER %", "− control")
    for name in counts:
        change = apart(counts, name)
        shown = f"{change.difference_percent:+.2f} [{change.low:+.2f}, {change.high:+.2f}]"
        table.add_row(name, f"{rate(counts, name):.2f}", shown)
    Console().print(table)


def write(counts: Counts, arguments: argparse.Namespace) -> None:
    figures: dict[str, float] = {}
    for name in counts:
        figures[f"wer_{name}_percent"] = rate(counts, name)
        if name != qat_runs.CONTROL:
            figures |= named(f"wer_{name}_qat_minus_control_percent", apart(counts, name))
    words = counts[qat_runs.CONTROL][1]
    facts = {
        "variants": [asdict(VARIANTS[name]) for name in counts],
        "settings": asdict(qat_runs.CONFIG),
        "folds": arguments.folds,
        "utterances": len(words),
        "words": int(words.sum()),
    }
    record = benchmark_record(new_record("folds_qat", [], figures, facts), ROOT)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_record(record, arguments.output)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=ROOT / "an4", help="AN4 [default: ./an4]")
    parser.add_argument("--synthetic", type=Path, default=ROOT / "build" / "synthetic")
    parser.add_argument("--runs", type=Path, default=ROOT / "build" / "fusion", help="kept between")
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--epochs", type=int, help=f"[default: {qat_runs.CONFIG.epochs}]")
    parser.add_argument("--only", action="append", choices=VARIANTS, help="these variants")
    parser.add_argument("--only-fold", action="append", type=int, help="train it, and no more")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    parser.add_argument("-o", "--output", type=Path, default=RESULT)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
