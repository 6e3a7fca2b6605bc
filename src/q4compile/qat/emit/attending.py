"""Attention of one operator, as the exporters of opset 23 and later write it."""

from typing import Any

from q4compile.qat.emit.operator import Operator, call
from q4compile.qat.emit.site import Site

DEFAULTS: dict[str, Any] = {
    "is_causal": 0,
    "kv_num_heads": 0,
    "left_window_size": -1,
    "q_num_heads": 0,
    "qk_matmul_output_mode": 0,
    "right_window_size": -1,
    "scale": None,
    "softcap": 0.0,
}
ROTARY = {"interleaved": 0, "num_heads": 0, "rotary_embedding_dim": 0}


def _attention(site: Site) -> str:
    given = [site.optional(index) for index in range(len(site))]
    while given[-1] == "None":
        given.pop()
    options = {name: site[name] for name in DEFAULTS if site[name] != DEFAULTS[name]}
    if "is_causal" in options:
        options["is_causal"] = True
    count = len(site.outputs)
    which = "[0]" if count == 1 else f"[:{count}]" if count < 4 else ""
    return call("attention.attention", *given, **options) + which


def _rotary(site: Site) -> str:
    given = [site.optional(index) for index in range(len(site))]
    return call(
        "attention.rotary_embedding",
        *(given[:-1] if given[-1] == "None" else given),
        num_heads=site["num_heads"] or None,
        dims=site["rotary_embedding_dim"] or None,
        interleaved=True if site["interleaved"] else None,
    )


ATTENDING = (
    Operator("Attention", _attention, DEFAULTS),
    Operator("RotaryEmbedding", _rotary, ROTARY),
)
