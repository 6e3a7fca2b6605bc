"""Networks of a few nodes, written down as `read_network` would give them."""

import numpy as np

from q4compile.quantize.network import (
    ActivationGrid,
    Network,
    Node,
    Operand,
    Port,
    WeightGrid,
)


def grid(scale, zero_point=0, format="int4"):
    return ActivationGrid(format, np.float32(scale), zero_point, zero_point == 0)


def node(op, inputs, outputs, name=None, attributes=None, **inside):
    """Inputs are names, or ``name@grid``; outputs are names, the first of which names the node."""
    read = [operand.partition("@") for operand in inputs]
    operands = tuple(Operand(value, on or None) for value, _, on in read)
    return Node(
        name or outputs[0], op, "", "model", operands, tuple(outputs), attributes or {}, **inside
    )


def rows(codes, scales, axes, format="int4"):
    """A constant on a grid by rows of its first `axes`, or of its last one: (values, grid)."""
    codes = np.asarray(codes)
    scales = np.asarray(scales, np.float32)
    elements = codes.size // scales.size
    shape = [codes.shape[a] if a in axes else 1 for a in range(codes.ndim)]
    spread = scales.reshape(shape) if scales.size > 1 else scales
    values = codes.astype(np.float32) * spread
    return values, WeightGrid(format, scales, tuple(axes), elements)


def network(nodes, inputs, outputs, constants=None, grids=None):
    """Constants are arrays, or pairs of `rows`; ports are ``name`` or ``name:type``."""
    constants = constants or {}
    plain = {n: c[0] if isinstance(c, tuple) else np.asarray(c) for n, c in constants.items()}
    weights = {n: c[1] for n, c in constants.items() if isinstance(c, tuple)}
    ports = tuple(_port(each) for each in inputs)
    return Network(
        name="model",
        opset=21,
        components=("model",),
        inputs=ports,
        outputs=tuple(_port(each) for each in outputs),
        nodes=tuple(nodes),
        constants=plain,
        weights=weights,
        grids=grids or {},
        halves=frozenset(),
        values={},
        metadata={},
    )


def _port(text):
    name, _, dtype = text.partition(":")
    return Port(name, dtype or "float32", None)


def lstm_network(w, r, b=None, direction="forward", hidden=None, x=None, extra=(), **inside):
    """``y, yh, yc = LSTM(x on its grid, ...)``; w and r are codes [D, 4H, K] with scale 1/16."""
    w, r = np.asarray(w), np.asarray(r)
    scales = np.full(w.shape[0] * w.shape[1], 1 / 16)
    constants = {"W": rows(w, scales, (0, 1)), "R": rows(r, scales, (0, 1))}
    if b is not None:
        constants["B"] = np.asarray(b, np.float32)
    made = node(
        "LSTM",
        ["x@x", "W", "R", "B" if b is not None else "", *extra],
        ["y", "yh", "yc"],
        attributes={"hidden_size": r.shape[2], "direction": direction},
        hidden="h",
        **inside,
    )
    grids = {"x": x or grid(0.25), "h": hidden or grid(0.125)}
    inputs = ["x", *(f"{name}:int64" if name == "lengths" else name for name in extra if name)]
    return network([made], inputs, ["y", "yh", "yc"], constants, grids)


WIDTH, UNITS, STEPS, BATCH = 3, 2, 4, 3
"""Of `some` and `feed`."""


def bias(i=0, o=0, f=0, g=0):
    return np.array([[i, o, f, g, 0, 0, 0, 0]], np.float32)


def some(seed, directions=1, zero_point=0, **more):
    """A random LSTM."""
    rng = np.random.default_rng(seed)
    w = rng.integers(-7, 8, (directions, 4 * UNITS, WIDTH))
    r = rng.integers(-7, 8, (directions, 4 * UNITS, UNITS))
    b = rng.normal(size=(directions, 8 * UNITS)).astype(np.float32)
    return lstm_network(w, r, b, hidden=grid(0.11, zero_point), x=grid(0.6, 1), **more)


def feed(seed, steps=STEPS):
    return np.random.default_rng([seed, 1]).normal(size=(steps, BATCH, WIDTH)) * 2
