"""Word error rate on AN4 after quantization-aware training, beside a float control, over seeds.

    q4compile synthesize -n 5000 --seed 1 -o build/synthetic
    python benchmarks/qat.py --data an4 --synthetic build/synthetic

Every variant starts from the bundled FP32 model and trains for the same epochs on the same examples
in the same order; rates were chosen on the development speakers. The quantized ones learn from the
transcripts and from the float model, the control, which is that model, from the transcripts. Of
each run the last averaged weights count, folded back into the ONNX file and decoded by onnxruntime
on the test set and the development speakers; none is picked by its score. Differences are those of
variant and control of the same seed, over all seeds, with a paired-bootstrap 95 % interval over
utterances.

Runs are kept in --runs and go on where they stopped; several processes may share the folder, each
with its own --only.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from rich.console import Console
from rich.table import Table

from q4compile.cli.bars import progress_for
from q4compile.graph.read import read_model
from q4compile.graph.write import write_model
from q4compile.progress import Progress
from q4compile.qat import load_package
from q4compile.qat.emit.files import emit_file
from q4compile.quantize.absorb_files import absorb_file
from q4compile.quantize.pack_int2 import pack_int2
from q4compile.quantize.quantize import quantize
from q4compile.quantize.summary import compression
from q4compile.recipe.read_recipe import load_recipe
from q4compile.report.record import benchmark_record, new_record, write_record
from q4compile.speech.checkpoint import load_rnnt, shipped
from q4compile.speech.corpus import read_corpus
from q4compile.speech.evaluate import Heard, evaluate, hear
from q4compile.speech.export import export_rnnt
from q4compile.speech.feeds import speech_feeds
from q4compile.speech.finetune import FinetuneConfig, finetune
from q4compile.speech.finetune_rnnt import RnntSettings, RnntTask
from q4compile.speech.material import Material, material
from q4compile.speech.metadata import read_metadata
from q4compile.speech.recognizer import recognizer
from q4compile.speech.score import paired_bootstrap
from q4compile.speech.source import Source, mixture

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "qat.json"
CONTROL = "control"
SETS = ("test", "dev")
TRAINED = "trained.onnx"


@dataclass(frozen=True)
class Variant:
    """A recipe of `recipes/`, None for the float control; peak rate, and the teacher's weight."""

    name: str
    recipe: str | None
    rate: float
    distill: float = 1.0


VARIANTS = {
    one.name: one
    for one in (
        Variant(CONTROL, None, 3e-4),
        Variant("w4a4", "rnnt", 3e-4),
        Variant("w3a3", "w3a3", 1.5e-3, 0.25),
        Variant("w2a4", "w2a4", 1.5e-3),
    )
}
CONFIG = FinetuneConfig(epochs=8, evaluate_every=4)


@dataclass(frozen=True)
class Place:
    """Where everything of one benchmark lies."""

    data: Path
    runs: Path
    checkpoint: Path

    def float_model(self) -> Path:
        """The exported FP32 model."""
        path = self.runs / "model.onnx"
        if not path.exists():
            self.runs.mkdir(parents=True, exist_ok=True)
            export_rnnt(load_rnnt(self.checkpoint), path)
        return path

    def model(self, variant: Variant) -> Path:
        """The model the variant starts from: quantized by its recipe, or the float one."""
        exported = self.float_model()
        if variant.recipe is None:
            return exported
        path = self.runs / f"{variant.name}.q4.onnx"
        if not path.exists():
            model = read_model(exported)
            metadata = read_metadata(model.metadata_props, str(exported))
            assert metadata is not None
            feeds = speech_feeds(metadata, self.data)
            write_model(quantize(model, load_recipe(variant.recipe), feeds).model, path)
        return path

    def package(self, variant: Variant) -> Path:
        """The model as a torch package; its weights are the float ones."""
        folder = self.runs / f"{variant.name}_qat"
        if not folder.exists():
            emit_file(self.model(variant), folder, weights=self.float_model())
        return folder


def main() -> int:
    arguments = options()
    if not (arguments.data / "etc" / "an4_test.fileids").is_file():
        print(f"skipped: no AN4 in {arguments.data}; clone cmusphinx/an4 or name it by --data")
        return 0
    progress = progress_for(not arguments.json)
    place = Place(arguments.data, arguments.runs, arguments.checkpoint)
    chosen = [VARIANTS[name] for name in arguments.only or VARIANTS]
    train_all(place, chosen, arguments, progress)
    scores = dict(score_all(place, range(arguments.seeds), progress))
    rows = {name: row(name, scores) for name in scores if CONTROL in scores}
    show(rows, arguments.json)
    if set(rows) == set(VARIANTS):
        write(place, rows, arguments)
    return 0


def train_all(
    place: Place, chosen: list[Variant], arguments: argparse.Namespace, progress: Progress
) -> None:
    """Every run that is not finished yet; what is heard is rendered once for all of them."""
    waiting = [
        (variant, seed)
        for seed in range(arguments.seeds)
        for variant in chosen
        if not (run_folder(place, variant, seed) / TRAINED).exists()
    ]
    if not waiting:
        return
    config = load_rnnt(place.checkpoint).config
    heard = mixture(place.data, arguments.synthetic)
    given = material(config, heard, Source(place.data, "dev"), 0, progress)
    for variant, seed in waiting:
        train_one(place, variant, seed, given, arguments, progress)


def train_one(
    place: Place,
    variant: Variant,
    seed: int,
    given: Material,
    arguments: argparse.Namespace,
    progress: Progress,
) -> None:
    """One run, and its weights folded back into the file it started from."""
    folder = run_folder(place, variant, seed)
    teacher = load_package(place.package(VARIANTS[CONTROL])) if variant.recipe else None
    task = RnntTask(given, seed, RnntSettings(distill=variant.distill), teacher)
    epochs = arguments.epochs or CONFIG.epochs
    config = replace(CONFIG, peak_rate=variant.rate, seed=seed, epochs=epochs)
    model = load_package(place.package(variant))
    done = finetune(config, model, task, folder, progress)
    trained = folder / TRAINED
    absorb_file(done.weights, place.model(variant), trained)
    write_model(pack_int2(read_model(trained)), trained)


def run_folder(place: Place, variant: Variant, seed: int) -> Path:
    """Of one run."""
    return place.runs / f"{variant.name}-{seed}"


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
        reference, _ = stacked(scores[CONTROL].after, part)
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
        figures[f"wer_{name}_pooled_percent"] = found["pooled"]["wer_percent"]
        if name != CONTROL:
            key = f"wer_{name}_qat_minus_control_percent"
            figures[key] = found["pooled"]["difference_percent"]
            figures[f"{key}_ci_low"] = found["pooled"]["low"]
            figures[f"{key}_ci_high"] = found["pooled"]["high"]
            figures[f"compression_ratio_{name}"] = compressed(place, VARIANTS[name])
    facts = {
        "rows": rows,
        "seeds": arguments.seeds,
        "settings": asdict(CONFIG),
        "variants": [asdict(each) for each in VARIANTS.values()],
    }
    record = benchmark_record(new_record("qat", [place.checkpoint], figures, facts), ROOT)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_record(record, arguments.output)


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
