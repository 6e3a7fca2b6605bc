"""The trainings of `qat.py`: variants, where they lie, and a teacher better than the float model.

Every run is an ordinary one of `finetune`, and goes on where it stopped.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from q4compile.graph.read import read_model
from q4compile.graph.write import write_model
from q4compile.progress import Progress
from q4compile.qat import QatModule, load_package
from q4compile.qat.average import average
from q4compile.qat.emit.files import emit_file
from q4compile.quantize.absorb_files import absorb_file
from q4compile.quantize.pack_int2 import pack_int2
from q4compile.quantize.quantize import quantize
from q4compile.quantize.weights_file import FILE_NAME
from q4compile.recipe.read_recipe import load_recipe
from q4compile.speech.checkpoint import load_rnnt
from q4compile.speech.export import export_rnnt
from q4compile.speech.feeds import speech_feeds
from q4compile.speech.finetune import FinetuneConfig, finetune
from q4compile.speech.finetune_rnnt import RnntSettings, RnntTask
from q4compile.speech.material import Material, material
from q4compile.speech.metadata import read_metadata
from q4compile.speech.source import Source, mixture

CONTROL, TEACHER = "control", "control-averaged"
TRAINED = "trained.onnx"
AVERAGED = 3
"""Runs of which an averaged network is the mean."""


@dataclass(frozen=True)
class Variant:
    """One way to train. What follows a hyphen in `name` says how, what stands before it, what.

    Args:
        recipe: of `recipes/`; None for the float control.
        rate: its peak.
        distill: the teacher's weight.
        taught: whether the teacher is the averaged control, instead of the bundled float model.
        averaged: whether it starts from the mean of runs of the variant without a hyphen, and goes
            on for two epochs; else it starts from the bundled float weights, and trains for eight.
    """

    name: str
    recipe: str | None
    rate: float
    distill: float = 1.0
    taught: bool = False
    averaged: bool = False

    @property
    def start(self) -> str:
        """The variant without a hyphen: of the same quantized model."""
        return self.name.partition("-")[0]

    @property
    def control(self) -> str:
        """The float variant that trains for the same epochs."""
        return TEACHER if self.averaged else CONTROL

    def runs(self, number: int) -> range:
        """Of `start`: those whose mean this one starts from."""
        return range(AVERAGED * number, AVERAGED * (number + 1))

    def config(self, number: int, epochs: int | None) -> FinetuneConfig:
        """Of one run; `epochs` are for those that start from the bundled weights."""
        config = replace(CONFIG, peak_rate=self.rate, seed=number, epochs=epochs or CONFIG.epochs)
        if self.averaged:  # other orders of the examples than in the runs
            seed = 100 + AVERAGED * number
            return replace(config, epochs=2, average_decay=0.99, seed=seed)
        return config


VARIANTS = {
    one.name: one
    for one in (
        Variant(CONTROL, None, 3e-4),
        Variant(TEACHER, None, 1e-4, averaged=True),
        Variant("w4a4", "rnnt", 3e-4),
        Variant("w4a4-taught", "rnnt", 3e-4, taught=True),
        Variant("w3a3", "w3a3", 1.5e-3, 0.25),
        Variant("w3a3-averaged", "w3a3", 3e-4, taught=True, averaged=True),
        Variant("w2a4", "w2a4", 1.5e-3),
        Variant("w2a4-taught", "w2a4", 1.5e-3, taught=True),
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
        path = self.runs / f"{variant.start}.q4.onnx"
        if not path.exists():
            model = read_model(exported)
            metadata = read_metadata(model.metadata_props, str(exported))
            assert metadata is not None
            feeds = speech_feeds(metadata, self.data)
            write_model(quantize(model, load_recipe(variant.recipe), feeds).model, path)
        return path

    def package(self, variant: Variant) -> Path:
        """The model as a torch package; its weights are the float ones."""
        folder = self.runs / f"{variant.start}_qat"
        if not folder.exists():
            emit_file(self.model(variant), folder, weights=self.float_model())
        return folder


@dataclass
class Trainings:
    """Runs by variant and number; what one needs of others is trained before it.

    `hear` renders what all of them hear; it is called once, if anything is left to train.
    """

    place: Place
    hear: Callable[[], Material]
    epochs: int | None
    progress: Progress

    @cached_property
    def heard(self) -> Material:
        """What to train and to judge on."""
        return self.hear()

    def run(self, variant: Variant, number: int) -> Path:
        """The trained model; it is there once all of it is."""
        folder = run_folder(self.place, variant, number)
        if not (folder / TRAINED).exists():
            weights, whole = self._train(variant, number, folder), folder / "unpacked.onnx"
            absorb_file(weights, self.place.model(variant), whole)
            write_model(pack_int2(read_model(whole)), folder / TRAINED)
            whole.unlink()
        return folder / TRAINED

    def _train(self, variant: Variant, number: int, folder: Path) -> Path:
        """The weights of a run."""
        model, teacher = load_package(self.place.package(variant)), self._teacher(variant)
        if variant.averaged:
            start = VARIANTS[variant.start]
            average(model, [self._weights(start, each) for each in variant.runs(number)])
        config = variant.config(number, self.epochs)
        task = RnntTask(self.heard, config.seed, RnntSettings(distill=variant.distill), teacher)
        return finetune(config, model, task, folder, self.progress).weights

    def _teacher(self, variant: Variant) -> QatModule | None:
        """What a quantized network learns from beside the transcripts."""
        if variant.recipe is None:
            return None
        teacher = load_package(self.place.package(VARIANTS[CONTROL]))
        if variant.taught:
            teacher.load(self._weights(VARIANTS[TEACHER], 0))
        return teacher

    def _weights(self, variant: Variant, number: int) -> Path:
        return self.run(variant, number).with_name(FILE_NAME)


def trainings(
    place: Place, synthetic: Path | None, epochs: int | None, progress: Progress
) -> Trainings:
    """Those that hear AN4 and a second corpus."""

    def hear() -> Material:
        config, heard = load_rnnt(place.checkpoint).config, mixture(place.data, synthetic)
        return material(config, heard, Source(place.data, "dev"), 0, progress)

    return Trainings(place, hear, epochs, progress)


def run_folder(place: Place, variant: Variant, number: int) -> Path:
    """Of one run."""
    return place.runs / f"{variant.name}-{number}"
