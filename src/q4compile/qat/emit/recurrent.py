"""LSTM, GRU and RNN: one layer each, whose states enter and leave the component."""

from q4compile.qat.emit.names import literal
from q4compile.qat.emit.operator import Operator
from q4compile.qat.emit.site import Known, Site, Unsupported

CLASSES = {"GRU": "Gru", "LSTM": "Lstm", "RNN": "Rnn"}
KINDS = {"GRU": "h", "LSTM": "hc", "RNN": "h"}
"""The states of each: hidden, and the LSTM's cell."""

FIRST_STATE = 5
"""initial_h is input 5 and initial_c input 6."""


def _recurrent(site: Site) -> str:
    for index, name in ((1, "W"), (2, "R"), (3, "B")):
        if site.has(index) and not isinstance(site.value(index), Known):
            raise Unsupported(f"a constant {name}", f"'{site.node.inputs[index].value}', computed")
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


def _options(site: Site) -> list[str]:
    hidden = site["hidden_size"] or (site.shape(2) or ("",))[-1]
    options = [f"hidden_size={hidden}"]
    direction = _text(site["direction"])
    if direction != "forward":
        options.append(f"direction={literal(direction)}")
    if site.node.op == "GRU" and site["linear_before_reset"]:
        options.append("linear_before_reset=True")
    activations = [_text(name) for name in site["activations"] or ()]
    if site.node.op == "RNN" and activations and activations[0].lower() != "tanh":
        options.append(f"activation={literal(activations[0].lower())}")
    return options


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


DEFAULTS = {
    "hidden_size": None,
    "direction": "forward",
    "linear_before_reset": 0,
    "activations": None,
    "layout": 0,
}
RECURRENT = tuple(Operator(name, _recurrent, DEFAULTS) for name in sorted(CLASSES))
