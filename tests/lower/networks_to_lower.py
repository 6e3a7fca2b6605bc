"""Quantized networks in a few lines: random codes on random scales, written as `Network` itself."""

from dataclasses import dataclass, field

import numpy as np

from q4compile.quantize.network import ActivationGrid, Network, Node, Operand, Port, WeightGrid

CODES = {"int2": (-1, 1), "int3": (-3, 3), "int4": (-7, 7), "int8": (-127, 127)}
DIRECTIONS = {"forward": 1, "reverse": 1, "bidirectional": 2}


@dataclass
class Draft:
    """A network in the making: methods add to it, `made` is the result."""

    seed: int = 0
    nodes: list = field(default_factory=list)
    constants: dict = field(default_factory=dict)
    weights: dict = field(default_factory=dict)
    grids: dict = field(default_factory=dict)
    inputs: list = field(default_factory=list)
    shapes: dict = field(default_factory=dict)

    def __post_init__(self):
        self.random = np.random.default_rng(self.seed)

    def enter(self, name, *shape, dtype="float32"):
        port = Port(name, dtype, shape)
        self.inputs.append(port)
        self.shapes[name] = port
        return name

    def grid(self, name, form="int4", scale=0.125, zero_point=0):
        grid = ActivationGrid(form, np.float32(scale), zero_point, zero_point == 0)
        self.grids[name] = grid
        return name

    def weight(self, name, *shape, form="int4", axes=(0,), scale=0.05):
        """Codes with a scale per index of `axes`, all of which come first in a row's number."""
        lo, hi = CODES[form]
        codes = self.random.integers(lo, hi + 1, shape)
        lengths = [shape[axis] for axis in axes]
        scales = (scale * self.random.uniform(0.5, 1.5, int(np.prod(lengths)))).astype(np.float32)
        spread = np.ones([1] * len(shape), np.float32)
        order = [lengths[axes.index(k)] if k in axes else 1 for k in range(len(shape))]
        spread = scales.reshape(order)
        self.constants[name] = codes.astype(np.float32) * spread
        elements = int(np.prod(shape) // np.prod(lengths))
        self.weights[name] = WeightGrid(form, scales, tuple(axes), elements)
        return name

    def table(self, name, rows, columns, form="int4", scale=0.1):
        lo, hi = CODES[form]
        codes = self.random.integers(lo, hi + 1, (rows, columns))
        scales = np.array([scale], np.float32)
        self.constants[name] = codes.astype(np.float32) * scales
        self.weights[name] = WeightGrid(form, scales, (0,), rows * columns)
        return name

    def constant(self, name, numbers):
        self.constants[name] = np.asarray(numbers)
        return name

    def vector(self, name, size, scale=0.3):
        return self.constant(name, self.random.normal(0, scale, size).astype(np.float32))

    def add(self, op, inputs, *outputs, **given):
        """A node; an input is a name, a (name, grid) pair, or None."""
        inside = {key: given.pop(key) for key in ("hidden", "cell_range") if key in given}
        if "shape" in given:
            self.shapes[outputs[0]] = Port(outputs[0], "float32", given.pop("shape"))
        operands = [
            Operand(*each) if isinstance(each, tuple) else Operand(each or "") for each in inputs
        ]
        while operands and not operands[-1].value:
            operands.pop()
        name = given.pop("name", f"/{outputs[0] or op}")
        self.nodes.append(Node(name, op, "", "model", tuple(operands), outputs, given, **inside))
        return outputs[0]

    def linear(self, x, grid, name, inputs, outputs, form="int4", bias=True):
        """MatMul, and Add of a bias."""
        self.weight(f"{name}.W", inputs, outputs, form=form, axes=(1,))
        product = f"{name}.product" if bias else name
        self.add("MatMul", [(x, grid), f"{name}.W"], product)
        if bias:
            self.add("Add", [product, self.vector(f"{name}.b", outputs)], name)
        return name

    def lstm(self, x, grid, name, inputs, units, **given):
        """Y (or what `outputs` names) of an LSTM with both biases."""
        direction = given.get("direction", "forward")
        count, form = DIRECTIONS[direction], given.get("form", "int4")
        self.weight(f"{name}.W", count, 4 * units, inputs, form=form, axes=(0, 1))
        recurrent = given.get("recurrent_form", form)
        self.weight(f"{name}.R", count, 4 * units, units, form=recurrent, axes=(0, 1))
        self.vector(f"{name}.B", (count, 8 * units))
        hidden = given.get("hidden") or self.grid(f"{name}.h", given.get("hidden_form", "int4"))
        ports = [(x, grid) if grid else x, f"{name}.W", f"{name}.R", f"{name}.B"]
        ports += [given.get("lengths"), given.get("h"), given.get("c")]
        outputs = given.get("outputs", (name, "", ""))
        cell_range = given.get("cell_range", (-3.0, 4.0))
        attributes = {"hidden_size": units, "direction": direction, "name": f"/{name}"}
        self.add("LSTM", ports, *outputs, hidden=hidden, cell_range=cell_range, **attributes)
        return outputs[0]

    def gated(self, op, x, grid, name, inputs, units, **given):
        """Y (or what `outputs` names) of a GRU or an RNN with both biases."""
        direction = given.get("direction", "forward")
        count, form = DIRECTIONS[direction], given.get("form", "int4")
        rows = {"GRU": 3, "RNN": 1}[op] * units
        self.weight(f"{name}.W", count, rows, inputs, form=form, axes=(0, 1))
        recurrent = given.get("recurrent_form", form)
        self.weight(f"{name}.R", count, rows, units, form=recurrent, axes=(0, 1))
        self.vector(f"{name}.B", (count, 2 * rows))
        hidden = given.get("hidden") or self.grid(f"{name}.h", given.get("hidden_form", "int4"))
        ports = [(x, grid) if grid else x, f"{name}.W", f"{name}.R", f"{name}.B"]
        ports += [given.get("lengths"), given.get("h")]
        attributes = {"hidden_size": units, "direction": direction, "name": f"/{name}"}
        if op == "GRU":
            attributes["linear_before_reset"] = 1
        if given.get("relu"):
            attributes["activations"] = ("Relu",) * count
        outputs = given.get("outputs", (name, ""))
        self.add(op, ports, *outputs, hidden=hidden, **attributes)
        return outputs[0]

    def made(self, *outputs, name="model"):
        """The network with these outputs."""
        values = dict(self.shapes)
        for node in self.nodes:
            for operand in node.inputs:
                unknown = Port(operand.value, "float32", (None, None, None))
                values.setdefault(operand.value, unknown)
        given = [
            (each, (None,) * 3) if isinstance(each, str) else (each[0], each[1]) for each in outputs
        ]
        return Network(
            name,
            21,
            ("model",),
            tuple(self.inputs),
            tuple(Port(each, "float32", shape) for each, shape in given),
            tuple(self.nodes),
            self.constants,
            self.weights,
            self.grids,
            frozenset(),
            values,
            {},
        )
