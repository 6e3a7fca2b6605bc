"""Word error rate on AN4 after quantization-aware training, beside a float control, over seeds.

    q4compile synthesize -n 5000 --seed 1 -o build/synthetic
    python benchmarks/qat.py --data an4 --synthetic build/synthetic

Every variant starts from the bundled FP32 model and trains for as many epochs, on the same examples
in the same order, as the float control it is compared with; rates were chosen on the development
speakers. The control, which is that model, learns from the transcripts; the quantized ones from the
transcripts and from a float network. What follows a hyphen says what else is done:

    averaged   three runs, their mean (`q4compile average`), and two epochs more from there
    taught     the float network is the first averaged control instead of the bundled model;
               w3a3-averaged has that teacher, too

Of each run the last averaged weights count, folded back into the ONNX file and decoded by
onnxruntime on the test set and the development speakers; none is picked by its score. Differences
are those of variant and control of the same number, over all, with a paired-bootstrap 95 % interval
over utterances.

Runs are kept in --runs and go on where they stopped; several processes may share the folder, each
with its own --only, once the first run of control-averaged is there.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from qat_runs import CONFIG, CONTROL, TRAINED, VARIANTS, Place, Variant, run_folder, trainings
from rich.console import Console
from rich.table import Table

from q4compile.cli.bars import progress_for
from q4compile.graph.read import read_model
from q4compile.progress import Progress
from q4compile.quantize.summary import compression
from q4compile.report.record import benchmark_record, new_record, write_record
from q4compile.speech.checkpoint import load_rnnt, shipped
from q4compile.speech.corpus import read_corpus
from q4compile.speech.evaluate import Heard, evaluate, hear
from q4compile.speech.recognizer import recognizer
from q4compile.speech.score import paired_bootstrap

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "qat.json"
SETS = ("test", "dev")
COUNTED = (CONTROL, "w4a4-taught", "w3a3-averaged", "w2a4-taught")
"""Whose figures go by the widths alone."""


def main() -> int:
    arguments = options()
    if not (arguments.data / "etc" / "an4_test.fileids").is_file():
        print(f"skipped: no AN4 in {arguments.data}; clone cmusphinx/an4 or name it by --data")
        return 0
    progress = progress_for(not arguments.json)
    place = Place(arguments.data, arguments.runs, arguments.checkpoint)
    chosen = [VARIANTS[name] for name in arguments.only or VARIANTS]
    seeds = range(arguments.seeds)
    runs = trainings(place, arguments.synthetic, arguments.epochs, progress)
    for seed in seeds:
        for variant in chosen:
            runs.run(variant, seed)
    scores = dict(score_all(place, seeds, progress))
    rows = {name: row(name, scores) for name in scores if VARIANTS[name].control in scores}
    show(rows, arguments.json)
    if set(rows) == set(VARIANTS):
        write(place, rows, arguments)
    return 0


Scores = dict[str, Any]
"""Set → word errors and words of each utterance."""


@dataclass(frozen=True)
class Scored:
    """A variant before training, and after it by seed."""

    before: Scores
    after: list[Scores]


def score_all(place: Place, seeds: range, progress: Progress) -> Iterator[tuple[str, Scored]]:
    """Every variant whose runs are all finished; a file beside each model remembers its errors."""
    config = load_rnnt(place.checkpoint).config
    sets = {name: hear(read_corpus(place.data, name), config.features, progress) for name in SETS}
    for variant in VARIANTS.values():
        files = [run_folder(place, variant, seed) / TRAINED for seed in seeds]
        if all(file.exists() for file in files):
            before = scored(place.model(variant), sets, progress)
            yield variant.name, Scored(before, [scored(file, sets, progress) for file in files])


def scored(file: Path, sets: Mapping[str, Heard], progress: Progress) -> Scores:
    """The word errors of a model file."""
    known = file.with_suffix(".errors.json")
    if known.exists():
        found: Scores = json.loads(known.read_text())
        return found
    ears = recognizer(file)
    scores: Scores = {}
    for name, heard in sets.items():
        done = evaluate(ears.transducer, heard, ears.vocabulary, progress=progress)
        scores[name] = {"errors": done.errors.tolist(), "words": done.words.tolist()}
    known.write_text(json.dumps(scores))
    return scores


def row(name: str, scores: Mapping[str, Scored]) -> dict[str, Any]:
    """Error rates by seed and set, and the difference to the control over all seeds."""
    found: dict[str, Any] = {}
    for part in (*SETS, "pooled"):
        counts, words = stacked(scores[name].after, part)
        reference, _ = stacked(scores[VARIANTS[name].control].after, part)
        before, _ = stacked([scores[name].before], part)
        apart = paired_bootstrap(reference.sum(0), counts.sum(0), words * len(counts))
        found[part] = {
            "before_percent": 100 * float(before.sum()) / float(words.sum()),
            "wer_percent": 100 * float(counts.sum()) / float(words.sum() * len(counts)),
            "by_seed": [100 * float(each.sum()) / float(words.sum()) for each in counts],
            "difference_percent": apart.difference_percent,
            "low": apart.low,
            "high": apart.high,
        }
    return found


def stacked(scores: list[Scores], part: str) -> tuple[Any, Any]:
    """int64[seeds, n] word errors and int64[n] words of a set, or of all of them."""
    names = SETS if part == "pooled" else (part,)
    counts = [np.concatenate([one[name]["errors"] for name in names]) for one in scores]
    return np.stack(counts), np.concatenate([scores[0][name]["words"] for name in names])


def show(rows: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    table = Table("variant", "before", *SETS, "pooled", "by seed", "pooled − control")
    for name, found in rows.items():
        pooled = found["pooled"]
        table.add_row(
            name,
            f"{pooled['before_percent']:.2f}",
            *(f"{found[part]['wer_percent']:.2f}" for part in (*SETS, "pooled")),
            " ".join(f"{each:.2f}" for each in pooled["by_seed"]),
            f"{pooled['difference_percent']:+.2f} [{pooled['low']:+.2f}, {pooled['high']:+.2f}]",
        )
    Console().print(table)


def write(place: Place, rows: Mapping[str, Any], arguments: argparse.Namespace) -> None:
    figures: dict[str, float] = {}
    for name, found in rows.items():
        short = figure_name(name)
        figures[f"wer_{short}_pooled_percent"] = found["pooled"]["wer_percent"]
        if VARIANTS[name].recipe is not None:
            key = f"wer_{short}_qat_minus_control_percent"
            figures[key] = found["pooled"]["difference_percent"]
            figures[f"{key}_ci_low"] = found["pooled"]["low"]
            figures[f"{key}_ci_high"] = found["pooled"]["high"]
            figures[f"compression_ratio_{short}"] = compressed(place, VARIANTS[name])
    facts = {
        "rows": rows,
        "seeds": arguments.seeds,
        "variants": [asdict(each) for each in VARIANTS.values()],
        "settings": {name: asdict(each.config(0, None)) for name, each in VARIANTS.items()},
    }
    record = benchmark_record(new_record("qat", [place.checkpoint], figures, facts), ROOT)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_record(record, arguments.output)


def figure_name(name: str) -> str:
    """As it stands in the names of figures."""
    if name in COUNTED:
        return VARIANTS[name].start
    return name.replace("-", "_") if "-" in name else f"{name}_plain"


def compressed(place: Place, variant: Variant) -> float:
    """Of the first seed's file; sizes do not depend on the weights' values."""
    file = run_folder(place, variant, 0) / TRAINED
    return compression(read_model(place.float_model()), file).ratio


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=ROOT / "an4", help="AN4 [default: ./an4]")
    parser.add_argument("--synthetic", type=Path, help="a second corpus, heard as often as AN4")
    parser.add_argument("--checkpoint", type=Path, default=shipped("small"))
    parser.add_argument("--runs", type=Path, default=ROOT / "build" / "qat", help="kept between")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, help=f"[default: {CONFIG.epochs}]")
    parser.add_argument("--only", action="append", choices=VARIANTS, help="train only these")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("-o", "--output", type=Path, default=RESULT)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
