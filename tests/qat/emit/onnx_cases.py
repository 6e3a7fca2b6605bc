"""ONNX's own test cases of single operators, those that a package can be written for.

Each exists twice: with everything fed, and with all inputs but the first stored as constants.
"""

import warnings
from functools import cache

import numpy as np
import onnx
import onnx_ir as ir
from onnx import numpy_helper

from q4compile.graph.normalize import OPSET
from q4compile.qat.emit.registry import BY_NAME

TYPES = {"float32", "float64", "int8", "uint8", "int32", "int64", "bool"}

REFUSED = {
    "batchnorm_epsilon_training_mode": "training_mode",
    "batchnorm_example_training_mode": "training_mode",
    **dict.fromkeys(
        (f"training_dropout{k}" for k in ("", "_default", "_default_mask", "_mask")),
        "training_mode",
    ),
    "training_dropout_zero_ratio": "training_mode",
    "training_dropout_zero_ratio_mask": "training_mode",
    "reduce_sum_empty_axes_input_noop": "constant axes",
    "reduce_sum_empty_axes_input_noop_example": "constant axes",
    "lstm_with_peepholes": "peephole",
    **{f"{kind}_batchwise": "layout" for kind in ("gru", "lstm", "simple_rnn")},
    **dict.fromkeys(
        (
            f"resize_tf_crop_and_resize{k}"
            for k in ("", "_axes_2_3", "_axes_3_2", "_extrapolation_value")
        ),
        "tf_crop_and_resize",
    ),
}
"""Case → what the refusal names."""

EMPTY = {"reduce_max_empty_set", "reduce_max_empty_set_bool", "reduce_min_empty_set"}
"""Extremes of no numbers, which torch has not."""


@cache
def by_operator():
    """Operator of the registry → its cases by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.case.node import collect_testcases

        found = collect_testcases(None)
    cases = {}
    for each in filter(_usable, found):
        op = each.model.graph.node[0].op_type
        cases.setdefault(op, {})[each.name.removeprefix("test_")] = each
    return dict(sorted(cases.items()))


def _usable(case):
    nodes = case.model.graph.node
    if len(nodes) != 1 or nodes[0].domain or nodes[0].op_type not in BY_NAME:
        return False
    version = next(each.version for each in case.model.opset_import if not each.domain)
    if version < OPSET and _since(nodes[0].op_type, version) < _since(nodes[0].op_type, OPSET):
        return False
    arrays = [each for data in case.data_sets for side in data for each in side]
    return all(_type(each) in TYPES for each in arrays)


def _since(op, version):
    """The operator set from which on `op` means what it does in `version`."""
    return onnx.defs.get_schema(op, version).since_version


def _type(value):
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value).dtype.name
    return value.dtype.name if isinstance(value, (np.ndarray, np.generic)) else "no tensor"


def arrays(values):
    """What a case holds, as arrays."""
    return [
        numpy_helper.to_array(each) if isinstance(each, onnx.TensorProto) else np.asarray(each)
        for each in values
    ]


def as_fed(case):
    """The case's model as an onnx-ir model with shapes, its node named."""
    return _named(case.model)


def as_stored(case):
    """The same with every input but the first a constant; weights of recurrent nodes too."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    graph = model.graph
    feeds = arrays(case.data_sets[0][0])
    for port, feed in list(zip(graph.input, feeds, strict=True))[1:]:
        graph.initializer.append(numpy_helper.from_array(feed, port.name))
        graph.input.remove(port)
    return _named(model)


def _named(proto):
    model = ir.from_proto(onnx.shape_inference.infer_shapes(proto))
    for node in model.graph:
        node.name = node.name or f"/{node.op_type}"
    return model
