"""The weights of a trainable package as numpy arrays: safetensors, no code, no torch."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from q4compile.errors import Finding, ModelError
from q4compile.quantize.network import Array

WEIGHTS = "weights.safetensors"
HEADER = "q4compile-qat"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class Weights:
    """Tensors by their ONNX names, and the SHA-256 of the model that they were made from."""

    file: Path
    tensors: Mapping[str, Array]
    source_sha256: str | None
    """None where the file does not say it."""


def read_weights(path: Path) -> Weights:
    """The weights of a package or of a training run: a folder, or the .safetensors file itself.

    Raises:
        ModelError: Q150 for what cannot be read, Q151 for what holds no weights of a package.
    """
    file = path / WEIGHTS if path.is_dir() else path
    try:
        with safe_open(file, framework="numpy") as opened:
            metadata = opened.metadata() or {}
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, AttributeError, TypeError) as error:
        raise ModelError(_unreadable(path, file, error)) from error
    return Weights(file, tensors, _source(file, metadata))


def _source(file: Path, metadata: Mapping[str, str]) -> str | None:
    try:
        about = json.loads(metadata[HEADER])
        if about["format_version"] != FORMAT_VERSION:
            raise ValueError(f"format_version {about['format_version']}")
        return None if about.get("source_sha256") is None else str(about["source_sha256"])
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        need = f"a header '{HEADER}' of format_version {FORMAT_VERSION}"
        got = "no such header" if isinstance(error, KeyError) else f"{error}"
        fix = "give a folder that q4compile qat made, or one with weights trained from it"
        finding = Finding("Q151", "not the weights of a package", f"{file}", need, got, fix)
        raise ModelError(finding) from error


def _unreadable(path: Path, file: Path, error: Exception) -> Finding:
    need = "a whole safetensors file of types that numpy has"
    if not file.exists():
        need, got = f"a folder with {WEIGHTS}, or a .safetensors file", "no such file"
    else:
        got = f"{error}".splitlines()[0] if f"{error}" else type(error).__name__
    return Finding("Q150", "the weights cannot be read", f"{path}", need, got)
