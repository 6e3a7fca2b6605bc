"""LSTM, GRU and RNN: one layer each, whose states enter and leave the component."""

from q4compile.qat.emit.names import literal
from q4compile.qat.emit.operator import Operator
from q4compile.qat.emit.site import Known, Site, Unsupported

CLASSES = {"GRU": "Gru", "LSTM": "Lstm", "RNN": "Rnn"}
KINDS = {"GRU": "h", "LSTM": "hc", "RNN": "h"}
"""The states of each: hidden, and the LSTM's cell."""

ALLOWED = {
    "GRU": (("Sigmoid", "Tanh"),),
    "LSTM": (("Sigmoid", "Tanh", "Tanh"),),
    "RNN": (("Tanh",), ("Relu",)),
}
"""Activations that the layers have."""

PEEPHOLES = 7


def _recurrent(site: Site) -> str:
    _require_usual_form(site)
    parts = [site.part(1), site.part(2)]
    fields = ["{0}", "{1}"]
    if site.has(3):
        fields.append("{2}")
        parts.append(site.part(3))
    fields += _options(site)
    for name, grid in (("h", site.node.hidden), ("c", site.node.cell), ("gate", site.node.gate)):
        if grid is not None:
            fields.append(f"{name}={{{len(parts)}}}")
            parts.append(site.scope.grid(grid))
    layer = site.layer(f"{CLASSES[site.node.op]}({', '.join(fields)})", parts)
    given = [site.tensor(0), site.optional(4)]
    given += [site.scope.state(site.node, kind) for kind in KINDS[site.node.op]]
    while given[-1] == "None":
        given.pop()
    return f"{layer}({', '.join(given)})"


def _require_usual_form(site: Site) -> None:
    for index, name in ((1, "W"), (2, "R"), (3, "B")):
        if site.has(index) and not isinstance(site.value(index), Known):
            raise Unsupported(f"a constant {name}", f"'{site.node.inputs[index].value}', computed")
    if site.has(PEEPHOLES):
        raise Unsupported("no peephole weights", f"P = '{site.node.inputs[PEEPHOLES].value}'")
    for name in ("layout", "clip", "input_forget"):
        if site[name]:
            raise Unsupported(f"{name} = 0", f"{name} = {site[name]}")
    activations = _activations(site)
    if activations and set(activations) not in ({each} for each in ALLOWED[site.node.op]):
        need = " or ".join(" ".join(each) for each in ALLOWED[site.node.op])
        raise Unsupported(f"activations {need}", " ".join(sum(activations, ())))


def _activations(site: Site) -> list[tuple[str, ...]]:
    """Names of the activations of each direction, [] where the node leaves them out."""
    names = tuple(_text(name).capitalize() for name in site["activations"] or ())
    count = len(ALLOWED[site.node.op][0])
    return [names[k : k + count] for k in range(0, len(names), count)]


def _options(site: Site) -> list[str]:
    hidden = site["hidden_size"] or (site.shape(2) or ("",))[-1]
    options = [f"hidden_size={hidden}"]
    direction = _text(site["direction"])
    if direction != "forward":
        options.append(f"direction={literal(direction)}")
    if site.node.op == "GRU" and site["linear_before_reset"]:
        options.append("linear_before_reset=True")
    if site.node.op == "RNN" and _activations(site)[:1] == [("Relu",)]:
        options.append('activation="relu"')
    return options


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


DEFAULTS = {
    "hidden_size": None,
    "direction": "forward",
    "linear_before_reset": 0,
    "activations": None,
    "layout": 0,
    "clip": 0.0,
    "input_forget": 0,
}
RECURRENT = tuple(Operator(name, _recurrent, DEFAULTS) for name in sorted(CLASSES))
