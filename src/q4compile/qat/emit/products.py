"""Products: with a constant weight a layer of the component, with two activations an expression."""

from typing import Any

from q4compile.qat.emit.operator import Operator, inline, value_text
from q4compile.qat.emit.site import Known, Site, spelled

CONV: dict[str, Any] = {
    "auto_pad": "NOTSET",
    "strides": None,
    "pads": None,
    "dilations": None,
    "group": 1,
    "kernel_shape": None,
}


def options(site: Site, *names: str) -> str:
    """``, strides=[2, 2], group=4`` for the attributes that are not at their defaults."""
    found = ""
    for name in names:
        value = site[name]
        usual = {"auto_pad": "NOTSET", "group": 1, "alpha": 1.0, "beta": 1.0}.get(name, 0)
        text = value.decode() if isinstance(value, bytes) else value
        trivial = value is None or (isinstance(value, (list, tuple)) and _trivial(name, value))
        if not trivial and text != usual:
            shown = (
                f"({', '.join(map(str, value))}{',' * (len(value) == 1)})"
                if isinstance(value, (list, tuple))
                else value_text(text)
            )
            found += f", {name}={shown}"
    return found


def _trivial(name: str, values: Any) -> bool:
    return all(value == (0 if name in ("pads", "output_padding") else 1) for value in values)


def _is_weight(site: Site, index: int) -> bool:
    """Whether the input is a constant that a layer can hold: on a grid of weights, or float."""
    return isinstance(site.value(index), Known) and not site.on_grid(index)


def _matmul(site: Site) -> str:
    left, right = site.value(0), site.value(1)
    if _is_weight(site, 1) and isinstance(right, Known) and right.array.ndim == 2:
        bias = site.added_bias()
        parts = [site.part(1), *([site.scope.part(bias)] if bias is not None else [])]
        layer = site.layer(f"Linear({', '.join(f'{{{k}}}' for k in range(len(parts)))})", parts)
        return f"{layer}({site.tensor(0)})"
    if isinstance(left, Known):
        return f"{site.tensor(0, trainable=True)} @ {site.tensor(1)}"
    return f"{site.tensor(0)} @ {site.tensor(1, trainable=True)}"


def _gemm(site: Site) -> str:
    bias = site.value(2)
    scaled = options(site, "alpha", "beta")
    vector = isinstance(bias, Known) and bias.array.ndim == 1 and _is_weight(site, 2)
    if _is_weight(site, 1) and not (scaled or site["transA"]) and (bias is None or vector):
        parts = [site.part(1), *([site.part(2)] if bias is not None else [])]
        fields = ", ".join(f"{{{k}}}" for k in range(len(parts)))
        flag = ", transposed=True" if site["transB"] else ""
        layer = site.layer(f"Linear({fields}{flag})", parts)
        return f"{layer}({site.tensor(0)})"
    left, right = site.tensor(0, trainable=True), site.tensor(1, trainable=True)
    product = f"{left}{'.T' * bool(site['transA'])} @ {right}{'.T' * bool(site['transB'])}"
    if site["alpha"] != 1:
        product = f"{spelled(site['alpha'])} * ({product})"
    if not site.has(2) or site["beta"] == 0:
        return product
    scale = "" if site["beta"] == 1 else f"{spelled(site['beta'])} * "
    return f"{product} + {scale}{site.tensor(2, trainable=True)}"


def _conv(site: Site) -> str:
    how = options(site, "strides", "pads", "dilations", "group", "auto_pad")
    bias = site.value(2)
    if _is_weight(site, 1) and (bias is None or _is_weight(site, 2)):
        parts = [site.part(1), *([site.part(2)] if bias is not None else [])]
        fields = ", ".join(f"{{{k}}}" for k in range(len(parts)))
        layer = site.layer(f"Conv({fields}{how})", parts)
        return f"{layer}({site.tensor(0)})"
    rest = [site.tensor(1, trainable=True), site.optional(2, trainable=True)]
    return f"windows.conv({site.tensor(0)}, {', '.join(rest)}{how})"


def _conv_transpose(site: Site) -> str:
    names = ("strides", "pads", "dilations", "group", "auto_pad", "output_padding", "output_shape")
    given = [site.tensor(0), site.tensor(1, trainable=True), site.optional(2, trainable=True)]
    return f"windows.conv_transpose({', '.join(given)}{options(site, *names)})"


PRODUCTS = (
    Operator("Conv", _conv, CONV),
    Operator(
        "ConvTranspose", _conv_transpose, {**CONV, "output_padding": None, "output_shape": None}
    ),
    inline("Einsum", "torch.einsum({equation}, {every})"),
    Operator("Gemm", _gemm, {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0}),
    Operator("MatMul", _matmul),
)
