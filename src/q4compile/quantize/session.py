"""An onnxruntime session on a model in memory, without copying its weights through protobuf.

Weights go to the runtime as external initializers that alias the arrays: a 57 M-parameter model is
ready in the time its graph takes, and is not limited to protobuf's 2 GB.
"""

import numpy as np
import onnx_ir as ir
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as states

from q4compile.errors import Finding, ModelError

RUNTIME_ERRORS = (
    states.EPFail,
    states.Fail,
    states.InvalidArgument,
    states.InvalidGraph,
    states.NotImplemented,
    states.RuntimeException,
)
"""What onnxruntime raises: its exceptions have no common base."""
SMALL_BYTES = 1024  # shapes and scalars stay in the graph, where constant folding sees them
LOG_ERRORS_ONLY = 3


def session(
    model: ir.Model, threads: int = 1, fold_constants: bool = True
) -> onnxruntime.InferenceSession:
    """A session on `model`, one thread unless told otherwise; `model` is left as it was.

    Without `fold_constants` weights are rearranged at every run: a tenth slower, but of 57 M
    parameters the session takes 270 MB less and half a second less to make.

    Raises:
        ModelError: Q130 when onnxruntime does not load the model.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = LOG_ERRORS_ONLY
    light = model.clone()
    names, values = [], []
    for initializer in light.graph.initializers.values():
        tensor = initializer.const_value
        if tensor is None:
            continue
        if tensor.nbytes < SMALL_BYTES or tensor.dtype.bitwidth % 8:
            initializer.const_value = _embedded(tensor)
            continue
        array = np.ascontiguousarray(tensor.numpy())
        names.append(str(initializer.name))
        values.append(onnxruntime.OrtValue.ortvalue_from_numpy(array))
        initializer.const_value = ir.ExternalTensor(
            "in-memory",
            0,
            tensor.nbytes,
            tensor.dtype,
            shape=ir.Shape(tensor.shape.numpy()),
            name=names[-1],
        )
    if names:
        options.add_external_initializers(names, values)
    try:
        return onnxruntime.InferenceSession(
            ir.to_proto(light).SerializeToString(),
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=[] if fold_constants else ["ConstantFolding"],
        )
    except RUNTIME_ERRORS as error:
        raise ModelError(_unloadable(model, error)) from error


def _unloadable(model: ir.Model, error: Exception) -> Finding:
    need = "a graph that onnxruntime loads"
    at = f"graph '{model.graph.name}'"
    return Finding("Q130", "onnxruntime does not load the model", at, need, f"{error}")


def _embedded(tensor: ir.TensorProtocol) -> ir.TensorProtocol:
    """`tensor` as part of the graph: bytes have no folder that other files could lie in."""
    if not isinstance(tensor, ir.ExternalTensor):
        return tensor
    return ir.Tensor(tensor.numpy(), dtype=tensor.dtype, name=tensor.name)
