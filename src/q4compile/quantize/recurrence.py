"""The body of a quantized LSTM, GRU or RNN node: a model-local function in ONNX text, with a Scan.

    gx[t] = X[t] · Wᵀ + b            one matrix product for all steps, before the Scan
    z[t]  = gx[t] + h[t−1] · Rᵀ      inside the Scan
    h[t]  = Q(cell(z[t]))            quantized once: recurrence and output read the same codes

The function has the inputs and outputs of the ONNX operator in the same order, followed by the
grids (scale and zero point) of what is quantized inside. A node's `Variant` says which of the
optional parts exist; nodes of one variant share one function, told apart by the `overload` name.

Form `qdq` works on dequantized values. Form `exact` works on integer codes held in float32, so that
every product is an integer product, and multiplies by one scale per output channel afterwards. With
codes of at most 8 bits and weights of at most 4 it multiplies uint8 by int8 (`Variant.integer`):
the same sums, bit for bit, in a fraction of the time of the float32 LSTM operator.
"""

from dataclasses import dataclass
from textwrap import indent

from q4compile.graph.recurrent import GATES, OWN_DOMAIN
from q4compile.numerics.formats import Format
from q4compile.quantize import recurrent_cells
from q4compile.quantize.recurrent_cells import Step

OPSET = 21
OPERATOR_INPUTS = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c")


@dataclass(frozen=True)
class Variant:
    """What one recurrent node's function has to do; equal variants share a function.

    `hidden`, `cell` and `gate` are the formats those values are quantized to at every step, or None
    where they stay float32. `observe` adds the sequences of cell states and gate pre-activations as
    outputs, for calibration.
    """

    kind: str
    directions: tuple[int, ...]
    """0 for forward, 1 for backward, in the order of the weights' first axis."""
    has_lengths: bool = False
    has_initial: bool = False
    exact: bool = False
    integer: bool = False
    """Whether form `exact` multiplies uint8 by int8, which a CPU does faster than float32."""
    linear_before_reset: bool = False
    activation: str = "Tanh"
    """What a plain RNN applies to its pre-activations; LSTM and GRU have the usual ones."""
    hidden: Format | None = None
    cell: Format | None = None
    gate: Format | None = None
    observe: bool = False

    @property
    def overload(self) -> str:
        """A name that tells this variant from every other."""
        parts = ["bidirectional" if len(self.directions) == 2 else "reverse" * self.directions[0]]
        parts += ["exact" * self.exact, "integer" * self.integer]
        parts += ["lengths" * self.has_lengths, "state" * self.has_initial]
        parts += ["linear" * self.linear_before_reset, "observe" * self.observe]
        parts += [self.activation.lower() * (self.activation != "Tanh")]
        parts += [f"{name}_{grid}" for name, grid in self.grids]
        return "_".join(part for part in parts if part)

    @property
    def grids(self) -> tuple[tuple[str, Format], ...]:
        """Name and format of every value quantized at each step."""
        named = (("h", self.hidden), ("c", self.cell), ("z", self.gate))
        return tuple((name, grid) for name, grid in named if grid is not None)

    @property
    def grid_inputs(self) -> tuple[str, ...]:
        """The function's inputs after those of the ONNX operator."""
        names: list[str] = []
        for name, grid in self.grids:
            if grid.is_float:
                continue
            names += [f"{name}_scale", f"{name}_zero_point"]
            names += [f"{name}_min", f"{name}_max"] * (grid.bits < 4)
        names += ["h_offset", "x_scales", "r_scales"] * self.exact
        return (*names, *(("x_shift", "x_zero", "h_shift", "h_zero") if self.integer else ()))

    @property
    def outputs(self) -> tuple[str, ...]:
        """The function's outputs: the operator's, then what `observe` adds."""
        cell = self.kind == "LSTM"
        return (
            *("Y", "Y_h", *(("Y_c",) * cell)),
            *((*(("C",) * cell), "Z") if self.observe else ()),
        )


def function_text(variant: Variant) -> str:
    """The model-local function of `variant`, in ONNX text syntax."""
    inputs = ", ".join((*OPERATOR_INPUTS, *variant.grid_inputs))
    body = "\n".join(
        [
            _shapes(variant),
            _weights(variant),
            _initial_states(variant),
            *(_scan(variant, d) for d in range(len(variant.directions))),
            _outputs(variant),
        ]
    )
    return (
        f'<domain: "{OWN_DOMAIN}", overload: "{variant.overload}", opset_import: ["" : {OPSET}]>\n'
        f"{variant.kind} <hidden_size, direction> ({inputs}) => ({', '.join(variant.outputs)}) {{\n"
        f"{indent(body, '  ')}\n}}"
    )


def _shapes(variant: Variant) -> str:
    count = GATES[variant.kind]
    lines = [
        "axis0 = Constant <value_ints = [0]> ()",
        "minus1 = Constant <value_ints = [-1]> ()",
        "zero = Constant <value_float = 0.0> ()",
        "batch = Shape <start = 1, end = 2> (X)",
        "hidden = Shape <start = 2> (R)",
        "state_shape = Concat <axis = 0> (batch, hidden)",
        "blank = Expand (zero, state_shape)",
        f"gates = Constant <value_ints = [{count}]> ()",
        "gate_rows = Mul (gates, hidden)",
        f"directions = Constant <value_ints = [{len(variant.directions)}]> ()",
        *(f"direction{d} = Constant <value_int = {d}> ()" for d in range(len(variant.directions))),
        *recurrent_cells.constants(variant.kind),
    ]
    if variant.has_lengths:
        lines += [
            "step_count = Shape <start = 0, end = 1> (X)",
            "step_count_scalar = Squeeze (step_count)",
            "first_step = Constant <value_int = 0> ()",
            "one_step = Constant <value_int = 1> ()",
            "step_index = Range (first_step, step_count_scalar, one_step)",
            "column_axes = Constant <value_ints = [1, 2]> ()",
            "step_column = Unsqueeze (step_index, column_axes)",
            "lengths = Cast <to = 7> (sequence_lens)",
            "lengths_column = Unsqueeze (lengths, minus1)",
            "mask = Less (step_column, lengths_column)",
        ]
    return "\n".join(lines)


def _weights(variant: Variant) -> str:
    """Per direction: gx for all steps, and R with its scales.

    Everything here but gx is constant, and folded when the graph is loaded.
    """
    lines = [
        "W_bias, R_bias = Split <axis = 1, num_outputs = 2> (B)",
        *recurrent_cells.bias(variant.kind, variant.linear_before_reset),
    ]
    names = ["W", "R", "bias"]
    if recurrent_cells.keeps_recurrent_bias(variant.kind, variant.linear_before_reset):
        names += ["R_bias"]
    if variant.exact:
        lines += ["directions_rows = Concat <axis = 0> (directions, gate_rows)"]
        for name in ("x_scale", "r_scale"):
            lines += [f"{name}_rows = Reshape ({name}s, directions_rows)"]
            names += [f"{name}_rows"]
    for d in range(len(variant.directions)):
        lines += [_row(name, d) for name in names]
        lines += _input_products(variant, d)
        step = _step(variant, d)
        if variant.exact:
            lines += recurrent_cells.columns(f"R{d}", variant.integer)
        lines += recurrent_cells.direction_constants(step)
    return "\n".join(lines)


def _row(name: str, d: int) -> str:
    """``name0 = name[0]``: one copy while the graph is loaded, where Split and Squeeze make two."""
    return f"{name}{d} = Gather <axis = 0> ({name}, direction{d})"


def _input_products(variant: Variant, d: int) -> list[str]:
    """``gx_d = X · W_dᵀ + b_d``.

    X keeps its three axes: through a Reshape, onnxruntime moves the quantizer of X and mixes up
    int8 and uint8 (1.32, extended level).
    """
    lines = recurrent_cells.columns(f"W{d}", variant.integer)
    codes, product = f"gx{d}_codes", f"gx{d}_product"
    if variant.exact:
        lines += recurrent_cells.code_product("x", "X", f"W{d}", codes, variant.integer)
        lines += [f"{product} = Mul ({codes}, x_scale_rows{d})"]
    else:
        lines += [f"{product} = MatMul (X, W{d}_columns)"]
    return [*lines, f"gx{d} = Add ({product}, bias{d})"]


def _step(variant: Variant, d: int) -> Step:
    reset, activation = variant.linear_before_reset, variant.activation
    return Step(variant.kind, d, variant.exact, variant.integer, reset, activation)


def _initial_states(variant: Variant) -> str:
    lines: list[str] = []
    for state in ("h", "c") if variant.kind == "LSTM" else ("h",):
        for d in range(len(variant.directions)):
            source = "blank"
            if variant.has_initial:
                source = f"initial_{state}{d}"
                lines += [_row(f"initial_{state}", d)]
            grid = variant.hidden if state == "h" else variant.cell
            unit = variant.exact and state == "h"
            lines += quantized(state, grid, source, f"{state}_start_{d}", unit)
    return "\n".join(lines)


def _scan(variant: Variant, d: int) -> str:
    """One direction's Scan; the body sees R, the grids and the constants of the outer scope."""
    step = _step(variant, d)
    states = ["h", *(["c"] if step.has_cell else [])]
    lines = recurrent_cells.products(step)
    lines += quantized("z", variant.gate, "z_new", "z", unit=False)
    lines += recurrent_cells.activations(step, _fake(variant))
    if step.has_cell:
        lines += quantized("c", variant.cell, "c_new", "c_next", unit=False)
        lines += recurrent_cells.output_of_cell()
    lines += quantized("h", variant.hidden, "h_new", "h_next", variant.exact)
    emitted = {"h": "h_next", "c": "c_next", "z": "z"}
    scanned = ["h", *(states[1:] if variant.observe else []), *(["z"] if variant.observe else [])]
    for name in states:
        carried = f"Where (mask_t, {name}_next, {name}_last)"
        lines += [f"{name}_carry = {carried if variant.has_lengths else f'Identity ({name}_next)'}"]
    for name in scanned:
        shown = f"Where (mask_t, {emitted[name]}, {'zero' if name == 'z' else 'blank'})"
        copied = f"Identity ({emitted[name]})"
        lines += [f"{name}_out = {shown if variant.has_lengths else copied}"]
    inputs = [f"float[N, H] {name}_last" for name in states] + ["float[N, G] gx_t"]
    inputs += ["bool[N, 1] mask_t"] * variant.has_lengths
    outputs = [f"float[N, H] {name}_carry" for name in states]
    outputs += [f"float[N, {'G' if name == 'z' else 'H'}] {name}_out" for name in scanned]
    reverse = variant.directions[d]
    streams = 1 + variant.has_lengths
    results = [f"{name}_last_{d}" for name in states] + [f"{name}_all_{d}" for name in scanned]
    operands = [f"{name}_start_{d}" for name in states] + [f"gx{d}"]
    operands += ["mask"] * variant.has_lengths
    return (
        f"{', '.join(results)} = Scan <num_scan_inputs = {streams},"
        f" scan_input_directions = {[reverse] * streams},"
        f" scan_output_directions = {[reverse] * len(scanned)},"
        f" body = step_{d} ({', '.join(inputs)}) => ({', '.join(outputs)}) {{\n"
        f"{indent(chr(10).join(lines), '  ')}\n}}> ({', '.join(operands)})"
    )


def _fake(variant: Variant) -> recurrent_cells.Requantize:
    """How a cell quantizes a second recurrent operand (GRU's r ⊙ h) on h's own grid."""
    return lambda source, result: quantized("h", variant.hidden, source, result, variant.exact)


def quantized(name: str, grid: Format | None, source: str, result: str, unit: bool) -> list[str]:
    """Lines for ``result = DQ(Q(source))`` on the grid `name`; ``q − zero_point`` when `unit`.

    Formats below 4 bits are INT4 codes and a Clip, since ONNX has no type of their own.
    """
    if grid is None:
        return [f"{result} = Identity ({source})"]
    if grid.is_float:
        return [
            f"{result}_{grid} = Cast <to = 10> ({source})",
            f"{result} = Cast <to = 1> ({result}_{grid})",
        ] * (grid.bits == 16) or [f"{result} = Identity ({source})"]
    saturated = f"{result}_saturated" if grid.bits < 4 else result
    lines = [f"{result}_codes = QuantizeLinear ({source}, {name}_scale, {name}_zero_point)"]
    if unit:
        lines += [
            f"{result}_integers = Cast <to = 1> ({result}_codes)",
            f"{saturated} = Sub ({result}_integers, {name}_offset)",
        ]
    else:
        lines += [
            f"{saturated} = DequantizeLinear ({result}_codes, {name}_scale, {name}_zero_point)"
        ]
    # Behind the quantizer: onnxruntime fuses a Clip in front of it, and fails on INT4 (1.32).
    ends = f"{name}_min, {name}_max"
    return lines + [f"{result} = Clip ({saturated}, {ends})"] * (grid.bits < 4)


def _outputs(variant: Variant) -> str:
    lines = ["axis1 = Constant <value_ints = [1]> ()"]
    names = {"h": "Y", **({"c": "C", "z": "Z"} if variant.observe else {})}
    if variant.kind != "LSTM":
        names.pop("c", None)
    real = variant.exact and variant.hidden is not None
    for state, result in names.items():
        lines += _stacked(variant, f"{state}_all", result, "axis1", 1, real and state == "h")
    lines += _stacked(variant, "h_last", "Y_h", "axis0", 0, real)
    if variant.kind == "LSTM":
        lines += _stacked(variant, "c_last", "Y_c", "axis0", 0, False)
    return "\n".join(lines)


def _stacked(
    variant: Variant, source: str, result: str, axis: str, at: int, codes: bool
) -> list[str]:
    """Join the directions along a new axis; codes become real values by one multiplication."""
    parts = [f"{source}_row_{d}" for d in range(len(variant.directions))]
    lines = [f"{part} = Unsqueeze ({source}_{d}, {axis})" for d, part in enumerate(parts)]
    joined = f"{result}_codes" if codes else result
    lines += [f"{joined} = Concat <axis = {at}> ({', '.join(parts)})"]
    return lines + [f"{result} = Mul ({joined}, h_scale)"] * codes
