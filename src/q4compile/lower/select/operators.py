"""Which operators are lowered, and by what. A new one is its line here."""

from collections.abc import Callable

from q4compile.lower.findings import Refused
from q4compile.lower.select import (
    curves,
    elementwise,
    floating,
    frames,
    limits,
    moving,
    reducing,
    rowwise,
    shaping,
)
from q4compile.lower.select.convolution import conv
from q4compile.lower.select.embedding import gather
from q4compile.lower.select.linear import gemm, matmul
from q4compile.lower.select.recurrence import recurrent
from q4compile.lower.select.selection import Selection
from q4compile.quantize.network import Node

Lowering = Callable[[Selection, Node], None]

OPERATORS: dict[str, Lowering] = {
    "Abs": limits.absolute,
    "Add": elementwise.add,
    "Cast": shaping.cast,
    "Clip": limits.clip,
    "Concat": frames.concat,
    "Conv": conv,
    "ConstantOfShape": shaping.filled,
    "Div": limits.divide,
    "Erf": curves.error_function,
    "Expand": shaping.expand,
    "Gather": gather,
    "GRU": recurrent,
    "Gelu": curves.gelu,
    "Gemm": gemm,
    "GlobalAveragePool": reducing.reduce,
    "GlobalMaxPool": reducing.reduce,
    "HardSigmoid": curves.hard_sigmoid,
    "HardSwish": curves.hard_swish,
    "Identity": moving.identity,
    "LSTM": recurrent,
    "LayerNormalization": rowwise.layer_norm,
    "LeakyRelu": limits.leak,
    "LogSoftmax": rowwise.soften,
    "MatMul": matmul,
    "Max": elementwise.extreme,
    "Min": elementwise.extreme,
    "Mul": elementwise.multiply,
    "Neg": limits.negate,
    "PRelu": limits.leak,
    "Pad": frames.pad,
    "Pow": curves.power,
    "RNN": recurrent,
    "ReduceMax": reducing.reduce,
    "ReduceMean": reducing.reduce,
    "ReduceMin": reducing.reduce,
    "ReduceSum": reducing.reduce,
    "Relu": elementwise.rectify,
    "Reshape": moving.reshape,
    "Shape": shaping.shape,
    "Sigmoid": elementwise.look_up,
    "Slice": frames.slice_,
    "Softmax": rowwise.soften,
    "Sqrt": curves.root,
    "Squeeze": moving.squeeze,
    "Sub": elementwise.add,
    "Tanh": elementwise.look_up,
    "Transpose": moving.transpose,
    "Unsqueeze": moving.unsqueeze,
}
IN_HALVES: dict[str, Lowering] = {
    "Add": floating.combine,
    "Max": floating.combine,
    "Min": floating.combine,
    "GlobalMaxPool": reducing.reduce,
    "HardSigmoid": floating.hard_sigmoid,
    "HardSwish": floating.hard_swish,
    "Pow": floating.power,
    "ReduceMax": reducing.reduce,
    "ReduceMin": reducing.reduce,
    "Mul": floating.multiply,
    "Relu": floating.rectify,
    "Sigmoid": floating.activate,
    "Sub": floating.combine,
    "Tanh": floating.activate,
}
"""Operators that floats carry out in another way than integers."""
BY_EITHER = (
    *("Abs", "Cast", "Clip", "Concat", "Conv", "ConstantOfShape", "Div", "Expand", "Gather"),
    *("Gemm", "Identity", "LSTM", "LeakyRelu", "MatMul", "Neg", "PRelu", "Pad", "Reshape"),
    *("Shape", "Slice", "Squeeze", "Transpose", "Unsqueeze"),
)
"""Operators that are carried out in the same way."""
FLOAT_OPERATORS = IN_HALVES | {name: OPERATORS[name] for name in BY_EITHER}
SMOOTH = "Relu, Gelu, HardSwish, or a product with Sigmoid"
MASKS = "sequence_lens of recurrent nodes in place of masks"
POOLS = "a Conv with a stride"
FIXES = {
    **dict.fromkeys(("Celu", "Elu", "Exp", "Log", "Mish", "Selu", "Softplus", "Softsign"), SMOOTH),
    **dict.fromkeys(("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Not"), MASKS),
    **dict.fromkeys(("And", "Or", "Where"), MASKS),
    **dict.fromkeys(("AveragePool", "LpPool", "MaxPool"), POOLS),
    "BatchNormalization": "an export in evaluation mode, which folds it into the layer before",
    "Reciprocal": "a Div by a constant, or a LayerNormalization in one node (opset 17)",
    "Split": "a layer for each part, with its rows of the weights",
}
"""What may stand in place of some operators."""
RECKONED = frozenset({"Add", "Div", "Mul", "Sub"})
"""Operators that integers have too."""


def lower_node(selection: Selection, node: Node) -> None:
    """Take `node` into the selection; Refused (Q321) where no line above has its operator."""
    if not node.domain and node.op in RECKONED and shaping.is_reckoning(selection, node):
        shaping.reckon(selection, node)
        return
    operators = FLOAT_OPERATORS if selection.is_float else OPERATORS
    if node.domain or node.op not in operators:
        fix = FIXES.get(node.op)
        if not node.domain and node.op in OPERATORS:
            fix = "the quantized model: integers have this operator"
        raise Refused("Q321", f"one of {', '.join(sorted(operators))}", node.op, fix)
    operators[node.op](selection, node)
