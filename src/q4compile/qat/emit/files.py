"""``emit_file``: what ``q4compile qat`` does, as one call."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from q4compile.graph.read import component_of, read_model
from q4compile.qat.emit.package import Package, make_package
from q4compile.qat.emit.write import start_from, write_package
from q4compile.quantize.network_read import read_network


@dataclass(frozen=True)
class Emitted:
    """A package that was written, and figures of a record."""

    folder: Path
    package: Package
    figures: Mapping[str, float]


def emit_file(
    model: Path, folder: Path | None = None, weights: Path | None = None, force: bool = False
) -> Emitted:
    """Write the model of the file `model` as a package.

    Args:
        folder: new or empty; ``model_qat`` beside ``model.q4.onnx`` if None.
        weights: the float model whose parameters training starts from.
        force: write over what lies in `folder`.

    Raises:
        ModelError: Q101 to Q111; what `read_network` raises; Q160, Q161, Q162.
        OutputError: Q551, Q552, Q553.
    """
    stem = model.name.removesuffix(".onnx").removesuffix(".q4")
    network = read_network(read_model(model), component_of(stem))
    package = make_package(network)
    if weights is not None:
        given = read_model(weights).graph.initializers
        held = {name: value.const_value for name, value in given.items()}
        numbers = {name: value.numpy() for name, value in held.items() if value is not None}
        package = start_from(package, numbers)
    goal = folder or model.with_name(f"{re.sub(r'[^0-9A-Za-z_]', '_', stem)}_qat")
    write_package(package, network, sha256(model.read_bytes()).hexdigest(), goal, force)
    return Emitted(goal, package, _figures(package))


def _figures(package: Package) -> dict[str, float]:
    quantized = [n for n in package.parameters if f"{n}.scale" in package.tensors]
    return {
        "parameters": sum(package.tensors[name].size for name in package.parameters),
        "quantized_parameters": sum(package.tensors[name].size for name in quantized),
        "quantizers": sum(name.endswith(".zero_point") for name in package.tensors),
    }
