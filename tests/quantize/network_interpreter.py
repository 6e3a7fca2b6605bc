"""A `Network` computed node by node: onnx's reference evaluator, and recurrences in numpy."""

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

from q4compile.numerics.formats import FORMATS
from q4compile.numerics.rounding import dequantize, fake_quantize, quantize
from q4compile.quantize.network import HALF
from q4compile.quantize.rows import Blocking

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def outputs_of(network, feeds):
    """Output name → array, for `feeds` by input name."""
    values = {port.name: feeds[port.name] for port in network.inputs}
    values |= {name: constant(network, name) for name in network.constants}
    for node in network.nodes:
        inputs = [read(network, values, operand) for operand in node.inputs]
        made = (recurrent if node.op in GATES else plain)(network, node, inputs)
        values |= {name: each for name, each in zip(node.outputs, made, strict=False) if name}
    return {port.name: values[port.name] for port in network.outputs}


def constant(network, name):
    array, grid = network.constants[name], network.weights.get(name)
    if grid is None:
        return array
    lo, hi = FORMATS[grid.format].codes(narrow=grid.narrow)
    rows = Blocking(array.shape, grid.channel_axes, grid.row_elements)
    codes = quantize(rows.rows(array), grid.scales[:, None], 0, lo, hi)
    return rows.restored(dequantize(codes, grid.scales[:, None]))


def read(network, values, operand):
    return on_grid(network, operand.grid)(values[operand.value]) if operand.value else None


def on_grid(network, name):
    if name is None:
        return lambda x: x
    if name == HALF:
        return lambda x: np.asarray(x, np.float16).astype(np.float32)
    grid = network.grids[name]
    lo, hi = FORMATS[grid.format].codes()
    return lambda x: fake_quantize(x, grid.scale, grid.zero_point, lo, hi)


def plain(network, node, inputs):
    names = [operand.value and f"i{k}" for k, operand in enumerate(node.inputs)]
    attributes = {
        name: onnx.numpy_helper.from_array(value) if isinstance(value, np.ndarray) else value
        for name, value in node.attributes.items()
    }
    made = onnx.helper.make_node(
        node.op, names, list(node.outputs), domain=node.domain, **attributes
    )
    feeds = {name: value for name, value in zip(names, inputs, strict=True) if name}
    graph = onnx.helper.make_graph(
        [made],
        "one",
        [onnx.helper.make_value_info(name, type_of(value)) for name, value in feeds.items()],
        [onnx.helper.make_empty_tensor_value_info(name) for name in node.outputs if name],
    )
    opset = onnx.helper.make_opsetid("", network.opset)
    results = ReferenceEvaluator(onnx.helper.make_model(graph, opset_imports=[opset])).run(
        None, feeds
    )
    found = iter(results)
    return [next(found) if name else None for name in node.outputs]


def type_of(value):
    kind = onnx.helper.np_dtype_to_tensor_dtype(np.asarray(value).dtype)
    return onnx.helper.make_tensor_type_proto(kind, None)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def recurrent(network, node, inputs):
    """Y, Y_h, Y_c by the ONNX definitions, with the node's quantizers at every step."""
    x, w, r, b, lengths, h0, c0 = (*inputs, *(None,) * 7)[:7]
    steps, batch, hidden = x.shape[0], x.shape[1], r.shape[2]
    rows = GATES[node.op] * hidden
    b = np.zeros((len(w), 2 * rows), np.float32) if b is None else b
    lengths = np.full(batch, steps) if lengths is None else lengths
    grids = [on_grid(network, name) for name in (node.hidden, node.cell, node.gate)]
    backward = {"forward": [0], "reverse": [1], "bidirectional": [0, 1]}[
        node.attributes.get("direction", "forward")
    ]
    made = [[], [], []]
    for d, turned in enumerate(backward):
        zeros = np.zeros((batch, hidden), np.float32)
        h = grids[0](zeros if h0 is None else h0[d])
        c = grids[1](zeros if c0 is None else c0[d])
        y = np.zeros((steps, batch, hidden), np.float32)
        for t in reversed(range(steps)) if turned else range(steps):
            gx = x[t] @ w[d].T + b[d, :rows]
            new_h, new_c = step(node, gx, h, c, r[d], b[d, rows:], grids)
            runs = (t < lengths)[:, None]
            h, c = np.where(runs, new_h, h), np.where(runs, new_c, c)
            y[t] = np.where(runs, new_h, 0)
        for each, value in zip(made, (y, h, c), strict=True):
            each.append(value)
    return np.stack(made[0], 1), np.stack(made[1]), np.stack(made[2])


def step(node, gx, h, c, r, br, grids):
    on_h, on_c, on_z = grids
    n = h.shape[1]
    if node.op == "GRU":
        return gru_step(node, gx, h, r, br, grids), c
    z = on_z(gx + br + h @ r.T)
    if node.op == "RNN":
        relu = "Relu" in node.attributes.get("activations", ())
        return on_h(np.maximum(z, 0) if relu else np.tanh(z)), c
    i, o, f = (sigmoid(z[:, g * n : (g + 1) * n]) for g in range(3))
    new_c = on_c(f * c + i * np.tanh(z[:, 3 * n :]))
    return on_h(o * np.tanh(new_c)), new_c


def gru_step(node, gx, h, r, br, grids):
    on_h, _, on_z = grids
    n, linear = h.shape[1], node.attributes.get("linear_before_reset", 0)
    inner = h @ r.T + br
    tanh_part = gx[:, 2 * n :] + (0 if linear else br[2 * n :])
    z = on_z(np.concatenate([(gx + inner)[:, : 2 * n], tanh_part], 1))
    update, reset = sigmoid(z[:, :n]), sigmoid(z[:, n : 2 * n])
    candidate = reset * inner[:, 2 * n :] if linear else on_h(reset * h) @ r[2 * n :].T
    candidate = np.tanh(z[:, 2 * n :] + candidate)
    return on_h((1 - update) * candidate + update * h)
