"""Trained networks as files: safetensors for the weights, JSON in its header for the sizes."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from q4compile.errors import Finding, ModelError, near, raise_all
from q4compile.files import replacing
from q4compile.speech.config import LmConfig, RnntConfig, TimeReduction
from q4compile.speech.features import FeatureConfig
from q4compile.speech.lm import CharLm
from q4compile.speech.model import Rnnt
from q4compile.speech.vocabulary import Vocabulary

PRETRAINED = Path(__file__).parent / "pretrained"
SMALL_CHECKPOINT = PRETRAINED / "small.safetensors"
LM_CHECKPOINT = PRETRAINED / "lm.safetensors"
SOURCE_LM_CHECKPOINT = PRETRAINED / "source_lm.safetensors"
"""The bundled networks; docs/training.md says how they were trained and what they score."""

HEADER = "q4compile"
VERSION = 1
Network = TypeVar("Network", Rnnt, CharLm)
KINDS = {Rnnt: "rnnt", CharLm: "char_lm"}


def shipped(name_or_path: str | Path) -> Path:
    """A file as it is; else a bundled network of that name: ``small``, ``lm``, ``source_lm``.

    Raises:
        ModelError: Q120 when it is neither.
    """
    path = Path(name_or_path)
    bundled = {file.stem: file for file in sorted(PRETRAINED.glob("*.safetensors"))}
    if path.exists() or str(name_or_path) not in bundled:
        _require_file(path, list(bundled))
        return path
    return bundled[str(name_or_path)]


def save_checkpoint(path: Path, model: Rnnt | CharLm) -> None:
    """Write weights (float32) and sizes so that `load_checkpoint(path)` gives an equal model.

    Raises:
        OutputError: Q551 or Q552; the old file is then untouched.
    """
    header = {"version": VERSION, "kind": KINDS[type(model)], "config": asdict(model.config)}
    tensors = {name: value.contiguous() for name, value in model.state_dict().items()}
    with replacing(path) as temporary:
        temporary.write_bytes(save(tensors, {HEADER: json.dumps(header, sort_keys=True)}))


def load_checkpoint(path: Path) -> Rnnt | CharLm:
    """Return the model of `path` in evaluation mode, equal to the one saved bit for bit.

    Raises:
        ModelError: Q120 no checkpoint at all, Q121 not one of ours or a header that is no JSON,
            Q122 a version or sizes this release cannot build, Q123 weights that do not fit the
            sizes, Q124 weights not finite.
    """
    header, tensors = _read(path)
    model = _build(path, header)
    raise_all(ModelError, _misfits(path, model, tensors))
    model.load_state_dict(tensors)
    return model.eval()


def load_rnnt(path: Path) -> Rnnt:
    """Return the transducer of `path`; as `load_checkpoint`, and Q125 for a language model."""
    return _of_kind(path, Rnnt)


def load_lm(path: Path) -> CharLm:
    """Return the language model of `path`; as `load_checkpoint`, and Q125 for a transducer."""
    return _of_kind(path, CharLm)


def _of_kind(path: Path, kind: type[Network]) -> Network:
    model = load_checkpoint(path)
    if not isinstance(model, kind):
        raise ModelError(
            Finding(
                "Q125",
                "checkpoint of another kind of network",
                f"{path}",
                f"kind {KINDS[kind]!r}",
                f"kind {KINDS[type(model)]!r}",
            )
        )
    return model


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise ModelError(_unreadable(path, error)) from error
    if HEADER not in metadata:
        raise ModelError(
            Finding(
                "Q121",
                "not a q4compile checkpoint",
                f"{path}",
                f"a safetensors header with the key {HEADER!r}",
                f"keys {sorted(metadata)}",
                "train one with q4compile train, or give an .onnx file where a MODEL is asked for",
            )
        )
    try:
        return json.loads(metadata[HEADER]), tensors
    except (ValueError, RecursionError) as error:
        raise ModelError(_no_json(path, error)) from error


def _no_json(path: Path, error: Exception) -> Finding:
    return Finding(
        "Q121",
        "not a q4compile checkpoint",
        f"{path}",
        f"JSON under the key {HEADER!r} of the safetensors header",
        "nested too deeply" if isinstance(error, RecursionError) else f"no JSON: {error}",
        "copy it again, or train one with q4compile train",
    )


def _require_file(path: Path, bundled: list[str]) -> None:
    if not path.exists():
        need = f"a checkpoint file, or one of the bundled {', '.join(bundled)}"
        fix = near(str(path), bundled)
        raise ModelError(
            Finding("Q120", "no such checkpoint", f"{path}", need, "no such file", fix)
        )


def _unreadable(path: Path, error: Exception) -> Finding:
    return Finding(
        "Q120",
        "the checkpoint cannot be read",
        f"{path}",
        "a whole safetensors file",
        str(error) if path.exists() else "no such file",
        "copy it again: it is not safetensors, or was cut short" if path.exists() else None,
    )


def _build(path: Path, header: dict[str, Any]) -> Rnnt | CharLm:
    try:
        if header["version"] != VERSION:
            raise ValueError(f"version {header['version']}")
        if header["kind"] == "rnnt":
            return Rnnt(_rnnt_config(header["config"]))
        if header["kind"] == "char_lm":
            return CharLm(_lm_config(header["config"]))
        raise ValueError(f"kind {header['kind']!r}")
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(
            Finding(
                "Q122",
                "a checkpoint this release cannot build",
                f"{path}",
                f"version {VERSION}, kind 'rnnt' or 'char_lm', and the sizes of that kind",
                f"{type(error).__name__}: {error}",
            )
        ) from error


def _rnnt_config(fields: dict[str, Any]) -> RnntConfig:
    reduction = fields["time_reduction"]
    return RnntConfig(
        **{
            **fields,
            "features": FeatureConfig(**fields["features"]),
            "time_reduction": TimeReduction(**reduction) if reduction else None,
            "vocabulary": _vocabulary(fields),
        }
    )


def _lm_config(fields: dict[str, Any]) -> LmConfig:
    return LmConfig(**{**fields, "vocabulary": _vocabulary(fields)})


def _vocabulary(fields: dict[str, Any]) -> Vocabulary:
    return Vocabulary(tuple(fields["vocabulary"]["symbols"]))


def _misfits(path: Path, model: nn.Module, tensors: dict[str, Tensor]) -> list[Finding]:
    """All weights that are missing, left over, of another shape or type, or not finite."""
    wanted = {name: _shape(value) for name, value in model.state_dict().items()}
    found = {name: _shape(value) for name, value in tensors.items()}
    findings = [
        Finding(
            "Q123",
            "a weight does not fit the sizes of its checkpoint",
            f"{path}: {name}",
            wanted.get(name, "no such weight"),
            found.get(name, "no such weight"),
        )
        for name in sorted(wanted.keys() | found.keys())
        if wanted.get(name) != found.get(name)
    ]
    return findings + [
        Finding(
            "Q124",
            "a weight is not finite",
            f"{path}: {name}",
            "finite numbers",
            f"{int((~value.isfinite()).sum())} of {value.numel()} values are NaN or infinite",
            "take an earlier checkpoint: this one comes from a run that diverged",
        )
        for name, value in sorted(tensors.items())
        if not bool(torch.isfinite(value).all())
    ]


def _shape(value: Tensor) -> str:
    return f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}"
