"""One form for every exporter's graph: opset ≥ 21, constants as initializers, true shapes.

Each step keeps what the graph computes. Names of inputs, outputs and of the nodes that remain are
kept, and so are metadata, other domains' opset imports and the model-local functions of the domain
``q4compile`` (our own quantized operators). Functions of other domains are inlined, so that the
layers inside them are seen.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import onnx_ir as ir
from onnx_ir.passes.common import (
    InlinePass,
    LiftConstantsToInitializersPass,
    NameFixPass,
    RemoveInitializersFromInputsPass,
    RemoveUnusedNodesPass,
    TopologicalSortPass,
)

from q4compile.errors import Finding, ModelError
from q4compile.graph.layout import batch_second
from q4compile.graph.shapes import infer_shapes

OPSET = 21
"""The first operator set with INT4 tensors."""

QUANTIZERS = {"DequantizeLinear", "QuantizeLinear"}
RESHAPING = {"Cast", "Expand", "Reshape", "Squeeze", "Transpose", "Unsqueeze"}
"""Operators that give numbers another shape or type."""

GROWING = {"ConstantOfShape", "EyeLike", "Expand", "OneHot", "Pad", "Range", "Tile"}
"""Operators whose result can be much larger than their inputs: folded only when small."""


def normalize(model: ir.Model) -> ir.Model:
    """The same function as `model`, which is changed in place, in the form this module describes.

    Raises:
        ModelError: Q109 when the operators cannot be converted to opset 21, Q111 when the graph is
            invalid in a way that only its transformation brings to light.
    """
    _apply("ordering", TopologicalSortPass(), model)
    _apply("inlining", InlinePass(lambda function: function.domain != "q4compile"), model)
    _lift(model)
    _convert(model)
    _apply("initializers", RemoveInitializersFromInputsPass(), model)
    _apply("naming", NameFixPass(), model)
    infer_shapes(model)
    stored = _is_quantized(model)
    if any(_foldable(node, stored) for node in model.graph.all_nodes()):
        _fold(model, stored)
        infer_shapes(model)
    _apply("dead code", RemoveUnusedNodesPass(), model)
    batch_second(model)
    return model


def _lift(model: ir.Model) -> None:
    lift = LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)
    _apply("lifting constants", lift, model)


def _convert(model: ir.Model) -> None:
    version = model.opset_imports[""]
    if version >= OPSET:
        return
    from onnxscript.version_converter import ConvertVersionPass  # 0.1 s, needed by old models only

    metadata = {node.name: dict(node.metadata_props) for node in model.graph.all_nodes()}
    _apply(f"opset {version} to {OPSET}", ConvertVersionPass(OPSET, fallback=True), model)
    if model.opset_imports[""] < OPSET:
        raise ModelError(
            Finding(
                "Q109",
                "unusable operator-set version",
                "opset_import of the standard operators",
                f"operators that can be converted to opset {OPSET}",
                f"opset {version}, which onnx.version_converter refuses for this graph",
                f"export the model again with opset {OPSET}",
            )
        )
    _lift(model)  # attributes of old operators have become Constant inputs
    for node in model.graph.all_nodes():  # below opset 18 the converter drops metadata
        node.metadata_props.update(metadata.get(node.name, {}))


def _is_quantized(model: ir.Model) -> bool:
    """Whether a constant holds codes; its float16 constants are then stored numbers as well."""
    held = (value for graph in model.graphs() for value in graph.initializers.values())
    return any(value.dtype is not None and _quantized(value.dtype) for value in held)


def _foldable(node: ir.Node, stored: bool) -> bool:
    """Whether `node` depends on nothing that is fed, so that its result can be stored instead."""
    if node.op_type == "Shape" and node.inputs[0] is not None:
        shape = node.inputs[0].shape
        return shape is not None and shape.is_static()
    given = [value for value in node.inputs if value is not None]
    return bool(given) and all(map(_known, given)) and _folds(node, stored) is not False


def _known(value: ir.Value) -> bool:
    return value.const_value is not None and not value.is_graph_input()


def _folds(node: ir.Node, stored: bool) -> bool | None:
    """True: fold at any size. None: fold if small. False: keep, it decodes a quantized tensor.

    `stored` says that a float16 constant under a Cast is as much a stored form as codes are.
    """
    dtypes = [value.dtype for value in node.inputs if value is not None]
    if stored and node.op_type == "Cast" and dtypes == [ir.DataType.FLOAT16]:
        return False
    if any(dtype is not None and _quantized(dtype) for dtype in dtypes):
        return False
    if stored and any(_scales_codes(value) for value in node.outputs):
        return False
    if node.op_type in QUANTIZERS:
        return False
    return None if node.op_type in GROWING else True


def _scales_codes(value: ir.Value) -> bool:
    """Whether `value` is a scale on its way to codes: spelled out, it would be another granularity.

    The scales of gates, for one, are repeated for the channels of each gate.
    """
    for use in value.uses():
        if use.node.op_type in QUANTIZERS and use.idx > 0:
            return True
        others = [port for port in use.node.inputs if port is not None and port is not value]
        if use.node.op_type == "Mul" and any(map(_is_coded, others)):
            return True
        if use.node.op_type in RESHAPING and any(map(_scales_codes, use.node.outputs)):
            return True
    return False


def _is_coded(value: ir.Value | None) -> bool:
    """Whether `value` holds the numbers of stored codes, in another shape or type."""
    while value is not None:
        if value.const_value is not None:
            return value.dtype is not None and _quantized(value.dtype)
        node = value.producer()
        value = node.inputs[0] if node is not None and node.op_type in RESHAPING else None
    return False


def _quantized(dtype: ir.DataType) -> bool:
    if dtype.is_integer():
        return dtype.bitwidth <= 16
    return dtype.bitwidth <= 8 and dtype not in (ir.DataType.BOOL, ir.DataType.STRING)


def _fold(model: ir.Model, stored: bool) -> None:
    """Evaluate what depends on constants only: the dynamo exporter's re-ordered LSTM weights."""
    from onnxscript.optimizer import FOLDED_FROM_KEY, fold_constants_ir  # 0.1 s to import

    def fold(model: ir.Model) -> object:
        return fold_constants_ir(
            model, output_size_limit=1 << 62, should_fold=lambda node: _folds(node, stored)
        )

    _apply("constant folding", fold, model)
    _lift(model)
    for graph in model.graphs():
        for value in (*graph.initializers.values(), *(v for n in graph for v in n.outputs)):
            value.metadata_props.pop(FOLDED_FROM_KEY, None)


def _apply(step: str, change: Callable[[ir.Model], Any], model: ir.Model) -> None:
    """Run one pass of onnx-ir or onnxscript on `model`."""
    with library_step(step):
        change(model)


@contextmanager
def library_step(step: str) -> Iterator[None]:
    """Whatever onnx-ir or onnxscript finds wrong with a graph in `step` becomes Q111."""
    try:
        with _quiet_library():
            yield
    except Exception as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        reason = f"{cause}" or type(cause).__name__
        got = f"{step} failed: {reason.splitlines()[0]}"
        fix = "export the model again"
        finding = Finding("Q111", "invalid graph", "the graph", "a valid graph", got, fix)
        raise ModelError(finding) from error


@contextmanager
def _quiet_library() -> Iterator[None]:
    """Keep the libraries' own warnings off the terminal: what matters becomes a finding."""
    loggers = [logging.getLogger(name) for name in ("onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
