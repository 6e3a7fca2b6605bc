"""Word error rate of the runs of `qat.py` on eight times the words.

    q4compile synthesize -n 400 --seed 777 --voices held-out -o build/heldout
    python benchmarks/qat_words.py --data an4 --heldout build/heldout --runs build/qat

On the 1378 words of AN4's test and development speakers, two trainings of one kind differ by half a
point. Here are 11 146: each recording of the development speakers in ten versions (itself, and nine
of other speed and with noise), and 400 sentences of voices that no training heard in two. Versions
of one recording are not independent: the paired bootstrap draws recordings, with all of theirs.

Each --runs is a folder of finished runs of one length; the float controls of that folder are what
its variants are compared with.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray
from qat_runs import CONTROL, TRAINED, VARIANTS
from rich.console import Console
from rich.table import Table

from q4compile.cli.bars import progress_for
from q4compile.report.record import benchmark_record, new_record, write_record
from q4compile.speech.checkpoint import load_rnnt, shipped
from q4compile.speech.features import stack_frames
from q4compile.speech.finetune import LOG
from q4compile.speech.greedy import greedy
from q4compile.speech.recognizer import recognizer
from q4compile.speech.score import paired_bootstrap, word_errors
from q4compile.speech.source import Rendered, Source, render
from qat import ROOT

RESULT = ROOT / "benchmarks" / "results" / "qat_words.json"
SEED = 12345
"""Of speeds and noises: not that of any training."""
Counts = dict[str, dict[str, list[int]]]
"""Set → word errors and words of each recording, all its versions together."""


def main() -> int:
    arguments = options()
    given = [(folder, finished(folder, arguments.seeds)) for folder in arguments.runs]
    runs = {epochs(folder): found for folder, found in given if CONTROL in found}
    if not runs or not arguments.heldout.is_dir():
        print("skipped: no finished runs of qat.py with their control, or no sentences to hear")
        return 0
    progress = progress_for(not arguments.json)
    model = load_rnnt(arguments.checkpoint).config
    sets = {
        "development": render(Source(arguments.data, "dev", copies=10), model, SEED, progress),
        "held-out voices": render(Source(arguments.heldout, copies=2), model, SEED, progress),
    }
    rows = {
        f"{variant} {length}": row(files, found[VARIANTS[variant].control], sets)
        for length, found in runs.items()
        for variant, files in found.items()
    }
    show(rows, arguments.json)
    write(rows, arguments)
    return 0


def finished(folder: Path, seeds: int) -> dict[str, list[Path]]:
    """Variant → its models by seed, of those that have all of them, and so has their control."""
    runs = {
        name: [folder / f"{name}-{seed}" / TRAINED for seed in range(seeds)] for name in VARIANTS
    }
    whole = {name: files for name, files in runs.items() if all(file.exists() for file in files)}
    return {name: files for name, files in whole.items() if VARIANTS[name].control in whole}


def epochs(folder: Path) -> int:
    """Of its runs: one line of the log each."""
    return len((folder / f"{CONTROL}-0" / LOG).read_text(encoding="utf-8").splitlines())


def row(files: list[Path], control: list[Path], sets: Mapping[str, Rendered]) -> dict[str, Any]:
    """Error rates by seed, and the difference to the control over all seeds."""
    ours, theirs = ([counted(file, sets) for file in each] for each in (files, control))
    found: dict[str, Any] = {}
    for part in (*sets, "pooled"):
        names = tuple(sets) if part == "pooled" else (part,)
        errors, reference = stacked(ours, names, "errors"), stacked(theirs, names, "errors")
        words = stacked(ours, names, "words").sum(0)
        apart = paired_bootstrap(reference.sum(0), errors.sum(0), words)
        found[part] = {
            "words": int(words.sum()) // len(files),
            "wer_percent": 100 * float(errors.sum()) / float(words.sum()),
            "by_seed": [100 * len(files) * float(each.sum() / words.sum()) for each in errors],
            "difference_percent": apart.difference_percent,
            "low": apart.low,
            "high": apart.high,
        }
    return found


def stacked(counts: list[Counts], names: tuple[str, ...], what: str) -> NDArray[np.int64]:
    """int64[seeds, recordings] of some sets."""
    return np.stack([np.concatenate([one[name][what] for name in names]) for one in counts])


def counted(file: Path, sets: Mapping[str, Rendered]) -> Counts:
    """The word errors of a model file; one beside it remembers them."""
    known = file.with_suffix(".words.json")
    if not known.exists():
        known.write_text(json.dumps({name: heard(file, each) for name, each in sets.items()}))
    found: Counts = json.loads(known.read_text())
    return found


def heard(file: Path, sounds: Rendered) -> dict[str, list[int]]:
    """Greedy decoding of every version."""
    ears = recognizer(file)
    features = [stack_frames(one, ears.features) for each in sounds.frames for one in each]
    tokens = greedy(ears.transducer, features, batch=64)
    versions = len(sounds.frames[0])
    said = [text for text in sounds.texts for _ in range(versions)]
    counts = word_errors(said, [ears.vocabulary.decode(ids) for ids in tokens])
    errors, words = (each.reshape(-1, versions).sum(1).tolist() for each in counts)
    return {"errors": errors, "words": words}


def show(rows: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    parts = [part for part in next(iter(rows.values())) if part != "pooled"]
    table = Table("variant, epochs", *parts, "pooled", "by seed", "pooled − control")
    for name, found in rows.items():
        pooled = found["pooled"]
        table.add_row(
            name,
            *(f"{found[part]['wer_percent']:.2f}" for part in (*parts, "pooled")),
            " ".join(f"{each:.2f}" for each in pooled["by_seed"]),
            f"{pooled['difference_percent']:+.2f} [{pooled['low']:+.2f}, {pooled['high']:+.2f}]",
        )
    Console().print(table)


def write(rows: Mapping[str, Any], arguments: argparse.Namespace) -> None:
    figures: dict[str, float] = {}
    for name, found in rows.items():
        key = "wer_{}_{}_epochs".format(*name.replace("-", "_").split())
        figures[f"{key}_percent"] = found["pooled"]["wer_percent"]
        if not name.startswith(CONTROL):
            figures[f"{key}_minus_control_percent"] = found["pooled"]["difference_percent"]
            figures[f"{key}_minus_control_percent_ci_low"] = found["pooled"]["low"]
            figures[f"{key}_minus_control_percent_ci_high"] = found["pooled"]["high"]
    facts = {"rows": rows, "seeds": arguments.seeds}
    record = new_record("qat_words", [arguments.checkpoint], figures, facts)
    write_record(benchmark_record(record, ROOT), arguments.output)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=ROOT / "an4", help="AN4 [default: ./an4]")
    parser.add_argument("--heldout", type=Path, default=ROOT / "build" / "heldout")
    parser.add_argument("--runs", type=Path, action="append", help="[default: build/qat]")
    parser.add_argument("--checkpoint", type=Path, default=shipped("small"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("-o", "--output", type=Path, default=RESULT)
    found = parser.parse_args()
    found.runs = found.runs or [ROOT / "build" / "qat"]
    return found


if __name__ == "__main__":
    sys.exit(main())
