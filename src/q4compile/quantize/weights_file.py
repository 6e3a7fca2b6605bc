"""The numbers of a trainable package: safetensors under ONNX names, and what may stand there."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from q4compile.errors import Finding, ModelError, near
from q4compile.files import replacing

FILE_NAME = "weights.safetensors"
HEADER = "q4compile-qat"
FORMAT_VERSION = 1

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class WeightsFile:
    """Tensors by ONNX name, and what they belong to.

    `about` holds format_version, model (its name), source_sha256 (of its file) and props: the
    metadata of the ONNX file.
    """

    tensors: Arrays
    about: Mapping[str, Any] = field(
        default_factory=lambda: {"format_version": FORMAT_VERSION, "props": {}}
    )
    file: Path | None = None
    """Where they were read from."""

    @property
    def props(self) -> Mapping[str, str]:
        """``metadata_props`` of the ONNX file."""
        props: Mapping[str, str] = self.about["props"]
        return props

    @property
    def source_sha256(self) -> str | None:
        """Of the model they were made from; None where the file does not say it."""
        source = self.about.get("source_sha256")
        return None if source is None else str(source)

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
    """What `WeightsFile.write` wrote: a package, a training run, or the .safetensors file itself.

    Raises:
        ModelError: Q150 for what cannot be read, Q151 for what holds no weights of a package.
    """
    file = path / FILE_NAME if path.is_dir() else path
    try:
        with safe_open(file, framework="numpy") as opened:
            metadata = opened.metadata() or {}
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, AttributeError, TypeError, ValueError) as error:
        raise ModelError(_unreadable(path, file, error)) from error
    return WeightsFile(tensors, _about(file, metadata), file)


def _unreadable(path: Path, file: Path, error: Exception) -> Finding:
    need = "a whole safetensors file of types that numpy has"
    if not file.exists():
        need, got = f"a folder with {FILE_NAME}, or a .safetensors file", "no such file"
    else:
        got = f"{error}".splitlines()[0] if f"{error}" else type(error).__name__
    return Finding("Q150", "the weights cannot be read", f"{path}", need, got)


def _about(path: Path, metadata: Mapping[str, str]) -> Mapping[str, Any]:
    title, need = "not the weights of a trainable package", f"a header {HEADER!r}"
    if HEADER not in metadata:
        got = f"headers {sorted(metadata)}" if metadata else "no header"
        raise ModelError(Finding("Q151", title, f"{path}", need, got))
    try:
        about = json.loads(metadata[HEADER])
    except (ValueError, RecursionError) as error:
        got = "brackets nested too deeply" if isinstance(error, RecursionError) else f"{error}"
        need += " of JSON"
        raise ModelError(Finding("Q151", title, f"{path}", need, got)) from error
    wrong = _unknown(about)
    if wrong:
        need += f" with format_version {FORMAT_VERSION} and props"
        raise ModelError(Finding("Q151", title, f"{path}", need, wrong))
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


@dataclass(frozen=True)
class Slot:
    """What a file has to hold under one name: finite numbers of this shape and type.

    A scale is above 0; a zero point is one of `codes`. `layer` says whose it is.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    layer: str = ""
    kind: Literal["weight", "scale", "zero point"] = "weight"
    codes: tuple[int, int] = (0, 0)


def misfits(path: Path, slots: Mapping[str, Slot], given: Arrays) -> Iterator[Finding]:
    """Q151 for a file of another network; else Q152 to Q155, one per tensor that does not fit."""
    if slots and not slots.keys() & given.keys():
        names = [f"tensors such as '{min(each)}'" if each else "none" for each in (slots, given)]
        yield Finding("Q151", "the weights of another network", f"{path}", *names)
        return
    for name in sorted(slots.keys() | given.keys()):
        finding = _misfit(path, name, slots, given)
        if finding is not None:
            yield finding


def _misfit(path: Path, name: str, slots: Mapping[str, Slot], given: Arrays) -> Finding | None:
    if name not in slots:
        need, fix = "only tensors of the network", near(name, slots.keys() - given.keys())
        return Finding("Q152", "a tensor that no layer has", f"{path}", need, f"'{name}'", fix)
    slot, at = slots[name], _at(path, name, slots[name])
    if name not in given:
        fix = near(name, given.keys() - slots.keys())
        return Finding("Q152", "a tensor is missing", at, _typed(slot), "no such name", fix)
    array = given[name]
    if array.shape != slot.shape or not np.can_cast(array.dtype, slot.dtype, "same_kind"):
        title = "a tensor of another shape or type"
        return Finding("Q153", title, at, _typed(slot), _typed(array))
    return unusable(at, slot, array)


def unusable(at: str, slot: Slot, array: NDArray[Any]) -> Finding | None:
    """Q154 or Q155 for numbers, of the right shape and type, that a layer cannot have."""
    with np.errstate(over="ignore"):
        array = array.astype(slot.dtype)
    wrong = array.size - int(np.isfinite(array).sum())
    if wrong:
        got = f"{wrong} of {array.size} are not"
        return Finding("Q154", "numbers that are not finite", at, "finite numbers", got)
    if slot.kind == "scale" and bool((array <= 0).any()):
        got, fix = f"{array.min():g}", "train with a lower rate for the grids"
        return Finding("Q155", "a clip that is not above 0", at, "scales above 0", got, fix)
    lo, hi = slot.codes
    if slot.kind == "zero point" and not lo <= int(array) <= hi:
        return Finding("Q155", "a zero point that is no code", at, f"{lo} to {hi}", f"{array}")
    return None


def _at(path: Path, name: str, slot: Slot) -> str:
    return f"'{name}'{f' of layer {slot.layer}' if slot.layer else ''} in {path}"


def _typed(tensor: "Slot | NDArray[Any]") -> str:
    return f"{tensor.dtype.name} {list(tensor.shape)}"
