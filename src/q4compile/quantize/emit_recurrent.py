"""LSTM, GRU and RNN nodes: operands on their grids, and h quantized inside the loop."""

import json
from dataclasses import replace

import numpy as np
import onnx_ir as ir

from q4compile.graph.recurrent import OWN_DOMAIN, Recurrent, describe
from q4compile.numerics.formats import Format
from q4compile.quantize.exactness import weight_adds_exactly
from q4compile.quantize.operands import Operands
from q4compile.quantize.plan import Entry
from q4compile.quantize.recurrence import Variant
from q4compile.quantize.recurrent_call import call, operator_inputs, variant_of

Entries = dict[str, Entry]


def emit_recurrent(operands: Operands, node: ir.Node, entries: Entries, exact: bool) -> None:
    """Replace `node` by its quantized form; `entries` are its sites by role.

    Form `exact` needs integers on both sides of both products; a node that has not is emitted on
    dequantized values, which computes the same up to float rounding.
    """
    _note_ranges(node, entries)
    described = describe(node)
    variant = _variant(described, entries, exact and _integers(entries))
    inputs: list[ir.Value | None] = list(node.inputs)
    if variant.grids:
        inputs = operator_inputs(operands.editor, node, described)
    bias = inputs[3] if described.B is not None else None
    if bias is not None and "bias" in entries:
        inputs[3] = operands.constant(node, bias, entries["bias"])
    x = inputs[0]
    assert x is not None, "X is not optional"
    if "input" in entries:
        inputs[0] = operands.activation(node, x, entries["input"], variant.exact)
    if variant.exact:
        inputs[1:3], scales = _coded_weights(operands, node, inputs, entries)
    else:
        inputs[1:3], scales = _real_weights(operands, node, inputs, entries, variant), []
    if not variant.grids:
        for index, value in enumerate(inputs):
            node.replace_input_with(index, value)
        return
    grids = _grid_inputs(operands, entries, variant.exact)
    if variant.integer:
        scales += _shifts(operands, entries)
    call(operands.editor, node, described, variant, [*inputs, *grids, *scales])


def _note_ranges(node: ir.Node, entries: Entries) -> None:
    """Metadata ``q4compile.cell_range`` and ``gate_range``: JSON [low, high] over calibration.

    They tell hardware how many integer bits c and the pre-activations need.
    """
    for role in ("cell", "gate"):
        entry = entries.get(role)
        if entry is not None and entry.seen is not None:
            node.metadata_props[f"{OWN_DOMAIN}.{role}_range"] = json.dumps(entry.seen)


def _variant(described: Recurrent, entries: Entries, exact: bool) -> Variant:
    return replace(
        variant_of(described),
        exact=exact,
        integer=exact and _fits_bytes(entries),
        hidden=_format(entries, "hidden"),
        cell=_format(entries, "cell"),
        gate=_format(entries, "gate"),
    )


def _format(entries: Entries, role: str) -> Format | None:
    """The format of a value inside the loop; None where it stays float32."""
    entry = entries.get(role)
    if entry is None or entry.scheme.format.name == "fp32":
        return None
    return entry.scheme.format


def _integers(entries: Entries) -> bool:
    """Whether h, W and R are integers and both products add up exactly."""
    hidden = entries.get("hidden")
    if hidden is None or hidden.encoding is None:
        return False
    factors = {"weight": entries.get("input"), "recurrent_weight": hidden}
    return all(weight_adds_exactly(x, entries.get(role)) for role, x in factors.items())


def _fits_bytes(entries: Entries) -> bool:
    """Whether both products are ones of uint8 by at most 4 bits.

    With more bits, CPUs that add two uint8 · int8 products in 16 bits (AVX2) would saturate.
    """
    factors = (entries.get("input"), entries.get("hidden"))
    weights = (entries["weight"].encoding, entries["recurrent_weight"].encoding)
    return all(
        each is not None and each.encoding is not None and each.encoding.hi - each.encoding.lo < 256
        for each in factors
    ) and all(each is not None and each.format.bits <= 4 for each in weights)


def _shifts(operands: Operands, entries: Entries) -> list[ir.Value]:
    """``zero_point − lo`` of X and of h, as float32 and as uint8: it makes their codes unsigned."""
    values: list[ir.Value] = []
    for role in ("input", "hidden"):
        entry = entries[role]
        assert entry.encoding is not None, "integer products have integers on both sides"
        shift = entry.encoding.zero_point - entry.encoding.lo
        grid = operands.grid(entry)
        values += [
            operands.editor.array(f"{grid.name}.shift", np.float32(shift)),
            operands.editor.array(f"{grid.name}.shift_code", np.uint8(shift)),
        ]
    return values


def _real_weights(
    operands: Operands,
    node: ir.Node,
    inputs: list[ir.Value | None],
    entries: Entries,
    variant: Variant,
) -> list[ir.Value | None]:
    """W dequantized in front of the loop; R folded, or each step would dequantize it again."""
    real: list[ir.Value | None] = []
    for role, value in (("weight", inputs[1]), ("recurrent_weight", inputs[2])):
        assert value is not None, "W and R are not optional"
        entry = entries.get(role)
        if entry is None:
            real.append(value)
        elif role == "recurrent_weight" and entry.encoding is not None and variant.grids:
            real.append(operands.stored(value, entry).as_folded(node))
        else:
            real.append(operands.constant(node, value, entry))
    return real


def _coded_weights(
    operands: Operands, node: ir.Node, inputs: list[ir.Value | None], entries: Entries
) -> tuple[list[ir.Value | None], list[ir.Value]]:
    """W and R as codes, and the scales of their products with the codes of X and h."""
    editor, x_entry, h_entry = operands.editor, entries.get("input"), entries["hidden"]
    codes: list[ir.Value | None] = []
    scales: list[ir.Value] = []
    for role, value, partner in (
        ("weight", inputs[1], x_entry),
        ("recurrent_weight", inputs[2], h_entry),
    ):
        assert value is not None, "W and R are not optional"
        stored = operands.stored(value, entries[role])
        codes.append(stored.as_codes(node))
        channel = stored.channel_scales(node)
        if partner is not None and partner.encoding is not None:
            grid = operands.grid(partner)
            product = editor.fresh(f"{value.name}.product_scales")
            channel = editor.before(node, "Mul", [channel, grid.scale], product, like=channel)
        scales.append(channel)
    return codes, scales


def _grid_inputs(operands: Operands, entries: Entries, exact: bool) -> list[ir.Value]:
    """Scale, zero point and, below 4 bits, the ends of everything quantized inside the loop."""
    values: list[ir.Value] = []
    for role in ("hidden", "cell", "gate"):
        entry = entries.get(role)
        if entry is None or entry.encoding is None:
            continue
        grid = operands.grid(entry)
        values += [grid.scale, grid.zero_point, *grid.ends(exact and role == "hidden")]
    if exact:
        hidden = entries["hidden"]
        assert hidden.encoding is not None, "form exact has an integer h"
        values += [operands.grid(hidden).offset()]
    return values
