"""Operators that pick numbers by index, and those that put them there."""

from q4compile.qat.emit.operator import Operator, call, inline
from q4compile.qat.emit.site import Known, Site
from q4compile.qat.emit.sizes import Size

OPEN_END = 2**31 - 1
"""Exporters write the largest int32 or int64 for «to the end»."""


def _gather(site: Site) -> str:
    axis = site.axis()
    table = site.value(0)
    if isinstance(table, Known) and axis == 0 and _is_table(table) and not site.on_grid(0):
        indices = site.value(1)
        if not isinstance(indices, Known):
            layer = site.layer("Embedding({0})", [site.part(0)])
            return f"{layer}({site.tensor(1)})"
    if axis < 0:
        return f"operators.take({site.tensor(0)}, {site.tensor(1)}, dim={axis})"
    picked = site.sizes(1)
    one = picked is not None and picked.scalar
    index = picked.items[0].text if picked is not None and one else site.tensor(1)
    return f"{site.tensor(0)}[{':, ' * axis}{index}]"


def _is_table(table: Known) -> bool:
    return table.array.dtype.kind == "f" and table.array.ndim == 2


def _slice(site: Site) -> str:
    starts, ends = site.sizes(1), site.sizes(2)
    axes, steps = _axes(site), _steps(site)
    if not (starts and ends and axes and steps) or min(axes) < 0 or min(steps) <= 0:
        rest = [site.integers(index) for index in range(1, len(site)) if site.has(index)]
        if site.has(4) and not site.has(3):
            rest.insert(2, f"range(len({rest[0]}))")
        return f"operators.slices({', '.join([site.tensor(0), *rest])})"
    parts = [":"] * (max(axes) + 1)
    for axis, start, end, step in zip(axes, starts.items, ends.items, steps, strict=True):
        parts[axis] = _range(start, end, step)
    return f"{site.tensor(0)}[{', '.join(parts)}]"


def _axes(site: Site) -> list[int] | None:
    rank = site.rank()
    if not site.has(3):
        starts = site.sizes(1)
        return list(range(len(starts.items))) if starts else None
    axes = site.constants(3)
    if axes is None or (rank is None and min(axes, default=0) < 0):
        return None
    return [axis + (rank or 0) if axis < 0 else axis for axis in axes]


def _steps(site: Site) -> list[int] | None:
    if site.has(4):
        return site.constants(4)
    starts = site.sizes(1)
    return [1] * len(starts.items) if starts else None


def _range(start: Size, end: Size, step: int) -> str:
    """``1:``, ``:3``, ``1:9:2``, ``x.shape[0] :``, as ruff spaces them."""
    first = "" if start.value == 0 else start.text
    last = "" if end.value is not None and end.value >= OPEN_END else end.text
    space = (
        ""
        if all(each.value is not None or not text for each, text in ((start, first), (end, last)))
        else " "
    )
    colon = f"{space if first else ''}:{space if last else ''}"
    return f"{first}{colon}{last}" + (f"{space}:{space}{step}" if step != 1 else "")


def _split(site: Site) -> str:
    axis, count = site.axis(), len(site.outputs)
    x = site.tensor(0)
    if site.has(1):
        parts = f"{x}.split({site.integers(1)}, dim={axis})"
    else:
        parts = f"operators.split({x}, {count}, dim={axis})"
    return parts if count > 1 else f"{parts}[0]"


def _one_hot(site: Site) -> str:
    return call(
        "operators.one_hot", site.tensor(0), site.integer(1), site.tensor(2), dim=int(site["axis"])
    )


def _scatter(site: Site) -> str:
    reduce = _reduction_name(site)
    return call("operators.scatter", *site.tensors(), dim=site.axis(), reduce=reduce)


def _scatter_nd(site: Site) -> str:
    return call("operators.scatter_nd", *site.tensors(), reduce=_reduction_name(site))


def _reduction_name(site: Site) -> str | None:
    name = site["reduction"]
    text = name.decode() if isinstance(name, bytes) else str(name)
    return None if text == "none" else text


def _compress(site: Site) -> str:
    axis = site["axis"]
    x, condition = site.tensor(0), site.tensor(1)
    return f"operators.compress({x}, {condition}" + ("" if axis is None else f", dim={axis}") + ")"


INDEXING = (
    Operator("Compress", _compress, {"axis": None}),
    Operator("Gather", _gather, {"axis": 0}),
    inline("GatherElements", "operators.gather({x}, {y}, dim={axis:a})", axis=0),
    inline("GatherND", "operators.gather_nd({x}, {y}, {batch_dims})", batch_dims=0),
    inline("NonZero", "{x}.nonzero().T"),
    Operator("OneHot", _one_hot, {"axis": -1}),
    Operator("ScatterElements", _scatter, {"axis": 0, "reduction": "none"}),
    Operator("ScatterND", _scatter_nd, {"reduction": "none"}),
    Operator("Slice", _slice),
    Operator("Split", _split, {"axis": 0, "num_outputs": None}),
    inline("Trilu", "operators.trilu({x}, {upper}, {y:?})", upper=1),
)
