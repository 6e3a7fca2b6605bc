"""LSTM, GRU and RNN nodes, in ONNX's own form and in our quantized one, described alike."""

from collections.abc import Iterator
from dataclasses import dataclass

import onnx_ir as ir

from q4compile.errors import Finding

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
"""Gates per operator: rows of W are [gate · hidden], in the order iofc (LSTM) and zrh (GRU)."""

DEFAULT_ACTIVATIONS = {
    "LSTM": ("Sigmoid", "Tanh", "Tanh"),
    "GRU": ("Sigmoid", "Tanh"),
    "RNN": ("Tanh",),
}
ALLOWED_ACTIVATIONS = {kind: {names} for kind, names in DEFAULT_ACTIVATIONS.items()}
ALLOWED_ACTIVATIONS["RNN"].add(("Relu",))  # torch.nn.RNN(nonlinearity="relu")

OWN_DOMAIN = "q4compile"
"""Domain of our quantized operators; their first ports are those of the standard operators."""


@dataclass(frozen=True)
class Recurrent:
    """One recurrent node: D directions, G gates, H hidden units, K inputs, T steps, B sequences.

    Ports are value names, None where the node leaves the port empty:
    X [T, B, K], W [D, G·H, K], R [D, G·H, H], B [D, 2·G·H], sequence_lens [B],
    initial_h and initial_c [D, B, H], peepholes [D, 3·H]; Y [T, D, B, H], Y_h and Y_c [D, B, H].
    """

    node: str
    kind: str
    domain: str
    hidden_size: int
    directions: int
    reverse: bool
    layout: int
    activations: tuple[str, ...]
    clip: float
    linear_before_reset: bool
    input_forget: bool
    X: str
    W: str
    R: str
    B: str | None
    sequence_lens: str | None
    initial_h: str | None
    initial_c: str | None
    peepholes: str | None
    Y: str | None
    Y_h: str | None
    Y_c: str | None

    @property
    def gates(self) -> int:
        """G: 4 (LSTM), 3 (GRU) or 1 (RNN)."""
        return GATES[self.kind]


def is_recurrent(node: ir.Node) -> bool:
    """Whether `node` is an LSTM, GRU or RNN, standard or of our own domain."""
    return node.op_type in GATES and node.domain in ("", OWN_DOMAIN)


def describe(node: ir.Node) -> Recurrent:
    """The `Recurrent` of a node for which `is_recurrent` holds."""
    direction = _string(node, "direction", "forward")
    directions = 2 if direction == "bidirectional" else 1
    return Recurrent(
        node=node.name or "",
        kind=node.op_type,
        domain=node.domain,
        hidden_size=_hidden_size(node),
        directions=directions,
        reverse=direction == "reverse",
        layout=_integer(node, "layout"),
        activations=_activations(node, directions),
        clip=_clip(node),
        linear_before_reset=bool(_integer(node, "linear_before_reset")),
        input_forget=bool(_integer(node, "input_forget")),
        X=_input(node, 0) or "",
        W=_input(node, 1) or "",
        R=_input(node, 2) or "",
        B=_input(node, 3),
        sequence_lens=_input(node, 4),
        initial_h=_input(node, 5),
        initial_c=_input(node, 6) if node.op_type == "LSTM" else None,
        peepholes=_input(node, 7) if node.op_type == "LSTM" and not node.domain else None,
        Y=_output(node, 0),
        Y_h=_output(node, 1),
        Y_c=_output(node, 2),
    )


def recurrent_nodes(model: ir.Model) -> Iterator[ir.Node]:
    """The recurrent nodes of the main graph, in its order."""
    return (node for node in model.graph if is_recurrent(node))


def refusals(model: ir.Model) -> list[Finding]:
    """Q107 for every feature of every recurrent node that no quantized form of ours computes."""
    return [finding for node in recurrent_nodes(model) for finding in unsupported(node)]


def unsupported(node: ir.Node) -> Iterator[Finding]:
    """Q107 for peepholes, clip, coupled gates, layout 1 and unusual activations of `node`."""
    described = describe(node)
    usual = described.activations == DEFAULT_ACTIVATIONS[described.kind] * described.directions
    base = described.activations[: len(described.activations) // described.directions]
    same = base * described.directions == described.activations
    if described.peepholes:
        yield _refusal(node, "no peephole weights", f"P = '{described.peepholes}'")
    if described.clip:
        yield _refusal(node, "no clip of the pre-activations", f"clip = {described.clip:g}")
    if described.input_forget:
        yield _refusal(node, "separate input and forget gates", "input_forget = 1")
    if described.layout:
        yield _refusal(node, "layout = 0 (time first)", f"layout = {described.layout}")
    if not usual and not (same and base in ALLOWED_ACTIVATIONS[described.kind]):
        need = " or ".join(" ".join(names) for names in sorted(ALLOWED_ACTIVATIONS[described.kind]))
        yield _refusal(node, f"activations {need}", " ".join(described.activations))


def size_findings(model: ir.Model) -> Iterator[Finding]:
    """Q107 for each tensor whose size is not the one its recurrent node needs.

    This is how a torch LSTM with ``proj_size`` arrives: ONNX has no projections, the TorchScript
    exporter refuses them, and the dynamo exporter drops them and slices W and R to fit.
    """
    for node in model.graph.all_nodes():
        if is_recurrent(node):
            for index, (name, sizes) in enumerate(_sizes(describe(node)).items(), start=1):
                value = node.inputs[index] if index < len(node.inputs) else None
                if value is not None and not _fits(value.shape, sizes):
                    yield _disagreement(node, f"{name} '{value.name}'", sizes, value.shape)


def _sizes(about: Recurrent) -> dict[str, tuple[int | None, ...]]:
    """Port → its axes, in the order of the ports from W; None for any length."""
    d, h, rows = about.directions, about.hidden_size, about.gates * about.hidden_size
    state = (d, None, h) if about.layout == 0 else (None, d, h)
    sizes: dict[str, tuple[int | None, ...]] = {"W": (d, rows, None), "R": (d, rows, h)}
    sizes |= {"B": (d, 2 * rows), "sequence_lens": (None,), "initial_h": state}
    return sizes | ({"initial_c": state} if about.kind == "LSTM" else {})


def _fits(shape: ir.Shape | None, sizes: tuple[int | None, ...]) -> bool:
    if shape is None:
        return True
    return len(shape) == len(sizes) and all(
        need is None or not isinstance(got, int) or got == need
        for got, need in zip(shape, sizes, strict=True)
    )


def _disagreement(
    node: ir.Node, at: str, sizes: tuple[int | None, ...], shape: ir.Shape | None
) -> Finding:
    return Finding(
        "Q107",
        "a recurrent layer whose tensors disagree in size",
        f"node '{node.name}' ({node.op_type}), {at}",
        f"[{', '.join('any' if size is None else f'{size}' for size in sizes)}]",
        f"{shape}",
        "ONNX has no LSTM projections (proj_size): train the layer without one",
    )


def _refusal(node: ir.Node, need: str, got: str) -> Finding:
    return Finding(
        "Q107",
        "unsupported kind of recurrence",
        f"node '{node.name}' ({node.op_type})",
        need,
        got,
        "train and export the layer in torch's own form",
    )


def _activations(node: ir.Node, directions: int) -> tuple[str, ...]:
    attribute = node.attributes.get("activations")
    if attribute is None or attribute.is_ref() or not attribute.as_strings():
        return DEFAULT_ACTIVATIONS[node.op_type] * directions
    return tuple(name.capitalize() for name in attribute.as_strings())


def _hidden_size(node: ir.Node) -> int:
    declared = _integer(node, "hidden_size")
    shape = node.inputs[2].shape if node.inputs[2] is not None else None
    last = shape[-1] if shape is not None else 0
    return declared or (last if isinstance(last, int) else 0)


def _clip(node: ir.Node) -> float:
    attribute = node.attributes.get("clip")
    return 0.0 if attribute is None else attribute.as_float()


def _integer(node: ir.Node, name: str) -> int:
    attribute = node.attributes.get(name)
    return 0 if attribute is None else attribute.as_int()


def _string(node: ir.Node, name: str, default: str) -> str:
    attribute = node.attributes.get(name)
    return default if attribute is None else attribute.as_string()


def _input(node: ir.Node, index: int) -> str | None:
    value = node.inputs[index] if index < len(node.inputs) else None
    return value.name if value is not None else None


def _output(node: ir.Node, index: int) -> str | None:
    return (node.outputs[index].name or None) if index < len(node.outputs) else None
