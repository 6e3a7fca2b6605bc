"""A plan carried out on the graph: standard QDQ ONNX with integer tensors.

    x ─ QuantizeLinear ─ DequantizeLinear ┐
    W (int4) ─ DequantizeLinear ──────────┴ MatMul      form qdq: for every tool that reads ONNX
    x ─ QuantizeLinear ─ Cast ┐
    W (int4) ─ Cast ──────────┴ MatMul ─ Mul(s_x·s_w)   form exact: for speed and for exactness

In form exact every product is one of integers held in float32, exact whatever the order of the
sum, and each result is scaled by one vector. What has no integers on both sides, or could exceed
2**24, stays in form qdq.
"""

from collections import defaultdict
from collections.abc import Callable

import onnx_ir as ir

from q4compile.quantize.editor import Editor
from q4compile.quantize.emit_recurrent import Entries, emit_recurrent
from q4compile.quantize.exactness import adds_exactly, weight_adds_exactly
from q4compile.quantize.fusions import PRODUCTS
from q4compile.quantize.operands import Operands
from q4compile.quantize.plan import Entry, Plan
from q4compile.quantize.subjects import RECURRENT

FORMS = ("exact", "qdq")
LONGEST_DYNAMIC_SUM = 2**18
"""Products assumed in a sum of dynamic length: exact for 4 bits by 4 bits."""
Emit = Callable[[Operands, ir.Node, Entries, bool], None]


def emit(model: ir.Model, plan: Plan, form: str = "qdq") -> ir.Model:
    """A quantized copy of `model`; what the plan does not name comes out as it went in."""
    assert form in FORMS, form
    copy = model.clone()
    operands = Operands(Editor(copy))
    idle = {name for name, value in copy.graph.initializers.items() if not value.uses()}
    by_node: defaultdict[str, Entries] = defaultdict(dict)
    for entry in plan.entries:
        entries = by_node[entry.site.node_name]
        second = entry.site.role in entries  # a product of two activations
        entries[entry.site.role + " 2" * second] = entry
    for node in list(copy.graph):
        if str(node.name) in by_node:
            _emitter(node)(operands, node, by_node[str(node.name)], form == "exact")
    operands.settle()
    _drop_unused(copy, idle)
    return copy


def _emitter(node: ir.Node) -> Emit:
    if node.op_type in RECURRENT:
        return emit_recurrent
    return _emit_product if node.op_type in PRODUCTS else _emit_plain


def _emit_plain(operands: Operands, node: ir.Node, entries: Entries, exact: bool) -> None:
    """Replace every operand by its quantized form and leave the node as it is.

    Every activation of a product gets Q and DQ right in front, even where it is on that grid
    already: without them, onnxruntime takes DQ(INT4) → MatMul for a product of floats and fuses it
    into MatMulNBits, which rounds the activations to its own 8 bits.
    """
    product = node.op_type in PRODUCTS
    for index, value in enumerate(node.inputs):
        entry = _entry_of(value, entries)
        if value is None or entry is None:
            continue
        if entry.site.is_constant:
            node.replace_input_with(index, operands.constant(node, value, entry))
        else:
            quantized = operands.activation(node, value, entry, codes=False, again=product)
            node.replace_input_with(index, quantized)
    _emit_added_bias(operands, node, entries)


def _entry_of(value: ir.Value | None, entries: Entries) -> Entry | None:
    if value is None:
        return None
    return next((e for e in entries.values() if e.site.value_name == value.name), None)


def _emit_added_bias(operands: Operands, node: ir.Node, entries: Entries) -> None:
    """A MatMul's bias is an operand of the Add behind it."""
    if node.op_type != "MatMul" or "bias" not in entries:
        return
    for use in list(node.outputs[0].uses()):
        for index, value in enumerate(use.node.inputs):
            if value is not None and value.name == entries["bias"].site.value_name:
                quantized = operands.constant(use.node, value, entries["bias"])
                use.node.replace_input_with(index, quantized)


def _emit_product(operands: Operands, node: ir.Node, entries: Entries, exact: bool) -> None:
    if exact and _is_exact(node, entries):
        _emit_exact(operands, node, entries)
    elif exact and node.op_type == "MatMul" and _are_integers(node, entries):
        _emit_two_activations(operands, node, entries)
    else:
        _emit_plain(operands, node, entries, exact)


def _is_exact(node: ir.Node, entries: Entries) -> bool:
    """Whether the product is ``integers · integer constant`` and adds up exactly."""
    x, weight = entries.get("input"), entries.get("weight")
    if x is None or x.encoding is None or weight is None or not weight_adds_exactly(x, weight):
        return False
    channels = len(weight.site.shape or ()) > 1
    unscaled = all(
        node.attributes[name].as_float() == 1
        for name in ("alpha", "beta")
        if name in node.attributes
    )
    second = node.inputs[1]
    constant_second = second is not None and second.name == weight.site.value_name
    return unscaled and constant_second and channels


def _emit_exact(operands: Operands, node: ir.Node, entries: Entries) -> None:
    editor, x_entry, w_entry = operands.editor, entries["input"], entries["weight"]
    x, weight, *rest = node.inputs
    assert x is not None and weight is not None and x_entry.encoding is not None
    if node.op_type == "MatMul":
        _emit_added_bias(operands, node, entries)
    stored = operands.stored(weight, w_entry)
    node.replace_input_with(0, operands.activation(node, x, x_entry, True))
    node.replace_input_with(1, stored.as_codes(node))
    grid = operands.grid(x_entry)
    scales = editor.before(
        node,
        "Mul",
        [stored.channel_scales(node), grid.scale],
        editor.fresh(f"{weight.name}.product_scales"),
    )
    bias = rest[0] if rest else None
    if bias is not None:
        if "bias" in entries:
            bias = operands.constant(node, bias, entries["bias"])
        node.replace_input_with(2, None)
    conv = node.op_type == "Conv"
    if conv:
        spatial = (-1, *(1,) * (len(weight.shape or ()) - 2))
        scales = _shaped(editor, node, scales, spatial)
        bias = None if bias is None else _shaped(editor, node, bias, spatial)
    out = node.outputs[0]
    # The Conv's result comes last: from the other side, onnxruntime folds scales into the weight.
    scaled = editor.after(out, "Mul", scales, editor.fresh(f"{out.name}.product"), last=conv)
    if bias is not None:
        editor.after(scaled, "Add", bias, editor.fresh(f"{scaled.name}.scaled"))


def _are_integers(node: ir.Node, entries: Entries) -> bool:
    """Whether both operands are activations on grids, and their products add up exactly."""
    found = [_entry_of(value, entries) for value in node.inputs]
    factors = [entry for entry in found if entry is not None and not entry.site.is_constant]
    grids = [entry.encoding for entry in factors if entry.encoding is not None]
    if len(grids) != 2:
        return False
    terms = (factors[0].site.shape or (None,))[-1]
    length = terms if isinstance(terms, int) else LONGEST_DYNAMIC_SUM
    return adds_exactly(grids[0], grids[1], length)


def _emit_two_activations(operands: Operands, node: ir.Node, entries: Entries) -> None:
    editor, scales = operands.editor, []
    for index, value in enumerate(node.inputs):
        entry = _entry_of(value, entries)
        assert value is not None and entry is not None and entry.encoding is not None
        node.replace_input_with(index, operands.activation(node, value, entry, True))
        scales.append(operands.grid(entry).scale)
    out = node.outputs[0]
    product = editor.before(node, "Mul", scales, editor.fresh(f"{out.name}.product_scale"))
    editor.after(out, "Mul", product, editor.fresh(f"{out.name}.product"))


def _shaped(editor: Editor, node: ir.Node, value: ir.Value, shape: tuple[int, ...]) -> ir.Value:
    name = editor.fresh(f"{value.name}.by_channel")
    return editor.before(node, "Reshape", [value, editor.integers(shape)], name)


def _drop_unused(model: ir.Model, idle: set[str]) -> None:
    """Forget initializers that no node reads any more; those that none ever read are the user's."""
    graph = model.graph
    outputs = {value.name for value in graph.outputs}
    for name, value in list(graph.initializers.items()):
        if not value.uses() and name not in outputs | idle:
            del graph.initializers[name]
