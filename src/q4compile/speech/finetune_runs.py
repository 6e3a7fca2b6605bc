"""A fine-tuning run as it is asked for: a package, folders and settings in, kept weights out."""

import json
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from q4compile.errors import Finding, ModelError
from q4compile.progress import Progress, quiet
from q4compile.qat import QatModule, load_package
from q4compile.speech.finetune import STATE, FinetuneConfig, Task, finetune
from q4compile.speech.finetune_lm import LmSettings, LmTask
from q4compile.speech.finetune_rnnt import RnntSettings, RnntTask
from q4compile.speech.listener import Hearing
from q4compile.speech.material import material
from q4compile.speech.metadata import LM, SpeechMetadata, read_metadata
from q4compile.speech.processes import Processes, launched
from q4compile.speech.runs import Run, refuse_other_runs
from q4compile.speech.scalars import Scalars, no_scalars, tensorboard
from q4compile.speech.source import Source, mixture
from q4compile.speech.texts import lm_texts


@dataclass(frozen=True)
class Lessons:
    """What to learn from.

    Args:
        data: A corpus with a training split.
        synthetic: A second corpus, mixed in 1:1; a language model reads its transcripts once.
        development: The split of `data` that is scored.
        sentences: Invented sentences that a language model reads too.
        teacher: Package of the float network; None learns from the transcripts alone.
        distill: Weight of what the teacher says.
    """

    data: Path
    synthetic: Path | None = None
    development: str = "dev"
    sentences: int = 20000
    teacher: Path | None = None
    distill: float = 1.0


def run_finetune(
    package: Path,
    lessons: Lessons,
    config: FinetuneConfig,
    folder: Path,
    resume: bool = False,
    curves: bool = False,
    device: str = "cpu",
    progress: Progress = quiet,
) -> Run:
    """Fine-tune the network of `package`, which stays as it is; the run goes into `folder`.

    Under ``torchrun`` the processes share each batch.

    Args:
        curves: Write TensorBoard event files into ``folder/curves``.
        device: cpu or cuda.

    Raises:
        OutputError: Q553 when `folder` holds a run and `resume` is False.
        ModelError: Q118 a model that is neither an RNN-T nor an LM of ours, Q126 a teacher of
            another network, and what `load_package` and `finetune` raise.
        DataError: Q567 no GPU, and what is wrong with a corpus.
    """
    refuse_other_runs(folder / STATE, resume, ", or go on with --resume")
    with launched(device) as processes:
        shown = progress if processes.rank == 0 else quiet
        model = load_package(package)
        task = _task(package, model, lessons, config.seed, processes, shown)
        with _curves(folder, curves and processes.rank == 0) as scalars:
            done = finetune(config, model, task, folder, shown, processes, scalars)
    figures = {"development_score": done.score, "best_epoch": done.epoch, **done.scores}
    settings = json.loads(json.dumps({**asdict(config), **asdict(lessons)}, default=str))
    return Run(done.weights, figures, settings)


def _task(
    package: Path,
    model: QatModule,
    lessons: Lessons,
    seed: int,
    processes: Processes,
    progress: Progress,
) -> Task[Any]:
    metadata = read_metadata(model.props, str(package))
    if metadata is None:
        raise ModelError(_unknown_kind(package))
    teacher = None if lessons.teacher is None else _teacher(lessons.teacher, metadata)
    teacher = teacher and teacher.to(processes.device)
    if metadata.kind == LM:
        texts, judged = lm_texts(
            lessons.data,
            metadata.vocabulary,
            lessons.development,
            lessons.sentences,
            seed,
            lessons.synthetic,
        )
        settings = LmSettings(distill=lessons.distill)
        return LmTask(metadata.vocabulary, texts, judged, seed, settings, teacher)
    assert metadata.features is not None, "an RNN-T says what it hears"
    given = material(
        Hearing(metadata.features, metadata.vocabulary),
        mixture(lessons.data, lessons.synthetic),
        Source(lessons.data, lessons.development),
        seed,
        progress,
    )
    return RnntTask(given, seed, RnntSettings(distill=lessons.distill), teacher)


def _teacher(package: Path, wanted: SpeechMetadata) -> QatModule:
    """A network that hears and writes the same.

    Raises:
        ModelError: Q126 for one of another kind, vocabulary or of other features.
    """
    teacher = load_package(package)
    found = read_metadata(teacher.props, str(package))
    if found is None:
        raise ModelError(_unknown_kind(package))
    parts = ("kind", "vocabulary", "features")
    apart = [name for name in parts if getattr(found, name) != getattr(wanted, name)]
    if apart:
        need, got = "the student's " + ", ".join(parts), "another " + ", another ".join(apart)
        fix = "give the package of the float model that the student was quantized from"
        title = "a teacher of another network"
        raise ModelError(Finding("Q126", title, f"{package}", need, got, fix))
    return teacher


def _curves(folder: Path, wanted: bool) -> AbstractContextManager[Scalars]:
    return tensorboard(folder / "curves") if wanted else nullcontext(no_scalars)


def _unknown_kind(package: Path) -> Finding:
    return Finding(
        "Q118",
        "the model does not say how to feed it",
        f"{package}",
        "a package of an RNN-T or a language model with metadata q4compile.kind",
        "no such metadata",
        "train it with your own loop: it is a torch module, `from package import Model`",
    )
