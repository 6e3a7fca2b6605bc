"""One model under several recipes on the same speech: files, error rates, compression.

checkpoint ─export→ model.onnx ─quantize→ model.RECIPE.q4.onnx ─decode→ word error rate
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from q4compile.graph.read import read_model
from q4compile.graph.write import write_model
from q4compile.progress import Progress, quiet
from q4compile.quantize.quantize import quantize
from q4compile.quantize.summary import figures
from q4compile.recipe.read_recipe import load_recipe
from q4compile.speech.checkpoint import load_rnnt
from q4compile.speech.evaluate import Evaluation, Heard, evaluate
from q4compile.speech.export import export_rnnt
from q4compile.speech.feeds import SpeechFeeds, speech_feeds
from q4compile.speech.metadata import read_metadata
from q4compile.speech.recognizer import recognizer

FLOAT = "fp32"


@dataclass(frozen=True)
class Trial:
    """A model file and how it did; `recipe` is ``fp32`` for the float model."""

    recipe: str
    path: Path
    evaluations: Mapping[str, Evaluation]
    """By the name of the set."""
    figures: Mapping[str, float]
    """Of its quantization; none for the float model."""


def study(
    checkpoint: Path,
    recipes: Sequence[str],
    sets: Mapping[str, Heard],
    calibration: Path,
    folder: Path,
    progress: Progress = quiet,
) -> Iterator[Trial]:
    """The float model, then one trial per recipe, each as soon as it is done; files go to `folder`.

    Args:
        calibration: a corpus, of which the training split is used where it has one.

    Raises:
        What export, quantize and decoding raise.
    """
    exported = folder / "model.onnx"
    export_rnnt(load_rnnt(checkpoint), exported)
    yield Trial(FLOAT, exported, _decoded(exported, sets, progress), {})
    model = read_model(exported)
    metadata = read_metadata(model.metadata_props, str(exported))
    assert metadata is not None, "an exported model has metadata"
    feeds: SpeechFeeds = speech_feeds(metadata, calibration)
    for name in recipes:
        done = quantize(model, load_recipe(name), feeds, progress=progress, total=len(feeds))
        path = folder / f"model.{Path(name).stem}.q4.onnx"
        write_model(done.model, path)
        yield Trial(name, path, _decoded(path, sets, progress), figures(done.plan, model, path))


def _decoded(path: Path, sets: Mapping[str, Heard], progress: Progress) -> dict[str, Evaluation]:
    ears = recognizer(path)
    return {
        name: evaluate(ears.transducer, heard, ears.vocabulary, progress=progress)
        for name, heard in sets.items()
    }
