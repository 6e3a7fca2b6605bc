"""Pools, resizing of pictures and the like: sliding windows without weights."""

from typing import Any

from q4compile.qat.emit.operator import Operator
from q4compile.qat.emit.products import options
from q4compile.qat.emit.site import Site

POOL: dict[str, Any] = {
    "auto_pad": "NOTSET",
    "ceil_mode": 0,
    "dilations": None,
    "kernel_shape": None,
    "pads": None,
    "strides": None,
}
NAMES = ("strides", "pads", "dilations", "auto_pad")


def _pool(function: str, *more: str) -> Any:
    def write(site: Site) -> str:
        kernel = tuple(site["kernel_shape"])
        flags = "".join(
            f", {name}=True" for name in ("ceil_mode", *more) if site.attributes.get(name)
        )
        return f"windows.{function}({site.tensor(0)}, {kernel}{options(site, *NAMES)}{flags})"

    return write


def _max_pool(site: Site) -> str:
    if len(site.outputs) < 2:
        return str(_pool("max_pool")(site))
    text = str(_pool("max_pool_with_indices")(site))
    return f"{text[:-1]}, column_major=True)" if site["storage_order"] else text


def _lp_pool(site: Site) -> str:
    text = str(_pool("lp_pool")(site))
    return text if site["p"] == 2 else f"{text[:-1]}, p={site['p']})"


def _global(name: str, reduce: str) -> Operator:
    def write(site: Site) -> str:
        axes = tuple(range(2, site.known_rank()))
        return reduce.format(x=site.tensor(0), over=f"dim={axes}, keepdim=True", **site.attributes)

    return Operator(name, write, {"p": 2})


POOLING = (
    Operator("AveragePool", _pool("average_pool", "count_include_pad"), POOL),
    _global("GlobalAveragePool", "{x}.mean({over})"),
    _global("GlobalLpPool", "{x}.abs().pow({p}).sum({over}).pow(1 / {p})"),
    _global("GlobalMaxPool", "{x}.amax({over})"),
    Operator("LpPool", _lp_pool, {**POOL, "p": 2}),
    Operator("MaxPool", _max_pool, {**POOL, "storage_order": 0}),
)
