"""The arrays for an entry: are they those it wants, and which dimensions do they have."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from q4compile.errors import DataError, Finding, raise_all
from q4compile.isa.program import Entry, Port
from q4compile.sim.data_findings import (
    bad_dimension,
    missing_input,
    not_finite,
    outside_range,
    unknown_input,
    wrong_shape,
    wrong_type,
)
from q4compile.sim.ports import is_of_integers

Feeds: TypeAlias = Mapping[str, NDArray[Any]]
Dimensions: TypeAlias = dict[str, int]
FLOATS = (np.float16, np.float32)


def dimensions_of(entry: Entry, feeds: Feeds, at: str) -> Dimensions:
    """The size of each dimension of the entry, from the shapes of its inputs.

    Raises:
        DataError: Q570 to Q576, all that apply.
    """
    ports = {port.name: port for port in entry.ports if port.direction == "in"}
    findings = [unknown_input(at, name, ports) for name in feeds if name not in ports]
    sizes: Dimensions = {}
    for name, port in ports.items():
        where = f"{at}, input {name!r}"
        if name not in feeds:
            findings.append(missing_input(at, name, f"of shape {_shape_text(port)}"))
        else:
            array = np.asarray(feeds[name])
            findings += _shape_findings(port, array.shape, sizes, where)
            findings += _value_findings(port, array, where)
    for dimension in entry.dimensions:
        size = sizes.get(dimension.name)
        need = f"{dimension.minimum} <= {dimension.name} <= {dimension.maximum}"
        if size is None and not findings:
            findings.append(bad_dimension(at, need, "no input that says it"))
        elif size is not None and not dimension.minimum <= size <= dimension.maximum:
            findings.append(bad_dimension(at, need, f"{size}"))
    raise_all(DataError, findings)
    raise_all(DataError, list(_derived_findings(entry, sizes, at)))
    return {dimension.name: sizes[dimension.name] for dimension in entry.dimensions}


def _derived_findings(entry: Entry, sizes: Dimensions, at: str) -> Iterator[Finding]:
    """Q575 for a size that follows from the dimensions, and that an input has otherwise."""
    known = entry.sizes(sizes)
    for derived in entry.derived:
        size, wanted = sizes.get(derived.name), known[derived.name]
        if size is not None and size != wanted:
            yield bad_dimension(at, f"{derived.name} = {wanted}, from the others", f"{size}")


def _onnx_axes(port: Port) -> Sequence[str | int]:
    return [port.axes[axis] for axis in port.onnx_axes]


def _shape_text(port: Port) -> str:
    return f"[{', '.join(map(str, _onnx_axes(port)))}]"


def _shape_findings(
    port: Port, shape: tuple[int, ...], sizes: Dimensions, at: str
) -> Iterator[Finding]:
    """Q572; takes down the sizes that were not known."""
    need, got = f"[{', '.join(map(str, _onnx_axes(port)))}]", f"{list(shape)}"
    if len(shape) != len(port.axes):
        yield wrong_shape(at, need, got)
        return
    for axis, size in zip(_onnx_axes(port), shape, strict=True):
        wanted = sizes.setdefault(axis, size) if isinstance(axis, str) else axis
        if size != wanted:
            known = f", {axis} = {wanted}" if isinstance(axis, str) else ""
            yield wrong_shape(at, need + known, got)
            return


def _value_findings(port: Port, array: NDArray[Any], at: str) -> Iterator[Finding]:
    if is_of_integers(port):
        if array.dtype.kind not in "iu":
            yield wrong_type(at, "integers", f"{array.dtype}")
        elif array.size:
            for value in (int(array.min()), int(array.max())):
                if not port.lo <= value + port.zero_point <= port.hi:
                    lo, hi = port.lo - port.zero_point, port.hi - port.zero_point
                    yield outside_range(at, lo, hi, f"{value}")
                    return
    elif array.dtype not in FLOATS:
        fix = "convert it with astype(numpy.float32)"
        yield wrong_type(at, "float32", f"{array.dtype}", fix)
    elif not np.isfinite(array).all():
        index = [int(axis) for axis in np.argwhere(~np.isfinite(array))[0]]
        yield not_finite(at, f"{array[tuple(index)]} at {index}")
