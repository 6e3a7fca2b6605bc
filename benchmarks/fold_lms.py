"""Language models of the experiments as ONNX files: float, quantized after training, trained so."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from q4compile.files import replacing
from q4compile.graph.read import read_model
from q4compile.graph.write import write_model
from q4compile.progress import Progress
from q4compile.qat import load_package
from q4compile.qat.emit.files import emit_file
from q4compile.quantize.absorb_files import absorb_file
from q4compile.quantize.quantize import quantize as quantize_model
from q4compile.recipe.read_recipe import load_recipe
from q4compile.speech.checkpoint import load_lm
from q4compile.speech.evaluate import evenly
from q4compile.speech.export import export
from q4compile.speech.feeds import LIMIT, SpeechFeeds
from q4compile.speech.finetune import FinetuneConfig, finetune
from q4compile.speech.finetune_lm import LmTask
from q4compile.speech.metadata import read_metadata
from q4compile.speech.train_lm import LmTrainConfig, train_lm
from q4compile.speech.utterance import Utterance

FLOAT, PTQ, QAT = "fp32", "ptq", "qat"
SYSTEMS = (FLOAT, PTQ, QAT)
QUANTIZED_LM = FinetuneConfig(epochs=2, peak_rate=1e-3, evaluate_every=0)


def lm_file(
    folder: Path,
    config: LmTrainConfig,
    texts: Sequence[str],
    judged: Sequence[str],
    system: str,
    progress: Progress,
) -> Path:
    """A language model as an ONNX file."""
    path = folder / f"{system}.onnx"
    if path.exists():
        return path
    if system == FLOAT:
        checkpoint = folder / "lm.safetensors"
        if not checkpoint.exists():
            with replacing(checkpoint) as temporary:
                train_lm(config, texts, judged, temporary, progress)
        export(load_lm(checkpoint), path)
        return path
    before = lm_file(folder, config, texts, judged, FLOAT, progress)
    if system == PTQ:
        read = [Utterance(f"{i}", Path(), text, "") for i, text in enumerate(texts)]
        quantize(before, "lm", evenly(read, LIMIT), path)
        return path
    start = lm_file(folder, config, texts, judged, PTQ, progress)
    with packages(before, start, folder) as (teacher, student):
        task = LmTask(config.lm.vocabulary, texts, judged, 0, teacher=load_package(teacher))
        done = finetune(QUANTIZED_LM, load_package(student), task, folder / "qat", progress)
        absorb_file(done.weights, start, path)
    return path


def quantize(model: Path, recipe: str, heard: Sequence[Utterance], path: Path) -> None:
    """Quantize after training, calibrated on `heard`."""
    read = read_model(model)
    metadata = read_metadata(read.metadata_props, str(model))
    assert metadata is not None, "export writes it"
    feeds = SpeechFeeds(metadata, heard)
    write_model(quantize_model(read, load_recipe(recipe), feeds).model, path)


@contextmanager
def packages(before: Path, start: Path, folder: Path) -> Iterator[tuple[Path, Path]]:
    """The float model and the quantized one, with the float one's weights, as torch packages."""
    teacher, student = folder / "float_qat", folder / "ptq_qat"
    emit_file(before, teacher, force=True)
    emit_file(start, student, weights=before, force=True)
    yield teacher, student
