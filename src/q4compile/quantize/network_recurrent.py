"""Calls of our quantized LSTM, GRU and RNN, read back as the operators they stand for."""

import json
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from math import isfinite
from typing import Any

import numpy as np
import onnx_ir as ir

from q4compile.graph.recurrent import OWN_DOMAIN
from q4compile.numerics.formats import FORMATS
from q4compile.quantize.constant_chains import is_stored, port, stored_numbers
from q4compile.quantize.network import HALF
from q4compile.quantize.network_constants import NotUnderstood
from q4compile.quantize.network_grids import Quantizer, quantizer
from q4compile.quantize.recurrence import OPERATOR_INPUTS, Variant
from q4compile.quantize.recurrent_call import DIRECTIONS

ROLES = {"h": "hidden", "c": "cell", "z": "gate"}
BIAS, STATES = 3, (5, 6)


def variant_of_call(node: ir.Node) -> Variant:
    """The variant that the function called by `node` carries out, from its name.

    Raises:
        NotUnderstood: no variant has this name.
    """
    words = node.overload.split("_")
    formats = {
        ROLES[word]: FORMATS[kind]
        for word, kind in pairwise(words)
        if word in ROLES and kind in FORMATS
    }
    directions = {"bidirectional": (0, 1), "reverse": (1,)}.get(words[0], (0,))
    variant = Variant(
        node.op_type,
        directions,
        has_lengths="lengths" in words,
        has_initial="state" in words,
        exact="exact" in words,
        integer="integer" in words,
        linear_before_reset="linear" in words,
        activation="Relu" if "relu" in words else "Tanh",
        observe="observe" in words,
        **formats,
    )
    if variant.overload != node.overload or len(node.inputs) > _ports(variant):
        need = f"a function of {OWN_DOMAIN} as quantize writes it"
        raise NotUnderstood(need, f"overload '{node.overload}' with {len(node.inputs)} inputs")
    return variant


def attributes_of(node: ir.Node, variant: Variant) -> dict[str, Any]:
    """The attributes of the operator that `node` stands for."""
    found: dict[str, Any] = {
        "hidden_size": node.attributes["hidden_size"].as_int(),
        "direction": DIRECTIONS[variant.directions],
    }
    if variant.linear_before_reset:
        found["linear_before_reset"] = 1
    if variant.activation != "Tanh":
        found["activations"] = (variant.activation,) * len(variant.directions)
    return found


def cell_range_of(node: ir.Node) -> tuple[float, float] | None:
    """``(low, high)`` of the cell states of calibration; None without two finite numbers."""
    try:
        low, high = map(float, json.loads(node.metadata_props[f"{OWN_DOMAIN}.cell_range"]))
    except (KeyError, TypeError, ValueError):
        return None
    return (low, high) if isfinite(low) and isfinite(high) else None


def operands_of(node: ir.Node) -> list[ir.Value | None]:
    """The operator's inputs, without the zeros that `quantize` filled in for missing ones."""
    inputs = [port(node, index) for index in range(len(OPERATOR_INPUTS))]
    bias = inputs[BIAS]
    if bias is not None and _filled_in(bias, f"{node.name}.no_bias"):
        inputs[BIAS] = None
    for index in STATES:
        state = inputs[index]
        if state is not None and _is_zero_state(state, f"{node.name}.zero_state"):
            inputs[index] = None
    return inputs


def grids_of(node: ir.Node, variant: Variant) -> Mapping[str, Quantizer | str]:
    """``hidden``, ``cell`` and ``gate`` → the quantizer inside the loop; `HALF` for float16.

    Raises:
        NotUnderstood: its constants are none, or no grid of ours.
    """
    ports = dict(zip(variant.grid_inputs, node.inputs[len(OPERATOR_INPUTS) :], strict=True))
    found: dict[str, Quantizer | str] = {}
    for word, kind in variant.grids:
        if kind.is_float:
            found[ROLES[word]] = HALF
            continue
        scale, zero = ports[f"{word}_scale"], ports[f"{word}_zero_point"]
        made = quantizer(scale, zero, None if zero is None else zero.dtype, kind)
        ends = [ports.get(f"{word}_{end}") for end in ("min", "max")]
        kept = tuple(end for end in ends if end is not None)
        found[ROLES[word]] = replace(made, ends=kept, readers=(node,))
    return found


def _ports(variant: Variant) -> int:
    return len(OPERATOR_INPUTS) + len(variant.grid_inputs)


def _filled_in(value: ir.Value, name: str) -> bool:
    named = str(value.name) == name or str(value.name).startswith(f"{name}.")
    return named and is_stored(value) and not np.any(stored_numbers(value))


def _is_zero_state(value: ir.Value, name: str) -> bool:
    made = value.producer()
    if made is None or made.op_type != "Mul" or not str(value.name).startswith(name):
        return False
    zero = made.inputs[1]
    return zero is not None and is_stored(zero) and not np.any(stored_numbers(zero))
