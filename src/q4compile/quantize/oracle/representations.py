"""``decide(network)``: what every value is, and every number that a program has beside its data.

docs/integer-semantics.md carried out for the network as a whole, in the order of its nodes. Nothing
here sees data; nothing that evaluates decides.
"""

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from textwrap import wrap

from q4compile.errors import ModelError, raise_all
from q4compile.quantize.network import Network, Node, Port
from q4compile.quantize.oracle import represent_constants as constants
from q4compile.quantize.oracle import represent_curves as curves
from q4compile.quantize.oracle import represent_elementwise as elementwise
from q4compile.quantize.oracle import represent_moves as moves
from q4compile.quantize.oracle import represent_rows as rows
from q4compile.quantize.oracle.decisions import Decisions, Known
from q4compile.quantize.oracle.draft import Draft
from q4compile.quantize.oracle.readers import MOVES
from q4compile.quantize.oracle.refusal import Refusal, kind_of, place
from q4compile.quantize.oracle.represent_conv import represent_conv
from q4compile.quantize.oracle.represent_gated import represent_gated
from q4compile.quantize.oracle.represent_linear import represent_gemm, represent_matmul
from q4compile.quantize.oracle.represent_lstm import represent_lstm
from q4compile.quantize.oracle.tensor import Fixed, Grid, Integers, Wide

Represent = Callable[[Draft, Node], None]

REAL: dict[str, Represent] = {
    **dict.fromkeys(("Add", "Sub"), elementwise.represent_sum),
    **dict.fromkeys(("Max", "Min"), elementwise.represent_extreme),
    **dict.fromkeys(("Sigmoid", "Tanh"), elementwise.represent_table),
    **dict.fromkeys(("Shape", "Size"), moves.represent_measure),
    **dict.fromkeys(("LogSoftmax", "Softmax"), rows.represent_soft),
    **dict.fromkeys(rows.REDUCED, rows.represent_reduction),
    **dict.fromkeys(MOVES, moves.represent_move),
    **dict.fromkeys(("LeakyRelu", "PRelu"), constants.represent_leak),
    **dict.fromkeys(("Abs", "Neg"), elementwise.represent_turned),
    **dict.fromkeys(curves.GATED, curves.represent_gated),
    **dict.fromkeys(curves.GATES, curves.represent_gate),
    "Clip": constants.represent_clip,
    "Conv": represent_conv,
    "ConstantOfShape": moves.represent_filled,
    "Div": constants.represent_div,
    "Expand": moves.represent_expand,
    "GRU": represent_gated,
    "Gather": moves.represent_gather,
    "Gemm": represent_gemm,
    "LayerNormalization": rows.represent_layer_norm,
    "LSTM": represent_lstm,
    "MatMul": represent_matmul,
    "Mul": elementwise.represent_mul,
    "Pow": curves.represent_power,
    "RNN": represent_gated,
    "Relu": elementwise.represent_relu,
    "Sqrt": curves.represent_root,
}
INTEGER = frozenset({"Add", "Cast", "Div", "Max", "Min", "Mul", "Sub"})
"""Operators that have a meaning of their own between integers."""


def decide(
    network: Network, entering: Mapping[str, Known] | None = None, *, wide_cells: bool = False
) -> Decisions:
    """All decisions on `network`.

    Args:
        entering: what inputs are that another component makes; others follow from their readers.
        wide_cells: LSTMs have c in 32 bits.

    Raises:
        ModelError: Q141 to Q144 for everything that the integer arithmetic has no word for.
    """
    draft = Draft(network, wide_cells)
    for port in network.inputs:
        with draft.collecting(f"input '{port.name}'"):
            draft.values[port.name] = _input(draft, port, entering or {})
    for node in network.nodes:
        if node.name not in draft.fused and draft.is_ready(node):
            with draft.collecting(place(node)):
                _represent(draft, node)
    raise_all(ModelError, draft.findings)
    return Decisions(
        draft.values,
        draft.linear,
        draft.lstm,
        draft.tables,
        draft.reads,
        draft.fused,
        draft.unpacked,
        draft.rows,
        draft.gated,
        draft.constants,
        draft.curves,
        draft.leaks,
    )


def decide_all(networks: Iterable[Network], *, wide_cells: bool = False) -> list[Decisions]:
    """`decide` for the components of one model, in an order in which data flows.

    An input that an earlier component makes is what it is there.
    """
    made: dict[str, Known] = {}
    found = []
    for network in networks:
        inputs = {port.name for port in network.inputs}
        entering = {n: k for n, k in made.items() if n in inputs}
        decisions = decide(network, entering, wide_cells=wide_cells)
        made |= {p.name: k for p in network.outputs if (k := decisions.values.get(p.name))}
        found.append(decisions)
    return found


def _represent(draft: Draft, node: Node) -> None:
    if node.domain or node.op not in REAL.keys() | INTEGER:
        known = ", ".join(sorted(REAL.keys() | INTEGER))
        raise Refusal("Q141", "\n".join(wrap(f"one of {known}", 80)), kind_of(node))
    if node.op in INTEGER and (node.op not in REAL or moves.all_integers(draft, node)):
        moves.represent_integers(draft, node)
    else:
        REAL[node.op](draft, node)


def _input(draft: Draft, port: Port, entering: Mapping[str, Known]) -> Known:
    """Integers as they are; real numbers as the one thing that all their readers ask for."""
    if port.name in entering:
        return entering[port.name]
    if not port.dtype.startswith("float"):
        return Known(Integers(), Fraction(0))
    wanted = draft.wanted(port.name)
    if not isinstance(wanted, (Fixed, Grid, Wide)):
        found = draft.readers.wanted(port.name)
        got = ", ".join(sorted("as it is" if each is None else str(each) for each in found))
        fix = "quantize the input with a recipe rule of one integer format"
        raise Refusal("Q142", "an input that is read on one grid", got or "no reader", fix)
    return Known(wanted, wanted.bound)
