"""Networks, tiles and memories by chance, on the machine and in the oracle."""

from dataclasses import replace

import numpy as np
import pytest
from agreement import Machine, target_of
from networks_to_lower import Draft

FEATURES = 10
FAR = 2**63 - 1
WIDE = range(24, 32)
"""Networks whose LSTMs have cells of 32 bits."""
ALONE = (
    *("Abs", "Erf", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu"),
    *("Neg", "Relu", "Sigmoid", "Sqrt", "Tanh"),
)


class Stack:
    """Layers by chance over x [T, B, K], with lengths or without."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.draft = Draft(seed)
        self.grid = self.draft.grid("x.grid", self.choice("int8", "uint8", "int4"), 0.1, 0)
        self.x = self.draft.enter("x", "T", "B", FEATURES)
        self.lengths = self.draft.enter("n", "B", dtype="int64") if self.chance(0.6) else None
        self.width, self.count, self.folds = FEATURES, 0, 0
        self.draft.constant("shape", np.array([0, 0, -1]))

    def choice(self, *options):
        return options[self.random.integers(len(options))]

    def chance(self, share):
        return self.random.random() < share

    def name(self, what):
        self.count += 1
        return f"{what}{self.count}"

    def read(self):
        """x on a grid, as the next layer reads it."""
        if self.grid is None:
            form = self.choice("int4", "int8", "uint4", "int3")
            scale = 0.02 if form == "int8" else 0.2
            self.grid = self.draft.grid(self.name("grid"), form, scale, 7 if form == "uint4" else 0)
        return self.x, self.grid

    def lstm(self):
        direction = self.choice("forward", "reverse", "bidirectional")
        units, name = int(self.choice(16, 32, 40, 64, 70)), self.name("l")
        x, grid = self.read()
        given = {"form": self.choice("int4", "int8", "int2"), "lengths": self.lengths}
        form = self.choice("int4", "int8", "int3")
        given["hidden"] = self.draft.grid(f"{name}.h", form, 0.01 if form == "int8" else 0.15)
        y = self.draft.lstm(x, grid, name, self.width, units, direction=direction, **given)
        t = self.draft.add("Transpose", [y], f"{name}.t", perm=(0, 2, 1, 3))
        self.x = self.draft.add("Reshape", [t, "shape"], f"{name}.r", shape=("T", "B", None))
        self.width, self.grid = units * (2 if direction == "bidirectional" else 1), f"{name}.h"

    def fold(self):
        if self.folds:
            return
        draft, x, factor = self.draft, self.x, int(self.choice(2, 3))
        parts = []
        for k in range(factor):
            pads = draft.constant(f"pads{k}", np.array([0, 0, 0, k, 0, 0]))
            padded = draft.add("Pad", [x, pads], f"{x}.pad{k}") if k else x
            bounds = [
                draft.constant(f"{what}{k}", np.array([value]))
                for what, value in (("from", k), ("to", FAR), ("axis", 0), ("by", factor))
            ]
            parts.append(draft.add("Slice", [padded, *bounds], f"{x}.part{k}"))
        self.x = draft.add("Concat", parts, f"{x}.folded", axis=2)
        if self.lengths:
            more = draft.constant("more", np.array(factor - 1))
            by = draft.constant("by", np.array(factor))
            total = draft.add("Add", [self.lengths, more], "sum")
            self.lengths = draft.add("Div", [total, by], "fewer")
        self.width, self.folds = self.width * factor, 1

    def linear(self):
        x, grid = self.read()
        size, name = int(self.choice(8, 20, 33, 96)), self.name("y")
        form, bias = self.choice("int4", "int8"), self.chance(0.7)
        self.x = self.draft.linear(x, grid, name, self.width, size, form=form, bias=bias)
        self.width, self.grid = size, None

    def elementwise(self):
        if self.grid is not None:
            self.linear()
        op = self.choice(*ALONE, "Mul", "Add", "Sub", "Max", "Min")
        operands = [self.x] * (1 if op in ALONE else 2)
        self.x = self.draft.add(op, operands, self.name("e"))

    def made(self):
        for _ in range(self.random.integers(1, 5)):
            self.choice(self.lstm, self.lstm, self.linear, self.elementwise, self.fold)()
        self.linear()
        return {"model": self.draft.made(self.x)}


def options(random):
    return {
        "batch": int(random.integers(3, 9)),
        "chunk_rows": int(random.choice([1, 3, 8, 32, 128])),
        "tile_columns": int(random.choice([8, 32, 512])),
        "group_units": int(random.choice([16, 32, 2**15])),
        "keep_weights": bool(random.integers(2)),
    }


@pytest.mark.parametrize("seed", [*range(24), *WIDE])
def test_random_networks(seed):
    random = np.random.default_rng([seed, 1])
    kib = int(random.choice([128, 512, 2048]))
    stack = Stack(seed)
    target, cores = replace(target_of(kib), cores=4), (1, 1, 2, 4)[seed % 4]
    given = options(random) | ({"cell_bits": 32} if seed in WIDE else {})
    machine = Machine(stack.made(), target, cores=cores, **given)
    for frames, batch in ((1, 1), (int(random.integers(2, 10)), int(random.integers(1, 4)))):
        feeds = {"x": random.normal(0, 1, (frames, batch, FEATURES)).astype(np.float32)}
        if any(port.name == "n" for port in machine.parts["model"].inputs):
            feeds["n"] = random.integers(1, frames + 1, batch)
        machine.agree(feeds, seeds=(None, seed))
