"""Normalizations."""

from typing import Any

from q4compile.qat.emit.operator import Operator, call, inline
from q4compile.qat.emit.site import Site, Unsupported, spelled


def _batch_norm(site: Site) -> str:
    if site["training_mode"]:
        raise Unsupported("training_mode 0 (means and variances of the file)", "training_mode 1")
    scale, bias = site.tensor(1, trainable=True), site.tensor(2, trainable=True)
    given = [site.tensor(0), site.tensor(3), site.tensor(4), scale, bias]
    return _with_epsilon("F.batch_norm", site, *given)


def _instance_norm(site: Site) -> str:
    return _with_epsilon(
        "operators.instance_norm",
        site,
        site.tensor(0),
        site.tensor(1, trainable=True),
        site.tensor(2, trainable=True),
    )


def _with_epsilon(function: str, site: Site, *given: str) -> str:
    return f"{function}({', '.join(given)}, eps={spelled(site['epsilon'])})"


def _layer_norm(site: Site) -> str:
    scale, bias = site.tensor(1, trainable=True), site.optional(2, trainable=True)
    x, axis = site.tensor(0), site.axis()
    if len(site.outputs) > 1:
        return _with_epsilon(
            "operators.layer_norm_with_statistics", site, x, scale, bias, str(axis)
        )
    shape = _normalized(site, axis)
    if shape is None:
        return _with_epsilon("operators.layer_norm", site, x, scale, bias, str(axis))
    given = [x, str(shape), scale, *([] if bias == "None" else [bias])]
    return _with_epsilon("F.layer_norm", site, *given)


def _normalized(site: Site, axis: int) -> tuple[Any, ...] | None:
    """The static shape of what is normalized, if scale and bias have that very shape."""
    shape, whole = site.shape(1), site.shape(0)
    if shape is None or whole is None or len(shape) != len(whole) - axis:
        return None
    same = not site.has(2) or site.shape(2) == shape
    fixed = all(isinstance(length, int) for length in shape) and whole[axis:] == shape
    return shape if fixed and same else None


def _rms_norm(site: Site) -> str:
    axis = site.axis()
    shape, x = _normalized(site, axis), site.tensor(0)
    scale = site.tensor(1, trainable=True)
    if shape is None:
        return _with_epsilon("operators.rms_norm", site, x, scale, str(axis))
    return _with_epsilon("F.rms_norm", site, x, str(shape), scale)


def _group_norm(site: Site) -> str:
    scale, bias = site.tensor(1, trainable=True), site.tensor(2, trainable=True)
    return _with_epsilon("F.group_norm", site, site.tensor(0), str(site["num_groups"]), scale, bias)


def _lp_norm(site: Site) -> str:
    return call("operators.lp_normalize", site.tensor(0), dim=site["axis"], p=site["p"])


def _mean_variance(site: Site) -> str:
    axes = tuple(site["axes"])
    return f"operators.mean_variance_normalize({site.tensor(0)}, dim={axes})"


EPSILON = {"epsilon": 1e-5}
LRN = {"alpha": 0.0001, "beta": 0.75, "bias": 1.0}
NORMALIZING = (
    Operator("BatchNormalization", _batch_norm, {**EPSILON, "training_mode": 0}),
    Operator("GroupNormalization", _group_norm, EPSILON),
    Operator("InstanceNormalization", _instance_norm, EPSILON),
    inline("LRN", "operators.local_response_norm({x}, {size}, {alpha}, {beta}, {bias})", **LRN),
    Operator("LayerNormalization", _layer_norm, {**EPSILON, "axis": -1}),
    Operator("LpNormalization", _lp_norm, {"axis": -1, "p": 2}),
    Operator("MeanVarianceNormalization", _mean_variance, {"axes": (0, 2, 3)}),
    Operator("RMSNormalization", _rms_norm, {**EPSILON, "axis": -1}),
)
