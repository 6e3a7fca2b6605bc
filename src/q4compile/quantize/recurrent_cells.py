"""The arithmetic of one step of each recurrent cell, as lines of ONNX text.

Gate order is ONNX's: LSTM i, o, f, c; GRU z, r, h. Every cell reads ``gx_t`` (the input's share of
the pre-activations, bias included), ``h_last`` (and ``c_last``) and leaves ``h_new``.
"""

from collections.abc import Callable
from dataclasses import dataclass

from q4compile.graph.recurrent import GATES

Requantize = Callable[[str, str], list[str]]


@dataclass(frozen=True)
class Step:
    """One direction `d` of a cell; `exact` when ``h_last`` and R hold integer codes.

    `integer` multiplies these as uint8 and int8 instead of as float32: the same sums, as long as
    they are below 2**24.
    """

    kind: str
    d: int
    exact: bool
    integer: bool
    linear_before_reset: bool
    activation: str

    @property
    def has_cell(self) -> bool:
        """An LSTM carries c beside h."""
        return self.kind == "LSTM"


def constants(kind: str) -> list[str]:
    """Sizes to split the pre-activations by: the sigmoid gates lie together in both layouts."""
    if kind == "RNN":
        return []
    return [
        f"sigmoids = Constant <value_ints = [{GATES[kind] - 1}]> ()",
        "sigmoid_rows = Mul (sigmoids, hidden)",
        "gate_split = Concat <axis = 0> (sigmoid_rows, hidden)",
    ]


def keeps_recurrent_bias(kind: str, linear_before_reset: bool) -> bool:
    """``r ⊙ (h·R + b_R)``: only this GRU needs the recurrent bias apart from the input's."""
    return kind == "GRU" and linear_before_reset


def bias(kind: str, linear_before_reset: bool) -> list[str]:
    """The bias that joins gx."""
    if keeps_recurrent_bias(kind, linear_before_reset):
        return ["bias = Identity (W_bias)"]
    return ["bias = Add (W_bias, R_bias)"]


def columns(rows: str, integer: bool) -> list[str]:
    """``rows_columns = rowsᵀ``, as int8 for an integer product."""
    turned = f"{rows}_{'turned' if integer else 'columns'}"
    lines = [f"{turned} = Transpose <perm = [1, 0]> ({rows})"]
    return lines + [f"{rows}_columns = Cast <to = 3> ({turned})"] * integer


def direction_constants(step: Step) -> list[str]:
    """What a GRU step needs of R beside the whole: the parts of the sigmoid gates and of h̃."""
    if step.kind != "GRU":
        return []
    d = step.d
    lines = [f"R{d}_sigmoid, R{d}_tanh = Split <axis = 0> (R{d}, gate_split)"]
    if step.exact:
        lines += [
            *columns(f"R{d}_sigmoid", step.integer),
            *columns(f"R{d}_tanh", step.integer),
            f"r_scale_rows{d}_sigmoid, r_scale_rows{d}_tanh"
            f" = Split <axis = 0> (r_scale_rows{d}, gate_split)",
        ]
    return lines


def code_product(side: str, codes: str, rows: str, result: str, integer: bool) -> list[str]:
    """``result = codes · rowsᵀ`` in float32; `side` is x or h, whose shift makes codes unsigned."""
    if not integer:
        return [f"{result} = MatMul ({codes}, {rows}_columns)"]
    return [
        f"{result}_shifted = Add ({codes}, {side}_shift)",
        f"{result}_unsigned = Cast <to = 2> ({result}_shifted)",
        f"{result}_int32 = MatMulInteger ({result}_unsigned, {rows}_columns, {side}_zero)",
        f"{result} = Cast <to = 1> ({result}_int32)",
    ]


def product(step: Step, h: str, part: str, result: str, addend: str) -> list[str]:
    """``result = addend + h · R[part]ᵀ``; `part` is '' for all rows of R."""
    rows = f"R{step.d}{part}"
    if not step.exact:
        return [f"{result} = Gemm <transB = 1> ({h}, {rows}, {addend})"]
    return [
        *code_product("h", h, rows, f"{result}_codes", step.integer),
        f"{result}_product = Mul ({result}_codes, r_scale_rows{step.d}{part})",
        f"{result} = Add ({result}_product, {addend})",
    ]


def products(step: Step) -> list[str]:
    """Pre-activations ``z_new`` that need only ``h_last``; for a GRU those of its sigmoid gates."""
    if step.kind != "GRU":
        return product(step, "h_last", "", "z_new", "gx_t")
    if not step.linear_before_reset:
        return [
            "gx_sigmoid, gx_tanh = Split <axis = -1> (gx_t, gate_split)",
            *product(step, "h_last", "_sigmoid", "z_sigmoid", "gx_sigmoid"),
            "z_new = Concat <axis = -1> (z_sigmoid, gx_tanh)",
        ]
    return [
        "gx_sigmoid, gx_tanh = Split <axis = -1> (gx_t, gate_split)",
        *product(step, "h_last", "", "m", f"R_bias{step.d}"),
        "m_sigmoid, m_tanh = Split <axis = -1> (m, gate_split)",
        "z_sigmoid = Add (gx_sigmoid, m_sigmoid)",
        "z_new = Concat <axis = -1> (z_sigmoid, gx_tanh)",
    ]


def activations(step: Step, requantize: Requantize) -> list[str]:
    """From the pre-activations ``z`` to ``h_new``, or to ``c_new`` for an LSTM."""
    if step.kind == "RNN":
        return [f"h_new = {step.activation} (z)"]
    if step.kind == "LSTM":
        return [
            "z_sigmoids, z_cell = Split <axis = -1> (z, gate_split)",
            "sigmoid_gates = Sigmoid (z_sigmoids)",
            "i, o, f = Split <axis = -1, num_outputs = 3> (sigmoid_gates)",
            "g = Tanh (z_cell)",
            "kept = Mul (f, c_last)",
            "added = Mul (i, g)",
            "c_new = Add (kept, added)",
        ]
    real = ["h_real = Mul (h_last, h_scale)"] if step.exact else ["h_real = Identity (h_last)"]
    if step.linear_before_reset:
        candidate = ["reset_h = Mul (r, m_tanh)", "z_candidate = Add (z_tanh, reset_h)"]
    else:
        candidate = [
            "reset_h = Mul (r, h_real)",
            *requantize("reset_h", "reset_h_next"),
            *product(step, "reset_h_next", "_tanh", "z_candidate", "z_tanh"),
        ]
    return [
        "z_gates, z_tanh = Split <axis = -1> (z, gate_split)",
        "sigmoid_gates = Sigmoid (z_gates)",
        "update, r = Split <axis = -1, num_outputs = 2> (sigmoid_gates)",
        *real,
        *candidate,
        "candidate = Tanh (z_candidate)",
        "change = Sub (h_real, candidate)",
        "kept = Mul (update, change)",
        "h_new = Add (candidate, kept)",
    ]


def output_of_cell() -> list[str]:
    """``h = o ⊙ tanh(c)``."""
    return ["c_tanh = Tanh (c_next)", "h_new = Mul (o, c_tanh)"]
