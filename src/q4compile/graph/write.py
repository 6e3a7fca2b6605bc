"""ONNX files out: whole or not at all, and readable by every tool."""

from pathlib import Path

import onnx_ir as ir
from onnx.checker import ValidationError
from onnx_ir.passes.common import CheckerPass

from q4compile.errors import Finding, ModelError
from q4compile.files import replacing
from q4compile.graph.finite import stored_values

SINGLE_FILE_LIMIT_BYTES = 2**31 - 2**24
"""protobuf refuses messages of 2 GiB; 16 MiB are left for the graph around the weights."""


def write_model(
    model: ir.Model, path: Path, single_file_limit_bytes: int = SINGLE_FILE_LIMIT_BYTES
) -> None:
    """Replace `path` by `model`, which passes onnx.checker; if anything fails the old files stay.

    One file if the weights take less than `single_file_limit_bytes`; otherwise the weights lie
    beside it in ``<stem>.data``. 4-bit tensors are stored two to a byte. `model` is not changed.

    Raises:
        ModelError: Q115 when onnx.checker refuses the model.
        OutputError: Q551, Q552 when the path cannot be written.
    """
    loaded = _in_memory(model)
    _check(loaded, path)
    external = weight_bytes(model) >= single_file_limit_bytes
    with replacing(path) as temporary:
        if external:
            ir.save(model, temporary, external_data=f"{path.stem}.data")
        else:
            ir.save(loaded, temporary)


def weight_bytes(model: ir.Model) -> int:
    """Bytes of all stored tensors, 4-bit ones packed."""
    return sum(
        value.const_value.nbytes
        for graph in model.graphs()
        for value in graph.initializers.values()
        if value.const_value is not None
    )


def _in_memory(model: ir.Model) -> ir.Model:
    """`model`, or a copy of it whose external tensors have become views of the mapped files."""
    if not any(isinstance(value.const_value, ir.ExternalTensor) for value in stored_values(model)):
        return model
    copy = model.clone()
    for value in stored_values(copy):
        tensor = value.const_value
        if isinstance(tensor, ir.ExternalTensor):
            value.const_value = ir.Tensor(tensor.numpy(), dtype=tensor.dtype, name=tensor.name)
    return copy


def _check(model: ir.Model, path: Path) -> None:
    """The checker on the graph without its large weights, which costs milliseconds, not seconds."""
    try:
        CheckerPass()(model)
    except (ValidationError, ValueError) as error:
        reason = f"{error}".strip().splitlines()[0]
        need = "a model that onnx.checker accepts"
        finding = Finding("Q115", "the model that was made is invalid", f"{path}", need, reason)
        raise ModelError(finding) from error
