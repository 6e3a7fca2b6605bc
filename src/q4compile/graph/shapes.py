"""Shapes that follow from the inputs, instead of those an exporter wrote down.

The dynamo exporter declares outputs (and values on the way) with the example's number of frames
although the input's axis is dynamic. Folding such a shape would fix the model to that length, so
shapes are inferred anew and a declared length is believed only where no input is dynamic.
"""

import logging

import onnx_ir as ir
from onnx_ir.passes.common import ShapeInferencePass


def infer_shapes(model: ir.Model) -> None:
    """Set the shape of every value of `model` to what follows from the shapes of its inputs.

    An axis that inference leaves open takes the declared name if it has one. A declared number is
    kept only if all inputs are static, or if its value is an input or initializer.
    """
    declared = {value: _without_invented_names(value.shape) for value in _computed(model)}
    for value in declared:
        value.shape = None
    _infer(model)
    for value in declared:
        value.shape = _without_invented_names(value.shape)
    fixed = all(value.shape is not None and value.shape.is_static() for value in model.graph.inputs)
    for value, shape in declared.items():
        if shape is not None:
            value.shape = _merged(value.shape, shape, trust=fixed)


def _computed(model: ir.Model) -> list[ir.Value]:
    return [value for node in model.graph.all_nodes() for value in node.outputs]


def _infer(model: ir.Model) -> None:
    logger = logging.getLogger("onnx_ir")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        ShapeInferencePass(check_type=False, strict_mode=False, data_prop=True)(model)
    finally:
        logger.setLevel(level)


def _without_invented_names(shape: ir.Shape | None) -> ir.Shape | None:
    """`shape` with the axes that inference could not resolve (it calls them unk__0, …) unnamed."""
    if shape is None:
        return None
    return ir.Shape(
        [dim if isinstance(dim, int) or not f"{dim}".startswith("unk__") else None for dim in shape]
    )


def _merged(inferred: ir.Shape | None, declared: ir.Shape, trust: bool) -> ir.Shape:
    if inferred is None or len(inferred) != len(declared):
        return (
            ir.Shape([_believed(dim, trust) for dim in declared]) if inferred is None else inferred
        )
    return ir.Shape(
        [_axis(found, said, trust) for found, said in zip(inferred, declared, strict=True)]
    )


def _believed(declared: int | ir.SymbolicDim, trust: bool) -> int | ir.SymbolicDim | None:
    return declared if trust or not isinstance(declared, int) else None


def _axis(
    inferred: int | ir.SymbolicDim, declared: int | ir.SymbolicDim, trust: bool
) -> int | ir.SymbolicDim:
    if isinstance(inferred, int):
        return inferred
    believed = _believed(declared, trust)
    if believed is None or (isinstance(believed, ir.SymbolicDim) and believed.value is None):
        return inferred
    return believed
