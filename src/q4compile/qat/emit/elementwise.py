"""Operators that work number by number."""

from q4compile.qat.emit.operator import Operator, call, inline
from q4compile.qat.emit.site import Site, Unsupported
from q4compile.qat.emit.sizes import Sizes

ONNX_TYPES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
    14: "complex64",
    15: "complex128",
    16: "bfloat16",
}
"""TensorProto.DataType → numpy name, for the types that torch has."""


def torch_type(onnx_type: int) -> str:
    """``torch.float32`` for 1."""
    if int(onnx_type) not in ONNX_TYPES:
        raise Unsupported("a number type that torch has", f"ONNX data type {onnx_type}")
    return f"torch.{ONNX_TYPES[int(onnx_type)]}"


def _of_two(name: str, symbol: str, trained: bool = False) -> Operator:
    def write(site: Site) -> str:
        left, right = _one_tensor(site, trained)
        return f"{left} {symbol} {right}"

    return Operator(name, write)


def _one_tensor(site: Site, trained: bool = False) -> tuple[str, str]:
    """Both operands; numbers as such, but not both."""
    left, right = site.number(0, trained), site.number(1, trained)
    return (site.tensor(0), right) if _numeric(left) and _numeric(right) else (left, right)


def _numeric(text: str) -> bool:
    return not (text.isidentifier() or text.startswith(("self.", "torch.tensor(")))


def _division(site: Site) -> str:
    left, right = _one_tensor(site, trained=True)
    if not site.dtype(0):
        return f"operators.divide({left}, {right})"
    if site.is_integer():
        return f'torch.div({left}, {right}, rounding_mode="trunc")'
    return f"{left} / {right}"


def _power(site: Site) -> str:
    base, exponent = _one_tensor(site)
    same = site.dtype(0) == site.dtype(1) != ""
    if same and not site.is_integer():
        return f"{base} ** {exponent}" if not base.startswith("-") else f"({base}) ** {exponent}"
    return f"torch.pow({base}, {exponent}).to({site.tensor(0)}.dtype)"


def _modulo(site: Site) -> str:
    function = "torch.fmod" if site["fmod"] else "torch.remainder"
    return call(function, *_one_tensor(site))


def _prelu(site: Site) -> str:
    x = site.tensor(0)
    return f"torch.where({x} < 0, {site.tensor(1, trainable=True)} * {x}, {x})"


def _folded(name: str, function: str) -> Operator:
    """Of any number of inputs: ``f(f(a, b), c)``."""

    def write(site: Site) -> str:
        first, *rest = site.tensors()
        for each in rest:
            first = f"{function}({first}, {each})"
        return first

    return Operator(name, write)


def _sum(site: Site) -> str:
    return " + ".join(site.tensors())


def _mean(site: Site) -> str:
    each = site.tensors()
    return f"({' + '.join(each)}) / {len(each)}" if len(each) > 1 else each[0]


def _clip(site: Site) -> str:
    low = site.number(1) if site.has(1) else "None"
    high = site.number(2) if site.has(2) else "None"
    if low == high == "None":
        return site.tensor(0)
    if _numeric(low) and _numeric(high):
        return f"{site.tensor(0)}.clamp({low}, {high})"
    return f"operators.clip({site.tensor(0)}, {low}, {high})"


def _cast(site: Site) -> str:
    value = site.value(0)
    if isinstance(value, Sizes) and value.beside:
        dtype = torch_type(site["to"])
        return f"torch.tensor({value.text()}, dtype={dtype}, device={value.beside}.device)"
    return f"{site.tensor(0)}.to({torch_type(site['to'])})"


def _shrink(site: Site) -> str:
    x, bias, lambd = site.tensor(0), site["bias"], site["lambd"]
    return call("operators.shrink", x, bias=bias, lambd=lambd)


def _gelu(site: Site) -> str:
    tanh = site["approximate"] in ("tanh", b"tanh")
    return f'F.gelu({site.tensor(0)}, approximate="tanh")' if tanh else f"F.gelu({site.tensor(0)})"


def _infinite(site: Site) -> str:
    x, negative, positive = site.tensor(0), site["detect_negative"], site["detect_positive"]
    if negative and positive:
        return f"torch.isinf({x})"
    if not (negative or positive):
        return f"torch.zeros_like({x}, dtype=torch.bool)"
    return f"torch.isneginf({x})" if negative else f"torch.isposinf({x})"


def _shift(site: Site) -> str:
    left = site["direction"] in ("LEFT", b"LEFT")
    return f"{site.tensor(0)} {'<<' if left else '>>'} {site.tensor(1)}"


def _dropout(site: Site) -> str:
    training = site.known(2)
    if site.has(2) and (training is None or training.any()):
        raise Unsupported("training_mode false (this package trains without dropout)", "another")
    x = site.tensor(0)
    return x if len(site.outputs) < 2 else f"{x}, torch.ones_like({x}, dtype=torch.bool)"


ELEMENTWISE = (
    inline("Abs", "{x}.abs()"),
    inline("Acos", "{x}.acos()"),
    inline("Acosh", "{x}.acosh()"),
    _of_two("Add", "+", trained=True),
    _of_two("And", "&"),
    inline("Asin", "{x}.asin()"),
    inline("Asinh", "{x}.asinh()"),
    inline("Atan", "{x}.atan()"),
    inline("Atanh", "{x}.atanh()"),
    Operator("BitShift", _shift),
    _of_two("BitwiseAnd", "&"),
    inline("BitwiseNot", "~{x}"),
    _of_two("BitwiseOr", "|"),
    _of_two("BitwiseXor", "^"),
    Operator("Cast", _cast),
    inline("CastLike", "{x}.to({y}.dtype)"),
    inline("Ceil", "{x}.ceil()"),
    inline("Celu", "F.celu({x}, {alpha})", alpha=1.0),
    Operator("Clip", _clip),
    inline("Cos", "{x}.cos()"),
    inline("Cosh", "{x}.cosh()"),
    Operator("Div", _division),
    Operator("Dropout", _dropout),
    inline("Elu", "F.elu({x}, {alpha})", alpha=1.0),
    _of_two("Equal", "=="),
    inline("Erf", "{x}.erf()"),
    inline("Exp", "{x}.exp()"),
    inline("Floor", "{x}.floor()"),
    Operator("Gelu", _gelu, {"approximate": "none"}),
    _of_two("Greater", ">"),
    _of_two("GreaterOrEqual", ">="),
    inline("HardSigmoid", "({x} * {alpha} + {beta}).clamp(0, 1)", alpha=0.2, beta=0.5),
    inline("HardSwish", "F.hardswish({x})"),
    inline("Identity", "{x}"),
    Operator("IsInf", _infinite, {"detect_negative": 1, "detect_positive": 1}),
    inline("IsNaN", "{x}.isnan()"),
    inline("LeakyRelu", "F.leaky_relu({x}, {alpha})", alpha=0.01),
    _of_two("Less", "<"),
    _of_two("LessOrEqual", "<="),
    inline("Log", "{x}.log()"),
    _folded("Max", "torch.maximum"),
    Operator("Mean", _mean),
    _folded("Min", "torch.minimum"),
    inline("Mish", "F.mish({x})"),
    Operator("Mod", _modulo, {"fmod": 0}),
    _of_two("Mul", "*", trained=True),
    inline("Neg", "-{x}"),
    inline("Not", "~{x}"),
    _of_two("Or", "|"),
    Operator("PRelu", _prelu),
    Operator("Pow", _power),
    inline("Reciprocal", "{x}.reciprocal()"),
    inline("Relu", "{x}.relu()"),
    inline("Round", "{x}.round()"),
    inline("Selu", "{gamma} * F.elu({x}, {alpha})", alpha=1.6732632, gamma=1.050701),
    Operator("Shrink", _shrink, {"bias": 0.0, "lambd": 0.5}),
    inline("Sigmoid", "{x}.sigmoid()"),
    inline("Sign", "{x}.sign()"),
    inline("Sin", "{x}.sin()"),
    inline("Sinh", "{x}.sinh()"),
    inline("Softplus", "F.softplus({x})"),
    inline("Softsign", "F.softsign({x})"),
    inline("Sqrt", "{x}.sqrt()"),
    _of_two("Sub", "-", trained=True),
    Operator("Sum", _sum),
    inline("SwiGLU", "{x} * ({alpha} * {x}).sigmoid() * {y}", alpha=1.0),
    inline("Swish", "{x} * ({alpha} * {x}).sigmoid()", alpha=1.0),
    inline("Tan", "{x}.tan()"),
    inline("Tanh", "{x}.tanh()"),
    inline("ThresholdedRelu", "F.threshold({x}, {alpha}, 0.0)", alpha=1.0),
    inline("Where", "torch.where({x}, {y:n}, {z:n})"),
    _of_two("Xor", "^"),
)
