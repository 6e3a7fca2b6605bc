"""Operators that reduce axes, or run along one."""

from collections.abc import Callable

from q4compile.qat.emit.operator import Operator, call, inline
from q4compile.qat.emit.site import Site, Unsupported

Reduce = Callable[[str, str], str]
"""Source text of a tensor and of ``dim=…, keepdim=…`` → of the reduced tensor."""


def _reduction(name: str, reduce: str) -> Operator:
    """`reduce` has {x} for the tensor and {over} for ``dim=(…), keepdim=True``."""

    def write(site: Site) -> str:
        x, over = site.tensor(0), _over(site)
        if over is None:
            return x
        if site.is_integer() and site.dtype(0) != "int64":  # torch sums integers as int64
            return f"{reduce.format(x=x, over=over)}.to({x}.dtype)"
        return reduce.format(x=x, over=over)

    return Operator(name, write, {"keepdims": 1, "noop_with_empty_axes": 0})


def _over(site: Site) -> str | None:
    """``dim=(1,), keepdim=True``; None if nothing is to be reduced."""
    keep = ", keepdim=True" if site["keepdims"] else ""
    if site.has(1) and site.constants(1) is None:
        if site["noop_with_empty_axes"]:
            raise Unsupported("constant axes", f"'{site.node.inputs[1].value}', computed")
        return f"dim=operators.axes({site.tensor(0)}, {site.tensor(1)}){keep}"
    given = (site.constants(1) if site.has(1) else site.attributes.get("axes")) or []
    if not given and site["noop_with_empty_axes"]:
        return None
    if not given and site.rank() is None:
        return f"dim=tuple(range({site.tensor(0)}.dim())){keep}"
    axes = [int(axis) for axis in given] or list(range(site.known_rank()))
    if len(axes) == 1:
        return f"dim={axes[0]}{keep}"
    return f"dim=({', '.join(map(str, axes))}){keep}"


def _extreme(name: str, function: str) -> Operator:
    """ArgMax and ArgMin: the first of equal ones, or the last."""

    def write(site: Site) -> str:
        options = {"dim": site.axis(), **({"keepdim": True} if site["keepdims"] else {})}
        if site["select_last_index"]:
            return call(f"operators.last_{function}", site.tensor(0), **options)
        return call(f"{site.tensor(0)}.{function}", **options)

    return Operator(name, write, {"axis": 0, "keepdims": 1, "select_last_index": 0})


def _running(name: str, function: str) -> Operator:
    def write(site: Site) -> str:
        flags = {key: True for key in ("exclusive", "reverse") if site[key]}
        x, axis = site.tensor(0), site.integer(1)
        if not flags and site.dtype(0) in ("float32", "int64"):
            return f"{x}.{function}({axis})"
        return call(f"operators.{function}", x, axis, **flags)

    return Operator(name, write, {"exclusive": 0, "reverse": 0})


def _top_k(site: Site) -> str:
    flags = {"largest": None if site["largest"] else False}
    return call("operators.top_k", site.tensor(0), site.integer(1), dim=site.axis(), **flags)


REDUCTIONS = (
    _extreme("ArgMax", "argmax"),
    _extreme("ArgMin", "argmin"),
    _running("CumProd", "cumprod"),
    _running("CumSum", "cumsum"),
    inline("Hardmax", "operators.hardmax({x}, dim={axis:a})", axis=-1),
    inline("LogSoftmax", "{x}.log_softmax(dim={axis})", axis=-1),
    _reduction("ReduceL1", "{x}.abs().sum({over})"),
    _reduction("ReduceL2", "{x}.square().sum({over}).sqrt()"),
    _reduction("ReduceLogSum", "{x}.sum({over}).log()"),
    _reduction("ReduceLogSumExp", "{x}.logsumexp({over})"),
    _reduction("ReduceMax", "{x}.amax({over})"),
    _reduction("ReduceMean", "{x}.mean({over})"),
    _reduction("ReduceMin", "{x}.amin({over})"),
    _reduction("ReduceProd", "operators.product({x}, {over})"),
    _reduction("ReduceSum", "{x}.sum({over})"),
    _reduction("ReduceSumSquare", "{x}.square().sum({over})"),
    inline("Softmax", "{x}.softmax(dim={axis})", axis=-1),
    Operator("TopK", _top_k, {"axis": -1, "largest": 1, "sorted": 1}),
)
