"""Operators that change how numbers are arranged, and those that make tensors of a given shape."""

import numpy as np

from q4compile.qat.emit.elementwise import torch_type
from q4compile.qat.emit.operator import Operator, call, inline
from q4compile.qat.emit.site import Site, spelled
from q4compile.qat.emit.sizes import Sizes, length


def _reshape(site: Site) -> str:
    sizes, x = site.sizes(1), site.tensor(0)
    kept = not site["allowzero"]
    if sizes is None or (kept and not _zeros_within(site, sizes)):
        zero = {} if kept else {"allow_zero": True}
        return call("operators.reshape", x, site.integers(1), **zero)
    items = [
        length(x, axis) if kept and item.value == 0 else item
        for axis, item in enumerate(sizes.items)
    ]
    if not items:
        return f"{x}.reshape(())"
    rank, last = site.rank(), len(items) - 1
    same = [item.text for item in items[:last]] == [length(x, k).text for k in range(last)]
    if last and same and rank is not None and rank >= len(items):
        return x if rank == len(items) else f"{x}.flatten({last})"
    return f"{x}.reshape({', '.join(item.text for item in items)})"


def _zeros_within(site: Site, sizes: Sizes) -> bool:
    """Whether each 0 («as it was») stands for an axis that the tensor is known to have."""
    zeros = [axis for axis, item in enumerate(sizes.items) if item.value == 0]
    rank = site.rank()
    return not zeros or (rank is not None and max(zeros) < rank)


def _transpose(site: Site) -> str:
    perm = site["perm"]
    if perm is None:
        perm = range(site.known_rank())[::-1]
    return f"{site.tensor(0)}.permute({', '.join(map(str, perm))})"


def _flatten(site: Site) -> str:
    x, rank = site.tensor(0), site.known_rank()
    axis = site.axis()
    if axis == 0:
        return f"{x}.reshape(1, -1)"
    if axis == rank:
        return f"{x}.reshape(-1, 1)"
    return f"{x}.flatten({axis})" if axis == 1 else f"{x}.flatten({axis}).flatten(0, {axis - 1})"


def _squeeze(site: Site) -> str:
    if not site.has(1):
        return f"{site.tensor(0)}.squeeze()"
    axes = site.constants(1)
    if axes is None:
        return f"{site.tensor(0)}.squeeze(tuple({site.integers(1)}))"
    text = str(axes[0]) if len(axes) == 1 else f"({', '.join(map(str, axes))})"
    return f"{site.tensor(0)}.squeeze({text})"


def _unsqueeze(site: Site) -> str:
    axes, rank = site.constants(1), site.rank()
    if axes is None or (len(axes) > 1 and min(axes) < 0 and rank is None):
        return f"operators.unsqueeze({site.tensor(0)}, {site.integers(1)})"
    if len(axes) == 1:
        return f"{site.tensor(0)}.unsqueeze({axes[0]})"
    new = sorted(axis + (rank or 0) + len(axes) if axis < 0 else axis for axis in axes)
    return site.tensor(0) + "".join(f".unsqueeze({axis})" for axis in new)


def _pad(site: Site) -> str:
    mode = site["mode"]
    mode = mode.decode() if isinstance(mode, bytes) else mode
    pads, axes = site.constants(1), _pad_axes(site)
    value = site.number(2) if site.has(2) else "0"
    simple = pads is not None and axes is not None and _is_literal(value)
    if mode == "constant" and pads is not None and axes is not None and simple:
        fill = "" if value in ("0", "0.0", "False") else f", value={value}"
        return f"F.pad({site.tensor(0)}, {_torch_pads(pads, axes, site.known_rank())}{fill})"
    given = [site.tensor(0), site.integers(1)]
    if site.has(3):
        given.append(site.integers(3))
    options = {} if mode == "constant" else {"mode": mode}
    filled = f", value={value}" if value != "0" and mode == "constant" else ""
    return call("operators.pad", *given, **options)[:-1] + f"{filled})"


def _is_literal(text: str) -> bool:
    return (
        not text.isidentifier() and "." not in text.removeprefix("-").replace("torch.", "")
    ) or (text.lstrip("-").replace(".", "", 1).isdigit())


def _pad_axes(site: Site) -> list[int] | None:
    rank = site.rank()
    if rank is None:
        return None
    if not site.has(3):
        return list(range(rank))
    axes = site.constants(3)
    return None if axes is None else [axis % rank for axis in axes]


def _torch_pads(pads: list[int], axes: list[int], rank: int) -> str:
    """ONNX's begins, then ends → torch's pairs from the last axis on."""
    pairs = {axis: (pads[k], pads[k + len(axes)]) for k, axis in enumerate(axes)}
    first = min((axis for axis, pair in pairs.items() if any(pair)), default=rank - 1)
    ordered = [pairs.get(axis, (0, 0)) for axis in range(rank - 1, first - 1, -1)]
    return f"({', '.join(f'{low}, {high}' for low, high in ordered)})"


def _full(site: Site) -> str:
    value = np.asarray(0.0, np.float32) if site["value"] is None else np.asarray(site["value"])
    fill = spelled(value.reshape(-1)[0])
    dtype = f"torch.{value.dtype.name}"
    sizes = site.sizes(0)
    beside = (sizes.beside if sizes is not None else site.tensor(0)) or site.scope.beside()
    return f"{beside}.new_full({site.integers(0)}, {fill}, dtype={dtype})"


def _range(site: Site) -> str:
    ends = [site.integer(k) if site.is_integer(k) else site.tensor(k) for k in range(3)]
    dtype = f"torch.{site.dtype(0) or 'int64'}"
    if not site.is_integer(0):
        return f"operators.arange({', '.join(ends)})"
    start, stop, step = ends
    given = [stop] if (start, step) == ("0", "1") else [start, stop] if step == "1" else ends
    device = f"{site.scope.beside()}.device"
    typed = "" if dtype == "torch.int64" else f"dtype={dtype}, "
    return f"torch.arange({', '.join(given)}, {typed}device={device})"


def _tile(site: Site) -> str:
    sizes = site.sizes(1)
    if sizes is None:
        return f"{site.tensor(0)}.tile({site.integers(1)})"
    return f"{site.tensor(0)}.tile({', '.join(item.text for item in sizes.items)})"


def _eye(site: Site) -> str:
    dtype = site["dtype"]
    typed = {} if dtype is None else {"dtype": torch_type(dtype)}
    k = {} if not site["k"] else {"k": site["k"]}
    text = call("operators.eye_like", site.tensor(0), **k)
    return text if not typed else f"{text}.to({typed['dtype']})"


def _concat(site: Site) -> str:
    return f"torch.cat([{', '.join(site.tensors())}], dim={site.axis()})"


def _blocks(name: str, function: str) -> Operator:
    """DepthToSpace and SpaceToDepth."""

    def write(site: Site) -> str:
        mode = {"column_row_depth": True} if site["mode"] in ("CRD", b"CRD") else {}
        return call(f"operators.{function}", site.tensor(0), str(site["blocksize"]), **mode)

    return Operator(name, write, {"mode": "DCR"})


def _shape(site: Site) -> str:
    start, end = site["start"], site["end"]
    ends = ("" if not start else str(start), "" if end is None else str(end))
    part = "" if not any(ends) else f"[{ends[0]}:{ends[1]}]"
    x = site.tensor(0)
    return f"torch.tensor({x}.shape{part}, dtype=torch.int64, device={x}.device)"


SHAPING = (
    Operator("Concat", _concat),
    Operator("ConstantOfShape", _full, {"value": None}),
    _blocks("DepthToSpace", "depth_to_space"),
    inline("Expand", "operators.expand({x}, {y:l})"),
    Operator("EyeLike", _eye, {"k": 0, "dtype": None}),
    Operator("Flatten", _flatten, {"axis": 1}),
    Operator("Pad", _pad, {"mode": "constant"}),
    Operator("Range", _range),
    Operator("Reshape", _reshape, {"allowzero": 0}),
    inline(
        "ReverseSequence",
        "operators.reverse_sequence({x}, {y}, {time_axis}, {batch_axis})",
        time_axis=0,
        batch_axis=1,
    ),
    Operator("Shape", _shape, {"start": 0, "end": None}),
    inline("Size", "torch.tensor({x}.numel(), device={x}.device)"),
    _blocks("SpaceToDepth", "space_to_depth"),
    Operator("Squeeze", _squeeze),
    Operator("Tile", _tile),
    Operator("Transpose", _transpose, {"perm": None}),
    Operator("Unsqueeze", _unsqueeze),
)
