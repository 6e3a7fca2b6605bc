"""What every emitted package is: a torch module that knows its tensors by their ONNX names."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from q4compile.errors import Finding, ModelError, near, raise_all
from q4compile.files import replacing
from q4compile.qat.grid import Activation
from q4compile.qat.weight import Weight

HEADER = "q4compile-qat"
FORMAT_VERSION = 1


@runtime_checkable
class Named(Protocol):
    """A module whose tensors are the file's."""

    name: str

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """ONNX name → the tensor of that name."""
        ...


class QatModule(nn.Module):
    """A network whose weights, scales and zero points go by their names in the ONNX file.

    `about` is the header of the weights; `props` in it the metadata of the ONNX file.
    """

    def __init__(self) -> None:
        super().__init__()
        self.about: dict[str, Any] = {"format_version": FORMAT_VERSION, "props": {}}

    @property
    def props(self) -> Mapping[str, str]:
        """``metadata_props`` of the ONNX file."""
        props: dict[str, str] = self.about["props"]
        return props

    def tensors(self) -> dict[str, Tensor]:
        """ONNX name → tensor, of all that the package holds."""
        found: dict[str, Tensor] = {}
        for module in self.modules():
            if isinstance(module, Named):
                found |= dict(module.tensors())
        return found

    def load(self, path: str | Path) -> None:
        """Take every tensor from the safetensors file `path`.

        Raises:
            ModelError: Q150 unreadable, Q151 no weights of a package, and of all tensors: Q152
                missing or unexpected, Q153 another shape, Q154 not finite, Q155 a scale <= 0.
        """
        self.about, given = _read(Path(path))
        own = self.tensors()
        raise_all(ModelError, list(misfits(Path(path), own, given)))
        with torch.no_grad():
            for name, tensor in own.items():
                tensor.copy_(given[name])

    def save(self, path: str | Path) -> None:
        """Write every tensor under its ONNX name: what `load` and `absorb` read.

        Raises:
            ModelError: Q154, Q155 as `load`. OutputError: Q551, Q552.
        """
        found = {name: stored(name, tensor) for name, tensor in self.tensors().items()}
        raise_all(ModelError, list(broken(Path(path), found)))
        header = {HEADER: json.dumps(self.about, ensure_ascii=False, sort_keys=True)}
        with replacing(Path(path)) as temporary:
            temporary.write_bytes(save(found, header))

    def quantizers(self) -> dict[str, Activation | Weight]:
        """ONNX name → quantizer, weights included."""
        kinds = (Activation, Weight)
        found = [each for each in self.modules() if isinstance(each, kinds)]
        return {each.name: each for each in found if not each.format.is_float}

    def clips(self) -> dict[str, tuple[float, float]]:
        """ONNX name → extreme values of an activation; least and greatest clip of a weight."""
        return {name: each.clips for name, each in self.quantizers().items()}

    def refresh_ranges(self) -> None:
        """Take the scales that follow the weights (sawb, minmax) from the weights anew."""
        for each in self.quantizers().values():
            if isinstance(each, Weight):
                each.refresh()

    def parameter_groups(self, rate: float, grid_rate: float = 1.0) -> list[dict[str, Any]]:
        """Parameters for an optimizer: the weights at `rate`, the grids at ``rate · grid_rate``.

        Grids are not decayed: their zero is no neutral value.
        """
        grids = {
            id(parameter)
            for each in self.quantizers().values()
            for name, parameter in each.named_parameters(recurse=False)
            if name != "value"
        }
        weights = [each for each in self.parameters() if id(each) not in grids]
        learned = [each for each in self.parameters() if id(each) in grids]
        groups: list[dict[str, Any]] = [{"params": weights, "lr": rate}]
        if learned:
            groups.append({"params": learned, "lr": rate * grid_rate, "weight_decay": 0.0})
        return groups


def stored(name: str, tensor: Tensor) -> Tensor:
    """The form in which a file holds it: a zero point is int32."""
    kept = tensor.detach().cpu().contiguous()
    return torch.round(kept).to(torch.int32) if name.endswith(".zero_point") else kept.clone()


def misfits(
    path: Path, own: Mapping[str, Tensor], given: Mapping[str, Tensor]
) -> Iterator[Finding]:
    """Q152 to Q155 for every tensor of the file `path` that does not fit the package."""
    for name in own.keys() - given.keys():
        yield Finding(
            "Q152", "a tensor is missing", f"{path}", f"'{name}'", "no such name", near(name, given)
        )
    for name in given.keys() - own.keys():
        need = "only tensors of the package"
        yield Finding(
            "Q152",
            "a tensor that the package has not",
            f"{path}",
            need,
            f"'{name}'",
            near(name, own),
        )
    for name in sorted(own.keys() & given.keys()):
        if own[name].shape != given[name].shape:
            shapes = [f"{list(each[name].shape)}" for each in (own, given)]
            yield Finding("Q153", "a tensor of another shape", f"'{name}' in {path}", *shapes)
    yield from broken(path, given)


def broken(path: Path, given: Mapping[str, Tensor]) -> Iterator[Finding]:
    """Q154 and Q155: numbers that are not finite, scales that are not positive."""
    for name, tensor in sorted(given.items()):
        if not tensor.is_floating_point():
            continue
        at = f"'{name}' in {path}"
        wrong = int((~torch.isfinite(tensor)).sum())
        if wrong:
            got = f"{wrong} of {tensor.numel()} are not"
            yield Finding("Q154", "weights that are no numbers", at, "finite numbers", got)
        elif name.endswith(".scale") and bool((tensor <= 0).any()):
            got, fix = f"{float(tensor.min()):g}", "train it with a lower grid rate"
            yield Finding("Q155", "a clip that is not above 0", at, "a scale above 0", got, fix)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        got = str(error) if path.exists() else "no such file"
        need = "a whole safetensors file"
        raise ModelError(
            Finding("Q150", "the weights cannot be read", f"{path}", need, got)
        ) from error
    try:
        about: dict[str, Any] = json.loads(metadata[HEADER])
        if about["format_version"] != FORMAT_VERSION:
            raise ValueError(f"format_version {about['format_version']}")
        dict(about["props"])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        need = f"a header {HEADER!r} of format_version {FORMAT_VERSION}"
        raise ModelError(
            Finding("Q151", "not the weights of a package", f"{path}", need, f"{error}")
        ) from error
    return about, tensors
