"""Recurrent layers against the function that `quantize` writes, under onnxruntime: same codes."""

from itertools import product

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from recurrent_layers import GRIDS, KINDS, Case, plain

from q4compile.graph.recurrent import OWN_DOMAIN
from q4compile.numerics.formats import FORMATS
from q4compile.quantize.editor import Editor
from q4compile.quantize.recurrence import OPERATOR_INPUTS, Variant

DIRECTIONS = {"forward": (0,), "reverse": (1,), "bidirectional": (0, 1)}
VARIANTS = {
    "lstm": Variant("LSTM", (0,)),
    "gru": Variant("GRU", (0,)),
    "gru-linear": Variant("GRU", (0,), linear_before_reset=True),
    "rnn": Variant("RNN", (0,)),
    "rnn-relu": Variant("RNN", (0,), activation="Relu"),
}
FLIPPED_SHARE = 0.002
"""Codes of h that may differ: products are summed in another order, so h within 1e-6 of the border
between two codes falls on either side, and one such code changes those of later steps."""


def variant(case):
    made = vars(VARIANTS[case.kind]) | {
        "directions": DIRECTIONS[case.direction],
        "has_lengths": case.lengths is not None,
        "has_initial": case.states,
        "hidden": FORMATS[case.grid] if case.grid else None,
    }
    return Variant(**made)


def feeds(case, layer):
    """What the function reads: weights as the layer quantizes them, and the grid of h."""
    x, lengths, *states = case.inputs()
    made = dict(zip("XWRB", (x, layer.w(), layer.r(), layer.b()), strict=True))
    if lengths is not None:
        made["sequence_lens"] = lengths.int()
    made |= dict(zip(("initial_h", "initial_c"), states, strict=False))
    return {name: tensor.detach().numpy() for name, tensor in made.items()}


def grid_constants(case):
    """Scale, zero point and, of formats that ONNX has no type of, the clip."""
    if case.grid is None:
        return {}
    (scale, zero), format = GRIDS[case.grid], FORMATS[case.grid]
    types = {"int8": ir.DataType.INT8, "uint4": ir.DataType.UINT4}
    code = types.get(case.grid, ir.DataType.INT4)
    ends = dict(zip(("h_min", "h_max"), format.codes(), strict=True))
    return {
        "h_scale": ir.Tensor(np.array(scale, np.float32)),
        "h_zero_point": ir.Tensor(np.array(zero, code.numpy()), dtype=code),
        **{
            name: ir.Tensor(np.array((end - zero) * scale, np.float32))
            for name, end in ends.items()
            if format.bits < 4
        },
    }


def written(case, arrays):
    """A model of one call of the function."""
    made = variant(case)
    inputs = {
        name: ir.Value(
            name=name,
            type=ir.TensorType(ir.DataType.from_numpy(array.dtype)),
            shape=ir.Shape(array.shape),
        )
        for name, array in arrays.items()
    }
    graph = ir.Graph(list(inputs.values()), [], nodes=[], opset_imports={"": 21}, name="main")
    model = ir.Model(graph, ir_version=10)
    editor = Editor(model)
    values = inputs | {n: editor.constant(n, t) for n, t in grid_constants(case).items()}
    node = ir.node(
        made.kind,
        [values.get(name) for name in (*OPERATOR_INPUTS, *made.grid_inputs)],
        {"hidden_size": case.hidden, "direction": case.direction},
        domain=OWN_DOMAIN,
        overload=made.overload,
        num_outputs=len(made.outputs),
    )
    graph.append(node)
    for name, value in zip(made.outputs, node.outputs, strict=True):
        value.name, value.type = name, ir.TensorType(ir.DataType.FLOAT)
        graph.outputs.append(value)
    editor.function(made)
    return ir.to_proto(model).SerializeToString()


def by_onnxruntime(case, layer):
    arrays = feeds(case, layer)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(
        written(case, arrays), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, arrays)


def flipped(case, outputs, expected):
    """How many codes of Y and Y_h differ, and of how many."""
    scale = GRIDS[case.grid][0]
    different = total = 0
    for ours, theirs in zip(outputs[:2], expected[:2], strict=True):
        codes = np.rint(ours.detach().numpy() / scale), np.rint(theirs / scale)
        different += np.count_nonzero(codes[0] != codes[1])
        total += theirs.size
    return different, total


USES = (("forward", None, False), ("reverse", (9, 4, 1), True), ("bidirectional", (2, 9, 5), True))
"""Direction, lengths, and whether there are initial states."""


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_layer_computes_the_codes_of_the_file(kind):
    compared = np.zeros((2, 2), int)
    for seed, (use, grid) in enumerate(product(USES, GRIDS)):
        direction, lengths, states = use
        case = Case(kind, direction, 9, 3, 4, 6, grid, lengths=lengths, states=states, seed=seed)
        layer = case.layer().eval()
        expected = by_onnxruntime(case, layer)
        assert len(np.unique(expected[0])) > 1
        for row, form in enumerate((layer, plain(case.layer()).eval())):
            compared[row] += flipped(case, form(*case.inputs()), expected)
    for different, total in compared:
        assert different <= FLIPPED_SHARE * total, f"{different} of {total} codes"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_without_a_grid_it_is_the_onnx_operator(kind):
    case = Case(kind, grid=None, weights="fp32", lengths=(6, 3, 1), states=True)
    layer = case.layer()
    for ours, theirs in zip(layer(*case.inputs()), by_onnxruntime(case, layer), strict=True):
        torch.testing.assert_close(ours.detach(), torch.from_numpy(theirs), rtol=2e-6, atol=2e-6)
