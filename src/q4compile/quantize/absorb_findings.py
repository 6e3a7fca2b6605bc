"""What keeps trained tensors from going into a file, each named with the layer it belongs to."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import onnx_ir as ir

from q4compile.errors import Finding, near
from q4compile.numerics.formats import FORMATS
from q4compile.quantize.network import Array, Network
from q4compile.quantize.network_read import Located

SCALE, ZERO_POINT = ".scale", ".zero_point"
SHOWN = 3
"""Names that stand for all, where none of them fits."""
LARGEST_HALF = 65504.0


def misfits(located: Located, tensors: Mapping[str, Array]) -> list[Finding]:
    """Q152 to Q155, Q157 and Q158 for everything in `tensors` that does not fit the network."""
    shapes, optional = _shapes(located.network)
    if shapes and not shapes.keys() & tensors.keys():
        return [_of_another_model(shapes, tensors)]
    found = list(_names(shapes, optional, tensors))
    for name in sorted(shapes.keys() & tensors.keys()):
        found += _numbers(located, name, shapes[name], tensors[name])
    return found


def conflicts(written: Sequence[tuple[ir.Value, ir.TensorProtocol]]) -> list[Finding]:
    """Q158 for every initializer that two grids share and that would have to hold two things."""
    first: dict[ir.Value, bytes] = {}
    found: dict[str, Finding] = {}
    for value, tensor in written:
        if first.setdefault(value, tensor.tobytes()) != tensor.tobytes():
            found[str(value.name)] = Finding(
                "Q158",
                "one constant for two grids",
                f"initializer '{value.name}'",
                "grids that are equal after training, as before",
                "grids that differ",
                "quantize the float model with q4compile quantize, where each has its own",
            )
    return list(found.values())


def _shapes(network: Network) -> tuple[dict[str, tuple[int, ...]], set[str]]:
    """Every name that may be given, with its shape; those that may be left out."""
    shapes = {name: array.shape for name, array in network.constants.items()}
    optional = shapes.keys() - network.weights.keys()
    for name, weight in network.weights.items():
        shapes[f"{name}{SCALE}"] = weight.scales.shape
    for name in network.grids:
        shapes |= {f"{name}{SCALE}": (), f"{name}{ZERO_POINT}": ()}
    return shapes, optional


def _names(
    shapes: Mapping[str, object], optional: set[str], tensors: Mapping[str, Array]
) -> Iterator[Finding]:
    for name in sorted(shapes.keys() - optional - tensors.keys()):
        fix = near(name, tensors.keys() - shapes.keys())
        at, need = "the trained weights", f"the tensor '{name}'"
        yield Finding("Q152", "a tensor is missing", at, need, "no such name", fix)
    for name in sorted(tensors.keys() - shapes.keys()):
        need, got = "only tensors of the model", "no such name in the model"
        fix = near(name, shapes)
        yield Finding("Q152", "a tensor that the model has not", f"'{name}'", need, got, fix)


def _numbers(
    located: Located, name: str, shape: tuple[int, ...], array: Array
) -> Iterator[Finding]:
    network = located.network
    at = f"'{name}'{_readers(network, name)}"
    if array.shape != shape:
        need, got = f"{list(shape)}", f"{list(array.shape)}"
        yield Finding("Q153", "a tensor of another shape", at, need, got)
        return
    kind = "i" if name.endswith(ZERO_POINT) and name not in network.constants else None
    own = network.constants.get(name)
    wanted = kind or ("f" if own is None else own.dtype.kind)
    if (array.dtype.kind == "f") != (wanted == "f") or (wanted == "b") != (array.dtype.kind == "b"):
        need = "real numbers" if wanted == "f" else "integers" if wanted == "i" else "bool"
        yield Finding("Q158", "a tensor of another type", at, need, f"{array.dtype}")
    elif wanted == "f":
        yield from _reals(network, name, at, array)
    elif own is None:
        yield from _zero_point(located, name.removesuffix(ZERO_POINT), at, int(array))


def _reals(network: Network, name: str, at: str, array: Array) -> Iterator[Finding]:
    finite = np.isfinite(array)
    bad = int(np.count_nonzero(~finite))
    own = network.constants.get(name)
    if bad and (own is None or np.isfinite(own).all()):
        got = f"{bad} of {array.size} are not"
        fix = "train on from an earlier checkpoint, at a lower rate"
        yield Finding("Q154", "weights that are no numbers", at, "finite numbers", got, fix)
    elif own is None and not np.all(array > 0):
        count = int(np.count_nonzero(array <= 0))
        got = f"{float(array.min()):g}" + f", {count} of {array.size} scales" * (array.size > 1)
        fix = "train with a lower rate for the grids"
        yield Finding("Q155", "a clip that is not above 0", at, "a scale above 0", got, fix)
    largest = float(np.abs(array[finite]).max(initial=0))
    if name in network.halves and largest > LARGEST_HALF:
        need, got = f"numbers up to {LARGEST_HALF:g}: the file stores float16", f"{largest:g}"
        yield Finding("Q158", "a number that the file cannot hold", at, need, got)


def _zero_point(located: Located, grid: str, at: str, zero_point: int) -> Iterator[Finding]:
    lo, hi = FORMATS[located.network.grids[grid].format].codes()
    if not lo <= zero_point <= hi:
        need = f"a code from {lo} to {hi}"
        yield Finding("Q158", "a number that the file cannot hold", at, need, f"{zero_point}")
    elif zero_point and any(each.zero_point is None for each in located.quantizers[grid]):
        need = "zero point 0: the file's quantizer has none of its own"
        yield Finding("Q158", "a number that the file cannot hold", at, need, f"{zero_point}")


def _readers(network: Network, name: str) -> str:
    """Which layer a tensor belongs to, as a part of a sentence."""
    stem = name if name in network.constants else name.rpartition(".")[0]
    for node in network.nodes:
        inside = (node.hidden, node.cell, node.gate)
        read = {each for operand in node.inputs for each in (operand.value, operand.grid)}
        if stem in inside or stem in read:
            return f" of node '{node.name}' ({node.op})"
    return ""


def _of_another_model(shapes: Mapping[str, object], tensors: Mapping[str, Array]) -> Finding:
    return Finding(
        "Q157",
        "weights of another model",
        "the trained weights",
        f"tensors such as {_some(shapes)}",
        _some(tensors) if tensors else "no tensor at all",
        "give the model that the package was made from",
    )


def _some(names: Mapping[str, object]) -> str:
    shown = ", ".join(f"'{name}'" for name in sorted(names)[:SHOWN])
    return shown + f" and {len(names) - SHOWN} more" * (len(names) > SHOWN)
