"""Files in, file out: the weights of a package into the model it was made from."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from q4compile.errors import Finding, ModelError, OutputError
from q4compile.graph.read import read_model
from q4compile.graph.write import write_model
from q4compile.quantize.absorb import absorb, changed_codes
from q4compile.quantize.summary import compression, file_bytes
from q4compile.quantize.weights_file import WeightsFile, read_weights

SUFFIXES = (".q4.onnx", ".onnx")


@dataclass(frozen=True)
class Absorbed:
    """A trained model that was written, and the figures of a record."""

    output: Path
    weights: Path
    figures: Mapping[str, float]


def absorb_file(
    package: Path, model: Path, output: Path | None = None, other_model: bool = False
) -> Absorbed:
    """Write `model` with the trained weights of `package`, a folder or a .safetensors file.

    Args:
        output: ``model.trained.q4.onnx`` beside ``model.q4.onnx`` if None.
        other_model: accept a model that is not the one the package was made from, as long as names
            and shapes agree.

    Raises:
        ModelError: Q101 to Q111; Q150, Q151; what `absorb` raises; Q157 for another model.
        OutputError: Q551, Q552; Q554 if `output` is the model itself.
    """
    started = perf_counter()
    goal = output or _trained(model)
    if os.path.realpath(goal) == os.path.realpath(model):
        raise OutputError(_taken(model, goal))
    weights, before = read_weights(package), read_model(model)
    if not other_model and weights.source_sha256 not in (None, _sha256(model)):
        raise ModelError(_of_another_model(weights, model))
    after = absorb(before, weights.tensors)
    write_model(after, goal)
    changed, codes = changed_codes(before, after, weights.tensors)
    found = {**compression(before, goal).figures(), "file_bytes": file_bytes(goal)}
    if codes:
        found |= {"changed_codes": changed, "changed_codes_share": changed / codes}
    return Absorbed(goal, weights.file, {**found, "seconds": perf_counter() - started})


def _trained(model: Path) -> Path:
    suffix = next((each for each in SUFFIXES if model.name.endswith(each)), "")
    return model.with_name(f"{model.name.removesuffix(suffix)}.trained{suffix or '.onnx'}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _taken(model: Path, goal: Path) -> Finding:
    need, fix = "a file that is not the model itself", "name another path with -o"
    return Finding("Q554", "the output is taken", f"{model} → {goal}", need, "the model", fix)


def _of_another_model(weights: WeightsFile, model: Path) -> Finding:
    return Finding(
        "Q157",
        "weights of another model",
        f"{weights.file} → {model}",
        f"the model the package was made from, SHA-256 {str(weights.source_sha256)[:12]}…",
        f"SHA-256 {_sha256(model)[:12]}…",
        "give that model, or go by names and shapes alone with --other-model",
    )
