"""The numbers of a trainable package: safetensors under ONNX names; no code, no torch."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from q4compile.errors import Finding, ModelError
from q4compile.files import replacing

FILE_NAME = "weights.safetensors"
HEADER = "q4compile-qat"
FORMAT_VERSION = 1

TYPES = {"BOOL", "C64", "F16", "F32", "F64"} | {
    f"{kind}{bits}" for kind in "IU" for bits in (8, 16, 32, 64)
}
"""As safetensors calls those that numpy has."""


@dataclass(frozen=True)
class WeightsFile:
    """Tensors by ONNX name, and what they belong to.

    `about` holds format_version, model (its name), source_sha256 (of its file) and props: the
    metadata of the ONNX file. `file` is where it was read.
    """

    tensors: Mapping[str, NDArray[Any]]
    about: Mapping[str, Any] = field(
        default_factory=lambda: {"format_version": FORMAT_VERSION, "props": {}}
    )
    file: Path = Path(FILE_NAME)

    @property
    def props(self) -> Mapping[str, str]:
        """``metadata_props`` of the ONNX file."""
        props: Mapping[str, str] = self.about["props"]
        return props

    @property
    def source_sha256(self) -> str | None:
        """SHA-256 of the model that they were made from; None where the file does not say it."""
        found = self.about.get("source_sha256")
        return None if found is None else str(found)

    def serialized(self) -> bytes:
        """The file's bytes; equal for equal contents."""
        header = json.dumps(self.about, ensure_ascii=False, sort_keys=True)
        return save(dict(sorted(self.tensors.items())), {HEADER: header})

    def write(self, path: Path) -> None:
        """Replace `path`, whole or not at all.

        Raises:
            OutputError: Q551, Q552.
        """
        with replacing(path) as temporary:
            temporary.write_bytes(self.serialized())


def read_weights(path: Path) -> WeightsFile:
    """The weights of a package or of a training run: a folder, or the .safetensors file itself.

    Raises:
        ModelError: Q150 for what cannot be read, Q151 for what holds no weights of a package.
    """
    path = weights_path(path)
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            _require_known_types(path, file)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise _unreadable(path, "a whole safetensors file", f"{error}") from error
    return WeightsFile(tensors, _about(path, metadata), path)


def weights_path(path: Path) -> Path:
    """The file that `path`, a folder or the file itself, stands for."""
    return path / FILE_NAME if path.is_dir() else path


def _unreadable(path: Path, need: str, got: str) -> ModelError:
    if not path.is_file():
        need, got = f"a folder with {FILE_NAME}, or a .safetensors file", "no such file"
    return ModelError(Finding("Q150", "the weights cannot be read", f"{path}", need, got))


def _require_known_types(path: Path, file: Any) -> None:
    """Q150 for number types that numpy has not, such as bfloat16."""
    types = {name: file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118
    strange = [f"{types[name]} in '{name}'" for name in sorted(types) if types[name] not in TYPES]
    if strange:
        raise _unreadable(path, "numbers such as float32", ", ".join(strange[:3]))


def _about(path: Path, metadata: Mapping[str, str]) -> Mapping[str, Any]:
    if HEADER not in metadata:
        got = f"headers {sorted(metadata)}" if metadata else "no header"
        raise _foreign(path, "", got)
    try:
        about = json.loads(metadata[HEADER])
    except (ValueError, RecursionError) as error:
        got = "brackets nested too deeply" if isinstance(error, RecursionError) else f"{error}"
        raise _foreign(path, " of JSON", got) from error
    wrong = _unknown(about)
    if wrong:
        raise _foreign(path, f" with format_version {FORMAT_VERSION} and props", wrong)
    known: Mapping[str, Any] = about
    return known


def _unknown(about: Any) -> str:
    """What is wrong with the header, in words; nothing if it is one of ours."""
    if not isinstance(about, dict):
        return f"a {type(about).__name__}"
    if about.get("format_version") != FORMAT_VERSION:
        return f"format_version {about.get('format_version')}"
    props = about.get("props")
    if not (isinstance(props, dict) and all(isinstance(each, str) for each in props.values())):
        return f"props {props!r:.40}"
    return ""


def _foreign(path: Path, wanted: str, got: str) -> ModelError:
    need, fix = f"a header '{HEADER}'{wanted}", "make a package with q4compile qat MODEL -o FOLDER"
    return ModelError(Finding("Q151", "not the weights of a package", f"{path}", need, got, fix))
