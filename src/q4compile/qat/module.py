"""What every emitted package is: a torch module that knows its tensors by their ONNX names."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from q4compile.errors import Finding, ModelError, raise_all
from q4compile.qat.grid import Activation
from q4compile.qat.ranges import zero_code
from q4compile.qat.weight import Constant, Weight
from q4compile.quantize.slots import Slot, misfits
from q4compile.quantize.weights_file import WeightsFile, read_weights


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
        self.about: Mapping[str, Any] = WeightsFile({}).about

    @property
    def props(self) -> Mapping[str, str]:
        """``metadata_props`` of the ONNX file."""
        return WeightsFile({}, self.about).props

    def tensors(self) -> dict[str, Tensor]:
        """ONNX name → tensor, of all that the package holds."""
        found: dict[str, Tensor] = {}
        for _, module in self._named():
            found |= dict(module.tensors())
        return found

    def load(self, path: str | Path) -> None:
        """Take every tensor from the safetensors file `path`; all of them, or none.

        Raises:
            ModelError: Q150 unreadable, Q151 no weights of a package, Q157 those of another one,
                and of all tensors: Q152 missing or unexpected, Q153 another shape, Q154 not finite,
                Q155 a scale <= 0, Q158 another type, or a zero point that is no code.
        """
        given = read_weights(Path(path))
        found = [_in_file(each, given.file) for each in misfits(self._slots(), given.tensors)]
        raise_all(ModelError, [*self._homeless(), *found])
        with torch.no_grad():
            for name, tensor in self.tensors().items():
                tensor.copy_(torch.tensor(given.tensors[name]))
        self.about = given.about

    def save(self, path: str | Path) -> None:
        """Write every tensor under its ONNX name: what `load` and `absorb` read.

        Raises:
            ModelError: Q152, Q154, Q155, Q158 as `load`. OutputError: Q551, Q552.
        """
        arrays = self._arrays()
        raise_all(ModelError, [*self._homeless(), *misfits(self._slots(), arrays)])
        WeightsFile(arrays, self.about).write(Path(path))

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

    def _named(self) -> Iterator[tuple[str, Named]]:
        """Where each module of named tensors lies, and the module."""
        for path, module in self.named_modules():
            if isinstance(module, Named):
                yield path, module

    def _slots(self) -> dict[str, Slot]:
        return {
            name: _slot(path, module, name, tensor)
            for path, module in self._named()
            for name, tensor in module.tensors()
        }

    def _arrays(self) -> dict[str, NDArray[Any]]:
        """What the file holds: a zero point is the code nearest to the learned one."""
        found = {name: tensor.detach().cpu().numpy() for name, tensor in self.tensors().items()}
        for each in self.quantizers().values():
            if isinstance(each, Activation):
                code = zero_code(each.zero.detach().cpu(), each.bounds(1))
                found[f"{each.name}.zero_point"] = code.to(torch.int32).numpy()
        return found

    def _homeless(self) -> Iterator[Finding]:
        """Q152 for what a file of tensors by name would lose."""
        owners: dict[str, str] = {}
        kept = set()
        for path, module in self._named():
            for name, tensor in module.tensors():
                kept.add(id(tensor))
                if name in owners:
                    got, fix = f"{owners[name]} and {path}", "use one object in both places"
                    title, need = "two layers that hold one tensor", "one layer"
                    yield Finding("Q152", title, f"'{name}'", need, got, fix)
                owners[name] = path
        for path, parameter in self.named_parameters():
            if id(parameter) not in kept:
                title = "a parameter without a name in the ONNX file"
                need, got = "a Weight, Constant or Activation", f"{list(parameter.shape)}"
                fix = "keep what only training needs outside of the Model"
                yield Finding("Q152", title, f"parameter {path}", need, got, fix)


def _slot(path: str, module: Named, name: str, tensor: Tensor) -> Slot:
    shape, dtype = tuple(tensor.shape), torch.empty(0, dtype=tensor.dtype).numpy().dtype
    if isinstance(module, (Activation, Weight)) and name == f"{module.name}.scale":
        return Slot(shape, dtype, path, "scale")
    if isinstance(module, Activation):
        return Slot(shape, np.dtype(np.int32), path, "zero point", (module.lo, module.hi))
    trained = not isinstance(module, Constant) or isinstance(tensor, nn.Parameter)
    return Slot(shape, dtype, path, "weight" if trained else "constant")


def _in_file(finding: Finding, file: Path) -> Finding:
    return replace(finding, at=f"{finding.at} in {file}")
