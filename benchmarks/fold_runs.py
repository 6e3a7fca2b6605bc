"""Trained networks of the experiments by fold: what one depends on is made first, and kept.

pretrained (synthesized speech without names, no recorded speaker; one for all folds)
→ fold k: trained on the recordings of all other folds → model.onnx
→ w4a4.q4.onnx (recipe rnnt) → trained with the float model as teacher → qat.onnx
and the same for the language models (recipe lm).

Of each training the last averaged weights count; none is picked by its score. Everything lies in
one folder, is a function of it and of the seed, and is not made again; a training that was stopped
goes on after its last whole epoch.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from fold_corpora import (
    Entry,
    anything,
    fold_entries,
    folds,
    is_name,
    manifest,
    nameless,
    synthetic_entries,
)
from fold_lms import FLOAT, PTQ, QAT, lm_file, packages, quantize
from fold_texts import heard_texts, spelled_names, wide_sentences

from q4compile.progress import Progress
from q4compile.qat import load_package
from q4compile.quantize.absorb_files import absorb_file
from q4compile.speech.checkpoint import load_rnnt
from q4compile.speech.config import SMALL, SMALL_LM
from q4compile.speech.corpus import read_corpus
from q4compile.speech.evaluate import evenly
from q4compile.speech.export import export
from q4compile.speech.feeds import LIMIT
from q4compile.speech.finetune import FinetuneConfig, finetune
from q4compile.speech.finetune_rnnt import RnntTask
from q4compile.speech.material import Material, part
from q4compile.speech.source import Rendered, Source, render
from q4compile.speech.train import TrainConfig, train, train_on
from q4compile.speech.train_lm import LmTrainConfig
from q4compile.speech.utterance import Utterance

PRETRAINING = TrainConfig(epochs=14, evaluate_every=14, dropout=0.2, bfloat16=True)
PRETRAINED_EPOCHS = 7
"""Then the folds go on, each with a falling rate of its own."""
SHORT = TrainConfig(
    epochs=6,
    peak_rate=1e-3,
    warm_up=0.05,
    ctc_weights=(0.1, 0.1),
    average_decay=0.98,
    evaluate_every=6,
    bfloat16=True,
)
LONG = replace(SHORT, epochs=30, evaluate_every=30)
QUANTIZED = FinetuneConfig(epochs=3, peak_rate=3e-4, evaluate_every=0)
EXTERNAL = LmTrainConfig()
SOURCE = LmTrainConfig(lm=replace(SMALL_LM, hidden=96), dropout=0.2)
EXTERNAL_LINES, JUDGED_LINES = 30000, 500
COPIES, SYNTHETIC_SHARE = 4, 0.5


@dataclass(frozen=True)
class Experiment:
    """What the transducer may hear, and what is asked of it."""

    name: str
    heard: Callable[[str], bool]
    tested: Callable[[str], bool]
    external: Callable[[int, int], list[str]]
    """(number, seed) → texts of the external language model, none of them a transcript."""
    training: TrainConfig
    """Of each fold, from what all folds share."""


SHIFT = Experiment("shift", nameless, is_name, spelled_names, SHORT)
"""Trained without spelled names, tested on nothing else."""
WHOLE = Experiment("whole", anything, anything, wide_sentences, LONG)
"""Trained and tested on everything."""


@dataclass(frozen=True)
class Place:
    """Where everything of an experiment lies, and what it is made from."""

    data: Path
    synthetic: Path
    runs: Path
    count: int
    progress: Progress
    experiment: Experiment

    @cached_property
    def utterances(self) -> list[Utterance]:
        """Of all speakers: train, dev and test."""
        return read_corpus(self.data)

    @cached_property
    def folds(self) -> list[frozenset[str]]:
        """Speakers by the fold in which they are tested."""
        return folds((one.speaker for one in self.utterances), self.count)

    def fold(self, k: int) -> "Fold":
        return Fold(self, k)

    @cached_property
    def pretrained(self) -> Path:
        """A transducer that heard synthesized sentences without a spelled name."""
        entries = synthetic_entries(self.synthetic, nameless)
        corpus = manifest(self.runs / "synthetic-nameless.jsonl", entries)
        heard, judged = Source(corpus, "train", copies=2), Source(corpus, "dev")
        run = self.runs / "pretrained-nameless"
        return train(
            PRETRAINING, (heard,), judged, run, self.progress, stop=PRETRAINED_EPOCHS
        ).checkpoint

    def external_lm(self, system: str) -> Path:
        """The language model of the experiment's target: one for all folds."""
        texts = self.experiment.external(EXTERNAL_LINES, 1)
        judged = self.experiment.external(JUDGED_LINES, 2)
        folder = self.runs / f"{self.experiment.name}-external_lm"
        return lm_file(folder, EXTERNAL, texts, judged, system, self.progress)

    @cached_property
    def recorded_source(self) -> Source:
        allowed = [("train", one) for one in self.utterances if self.experiment.heard(one.text)]
        path = manifest(self.runs / f"{self.experiment.name}-recorded.jsonl", allowed)
        return Source(path, "train", copies=COPIES)

    @cached_property
    def synthetic_source(self) -> Source:
        entries = synthetic_entries(self.synthetic, self.experiment.heard)
        path = manifest(self.runs / f"{self.experiment.name}-synthetic.jsonl", entries)
        return Source(path, "train", share=SYNTHETIC_SHARE)

    @cached_property
    def rendered(self) -> tuple[Rendered, Rendered]:
        """Recorded speech of all speakers, and synthesized speech."""
        sources = (self.recorded_source, self.synthetic_source)
        first, second = (render(each, SMALL, 0, self.progress) for each in sources)
        return first, second


@dataclass(frozen=True)
class Fold:
    """The networks that never heard, or read, a speaker of fold `k`."""

    place: Place
    k: int

    @property
    def folder(self) -> Path:
        return self.place.runs / f"{self.place.experiment.name}-{self.k}"

    @cached_property
    def entries(self) -> list[Entry]:
        place = self.place
        return fold_entries(place.utterances, place.folds[self.k], place.experiment.heard)

    def of(self, split: str) -> list[Utterance]:
        return [one for name, one in self.entries if name == split]

    @property
    def tested(self) -> list[Utterance]:
        """What is decoded and scored."""
        return [one for one in self.of("test") if self.place.experiment.tested(one.text)]

    @cached_property
    def material(self) -> Material:
        """The rendered speech of the speakers of the other folds, and synthesized speech."""
        place = self.place
        recorded, synthesized = place.rendered
        everyone = read_corpus(place.recorded_source.corpus)
        splits = {one.id: split for split, one in self.entries}
        places = {
            split: [i for i, one in enumerate(everyone) if splits.get(one.id) == split]
            for split in ("train", "dev")
        }
        return Material(
            SMALL,
            (place.recorded_source, place.synthetic_source),
            (part(recorded, places["train"]), synthesized),
            part(recorded, places["dev"]),
        )

    def model(self, system: str) -> Path:
        """The transducer as an ONNX file."""
        path = self.folder / f"{system}.onnx"
        if not path.exists():
            {FLOAT: self._train, PTQ: self._quantize, QAT: self._finetune}[system](path)
        return path

    def _train(self, path: Path) -> None:
        start = self.place.pretrained
        run = self.folder / "float"
        done = train_on(
            self.place.experiment.training, self.material, run, self.place.progress, start
        )
        export(load_rnnt(done.checkpoint), path)

    def _quantize(self, path: Path) -> None:
        quantize(self.model(FLOAT), "rnnt", evenly(self.of("train"), LIMIT), path)

    def _finetune(self, path: Path) -> None:
        with packages(self.model(FLOAT), self.model(PTQ), self.folder) as (teacher, student):
            task = RnntTask(self.material, 0, teacher=load_package(teacher))
            run, progress = self.folder / "qat", self.place.progress
            done = finetune(QUANTIZED, load_package(student), task, run, progress)
            absorb_file(done.weights, self.model(PTQ), path)

    def source_lm(self, system: str) -> Path:
        """The language model of what this fold's transducer has heard."""
        synthesized = [one.text for one in read_corpus(self.place.synthetic_source.corpus, "train")]
        texts = heard_texts([one.text for one in self.of("train")], synthesized)
        judged = [one.text for one in self.of("dev")]
        return lm_file(
            self.folder / "source_lm", SOURCE, texts, judged, system, self.place.progress
        )
