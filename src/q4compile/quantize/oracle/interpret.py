"""``interpret(network, feeds)``: every value of a quantized network in exact integer arithmetic.

What a hardware simulator has to give bit for bit; docs/integer-semantics.md is its specification.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from q4compile.quantize.network import Network, Node
from q4compile.quantize.oracle import evaluate_elementwise as elementwise
from q4compile.quantize.oracle.decisions import Decisions
from q4compile.quantize.oracle.evaluate_conv import convolved
from q4compile.quantize.oracle.evaluate_curves import curved
from q4compile.quantize.oracle.evaluate_gated import gated
from q4compile.quantize.oracle.evaluate_lstm import lstm
from q4compile.quantize.oracle.evaluate_moves import MOVED, padded, reckoned
from q4compile.quantize.oracle.evaluate_products import brought, linear, unpack
from q4compile.quantize.oracle.evaluate_rows import rowwise
from q4compile.quantize.oracle.representations import INTEGER, decide
from q4compile.quantize.oracle.rounding import Int64, sat16
from q4compile.quantize.oracle.tensor import Fixed, Grid, Integers, Tensor, encoded

Codes = dict[str, Int64]


def interpret(
    network: Network, feeds: Mapping[str, ArrayLike], decisions: Decisions | None = None
) -> dict[str, Tensor]:
    """Every input and every result of a node, by name.

    Args:
        feeds: real numbers (or integers) by input, encoded here as a host does.
        decisions: those of `decide`, made here where they are not given.

    Raises:
        ModelError: what `decide` raises.
        ValueError: an input is missing; a Gather goes beyond its table.
    """
    decided = decide(network) if decisions is None else decisions
    missing = [port.name for port in network.inputs if port.name not in feeds]
    if missing:
        raise ValueError(f"no feed for {', '.join(missing)}")
    codes = {
        port.name: encoded(feeds[port.name], decided.values[port.name].representation)
        for port in network.inputs
    }
    for node in network.nodes:
        if node.name not in decided.fused:
            codes |= _evaluated(network, decided, node, codes)
    return {name: Tensor(decided.values[name].representation, each) for name, each in codes.items()}


def _evaluated(network: Network, decided: Decisions, node: Node, codes: Codes) -> Codes:
    given = [_read(network, decided, node, port, codes) for port in range(len(node.inputs))]
    if node.name in decided.linear:
        found = decided.linear[node.name]
        if node.op == "Conv":
            taps = network.constants[node.inputs[1].value].shape[2:]
            return {found.value: convolved(node, found, _present(given[0]), taps)}
        return {found.value: linear(found, _present(given[0]))}
    if node.name in decided.lstm or node.name in decided.gated:
        return _recurrent(decided, node, given)
    return {node.outputs[0]: _single(decided, node, given)}


def _read(
    network: Network, decided: Decisions, node: Node, port: int, codes: Codes
) -> Int64 | None:
    """The codes that `node` finds at `port`; None for what is left out and for real constants."""
    name = node.inputs[port].value
    if (node.name, port) in decided.constants:
        return decided.constants[node.name, port].codes
    if name in network.constants:
        constant = network.constants[name]
        real = constant.dtype.kind == "f"
        found = None if real and constant.any() else constant.astype(np.int64)
    else:
        found = codes.get(name)
    way, unpacked = decided.reads.get((node.name, port)), decided.unpacked.get((node.name, port))
    if way is not None and found is not None:
        found = brought(way, found)
    return found if unpacked is None or found is None else unpack(unpacked, found)


def _recurrent(decided: Decisions, node: Node, given: list[Int64 | None]) -> Codes:
    x, *_ = given
    lengths, h, c = (given[port] if port < len(given) else None for port in (4, 5, 6))
    if node.name in decided.gated:
        found = gated(decided.gated[node.name], _present(x), lengths, h)
        return {name: each for name, each in zip(node.outputs, found, strict=False) if name}
    made = lstm(decided.lstm[node.name], _present(x), lengths, h, c)
    return {name: each for name, each in zip(node.outputs, made, strict=False) if name}


def _single(decided: Decisions, node: Node, given: list[Int64 | None]) -> Int64:
    """The one result of any node but a product or an LSTM."""
    kind = decided.values[node.outputs[0]].representation
    if node.name in decided.tables:
        return MOVED["Gather"](node, [decided.tables[node.name].codes, *given[1:]])
    if node.op in MOVED:
        return MOVED[node.op](node, given)
    if node.op == "Pad":
        return padded(node, given, kind.zero_point if isinstance(kind, Grid) else 0)
    if node.name in decided.rows:
        return rowwise(node, decided.rows[node.name], _present(given[0]))
    if node.op in INTEGER and isinstance(kind, Integers):
        return reckoned(node, given)
    assert isinstance(kind, Fixed), "whatever is left gives fixed-point values"
    return _arithmetic(decided, node, given, kind)


def _arithmetic(decided: Decisions, node: Node, given: list[Int64 | None], result: Fixed) -> Int64:
    x, name = _present(given[0]), node.name
    if node.name in decided.curves:
        return curved(node.op, decided.curves[name], x, result)
    if node.op in ("Abs", "Neg", "Relu"):
        return elementwise.TURNED[node.op](x)
    kind = _format(decided, node, 0)
    if node.op in ("Tanh", "Sigmoid"):
        return (elementwise.tanh if node.op == "Tanh" else elementwise.sigmoid)(x, kind)
    constants = {port: decided.constants.get((name, port)) for port in range(3)}
    if node.op == "Clip":
        return elementwise.clipped(x, constants[1], constants[2])
    if name in decided.leaks:
        return elementwise.leaked(x, kind, constants[1], decided.leaks[name], result)
    y, formats = _present(given[1]), (kind, _format(decided, node, 1))
    if node.op in ("Max", "Min"):
        return elementwise.extreme(node.op, x, y, formats, result)
    if node.op in ("Div", "Mul"):
        return elementwise.multiplied(x, y, formats, result)
    if node.op == "Sub" and constants[0] is not None:
        return elementwise.summed(x, sat16(-y), 1, formats, result)
    return elementwise.summed(x, y, 1 if node.op == "Add" else -1, formats, result)


def _format(decided: Decisions, node: Node, port: int) -> Fixed:
    unpacked = decided.unpacked.get((node.name, port))
    if unpacked is not None:
        return unpacked.result
    if (node.name, port) in decided.constants:
        return decided.constants[node.name, port].kind
    kind = decided.values[node.inputs[port].value].representation
    assert isinstance(kind, Fixed), "nothing else is let through"
    return kind


def _present(codes: Int64 | None) -> Int64:
    assert codes is not None, "a data operand is not optional"
    return codes
