"""Operators that put codes elsewhere, take rows of tables, measure, and reckon with integers."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from q4compile.quantize.network import Node
from q4compile.quantize.oracle.rounding import Int64

Given = Sequence[Int64 | None]
"""Codes by port; None where an input is left out."""


def transposed(node: Node, given: Given) -> Int64:
    """Axes in the order of `perm`, reversed without one."""
    return np.transpose(_data(given), node.attributes.get("perm"))


def reshaped(node: Node, given: Given) -> Int64:
    """−1 stands for what is left, 0 for the length as it was (unless allowzero)."""
    data, shape = _data(given), _integers(given, 1)
    if not node.attributes.get("allowzero", 0):
        shape = [data.shape[axis] if n == 0 else n for axis, n in enumerate(shape)]
    return data.reshape(shape)


def squeezed(node: Node, given: Given) -> Int64:
    """Without the axes given, or without all of length 1."""
    axes = None if _at(given, 1) is None else tuple(_integers(given, 1))
    return np.squeeze(_data(given), axes)


def unsqueezed(node: Node, given: Given) -> Int64:
    """With axes of length 1 where the result has them."""
    return np.expand_dims(_data(given), tuple(_integers(given, 1)))


def sliced(node: Node, given: Given) -> Int64:
    """``x[start:end:step]`` along each axis named; ends beyond the axis stop at it."""
    data, starts, ends = _data(given), _integers(given, 1), _integers(given, 2)
    axes = list(range(len(starts))) if _at(given, 3) is None else _integers(given, 3)
    steps = [1] * len(starts) if _at(given, 4) is None else _integers(given, 4)
    cut = [slice(None)] * data.ndim
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        cut[axis] = _part(data.shape[axis], start, end, step)
    return data[tuple(cut)]


def padded(node: Node, given: Given, zero: int) -> Int64:
    """`zero`, the code of 0, around the data; negative pads take off."""
    data, pads = _data(given), _integers(given, 1)
    axes = list(range(data.ndim)) if _at(given, 3) is None else _integers(given, 3)
    before, after = [0] * data.ndim, [0] * data.ndim
    for k, axis in enumerate(axes):
        before[axis], after[axis] = pads[k], pads[len(axes) + k]
    kept = tuple(
        slice(max(-b, 0), n - max(-a, 0)) for n, b, a in zip(data.shape, before, after, strict=True)
    )
    around = [(max(b, 0), max(a, 0)) for b, a in zip(before, after, strict=True)]
    return np.pad(data[kept], around, constant_values=zero)


def joined(node: Node, given: Given) -> Int64:
    """All operands one behind the other along `axis`."""
    return np.concatenate([_given(given, k) for k in range(len(given))], node.attributes["axis"])


def same(node: Node, given: Given) -> Int64:
    """The data itself."""
    return _data(given)


def taken(node: Node, given: Given) -> Int64:
    """``data[indices]`` along `axis`; indices outside of it are an error.

    Raises:
        ValueError: for an index that the axis does not have.
    """
    data, indices = _data(given), _given(given, 1)
    axis = node.attributes.get("axis", 0)
    length = data.shape[axis]
    if ((indices < -length) | (indices >= length)).any():
        raise ValueError(f"{node.name}: indices beyond the {length} entries of axis {axis}")
    return np.take(data, indices, axis)


def repeated(node: Node, given: Given) -> Int64:
    """Broadcast with a shape."""
    data, shape = _data(given), _integers(given, 1)
    return np.broadcast_to(data, np.broadcast_shapes(data.shape, tuple(shape)))


def filled(node: Node, given: Given) -> Int64:
    """One integer, or 0, everywhere."""
    value = np.asarray(node.attributes.get("value", 0)).astype(np.int64).reshape(-1)[0]
    return np.full(_integers(given, 0), value, np.int64)


def measured(node: Node, given: Given) -> Int64:
    """Shape (from start to end) or Size."""
    shape = _data(given).shape
    if node.op == "Size":
        return np.array(np.prod(shape, dtype=np.int64), np.int64)
    return np.array(shape, np.int64)[node.attributes.get("start", 0) : node.attributes.get("end")]


def reckoned(node: Node, given: Given) -> Int64:
    """Arithmetic of integers; a quotient is cut off towards 0."""
    x = _data(given)
    if node.op == "Cast":
        return x
    for k in range(1, len(given)):
        x = np.asarray(_ARITHMETIC[node.op](x, _given(given, k)))
    return x


def _quotient(x: Int64, y: Int64) -> Int64:
    return np.asarray(np.abs(x) // np.abs(y) * np.sign(x) * np.sign(y))


_ARITHMETIC: Mapping[str, Callable[[Int64, Int64], Int64]] = {
    "Add": np.add,
    "Div": _quotient,
    "Max": np.maximum,
    "Min": np.minimum,
    "Mul": np.multiply,
    "Sub": np.subtract,
}

MOVED: Mapping[str, Callable[[Node, Given], Int64]] = {
    "Concat": joined,
    "ConstantOfShape": filled,
    "Expand": repeated,
    "Gather": taken,
    "Identity": same,
    "Reshape": reshaped,
    "Shape": measured,
    "Size": measured,
    "Slice": sliced,
    "Squeeze": squeezed,
    "Transpose": transposed,
    "Unsqueeze": unsqueezed,
}
"""Operators that treat the codes of any representation alike."""


def _part(length: int, start: int, end: int, step: int) -> slice:
    """ONNX counts an end below −length as before the first element; Python's slice would wrap."""
    start, end = (each + length if each < 0 else each for each in (start, end))
    if step > 0:
        return slice(min(max(start, 0), length), min(max(end, 0), length), step)
    stop = min(max(end, -1), length - 1)
    return slice(min(max(start, 0), length - 1), None if stop < 0 else stop, step)


def _at(given: Given, port: int) -> Int64 | None:
    return given[port] if port < len(given) else None


def _given(given: Given, port: int) -> Int64:
    found = _at(given, port)
    assert found is not None, f"input {port} is not optional"
    return found


def _data(given: Given) -> Int64:
    return _given(given, 0)


def _integers(given: Given, port: int) -> list[int]:
    return [int(n) for n in _given(given, port).reshape(-1)]
