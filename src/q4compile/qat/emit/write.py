"""A package on disk: new files in a new folder, or none."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from q4compile.errors import Finding, ModelError, OutputError, near, raise_all
from q4compile.files import replacing
from q4compile.qat.emit.names import printable
from q4compile.qat.emit.package import Package
from q4compile.quantize.network import Network
from q4compile.quantize.weights_file import FILE_NAME, FORMAT_VERSION, WeightsFile

STORED = re.compile(r"(\.stored)?(\.\d+)?$")
"""What `quantize` adds to the name of a constant that others read as floats or on other grids."""


def start_from(package: Package, constants: Mapping[str, NDArray[np.generic]]) -> Package:
    """`package` with the numbers of `constants`, a float model's, in place of dequantized codes.

    Scales and zero points stay.

    Raises:
        ModelError: Q162 for every parameter that `constants` lacks or holds in another shape.
    """
    found: list[Finding] = []
    tensors = dict(package.tensors)
    for name in package.parameters:
        given = constants.get(name, constants.get(STORED.sub("", name)))
        if given is None or given.shape != tensors[name].shape:
            found.append(_misfit(name, tensors[name], given, constants))
        else:
            tensors[name] = np.asarray(given, tensors[name].dtype, order="C")
    raise_all(ModelError, found)
    return replace(package, tensors=tensors)


def _misfit(
    name: str,
    wanted: NDArray[np.generic],
    given: NDArray[np.generic] | None,
    constants: Mapping[str, NDArray[np.generic]],
) -> Finding:
    return Finding(
        "Q162",
        "the float model has other parameters",
        f"constant '{printable(name)}'",
        f"{wanted.dtype.name} {list(wanted.shape)}",
        "no constant of this name" if given is None else f"{given.dtype.name} {list(given.shape)}",
        near(name, constants) if given is None else "give the model that was quantized",
    )


def write_package(
    package: Package, network: Network, source_sha256: str, folder: Path, force: bool = False
) -> None:
    """Write `package` to `folder`, a new or an empty one; with `force`, over what lies there.

    Raises:
        OutputError: Q551, Q552; Q553 when the folder holds something and `force` is False.
    """
    _require_room(folder, force)
    about = {
        "format_version": FORMAT_VERSION,
        "model": network.name,
        "source_sha256": source_sha256,
        "props": dict(network.metadata),
    }
    with replacing(folder / FILE_NAME) as temporary:
        for name, text in package.files.items():
            (temporary.parent / name).write_text(text, encoding="utf-8")
        temporary.write_bytes(WeightsFile(package.tensors, about).serialized())


def _require_room(folder: Path, force: bool) -> None:
    title, need = "the output folder holds something already", "a new or an empty folder"
    fix = "name another folder, or write over it with --force"
    if folder.exists() and not folder.is_dir():
        raise OutputError(
            Finding("Q553", title, f"{folder}", need, "a file", "name another folder")
        )
    if folder.is_dir() and not force and any(folder.iterdir()):
        got = "a folder with files in it"
        raise OutputError(Finding("Q553", title, f"{folder}", need, got, fix))
