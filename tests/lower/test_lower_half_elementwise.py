"""Constants and limits in f16: each step is the half nearest to the exact result."""

import numpy as np
import pytest
from agreement import RAPID1, compiled
from networks_to_lower import Draft

from q4compile.isa.engine import Precision
from q4compile.sim.simulator import Simulator

COLUMNS = 7
VECTOR = np.linspace(-2, 3, COLUMNS).astype(np.float32)


def half(x):
    return np.asarray(x, np.float64).astype(np.float16).astype(np.float64)


def with_vector(op, first=False):
    def made(draft, x):
        v = draft.constant("v", VECTOR)
        return draft.add(op, [v, x] if first else [x, v], "z")

    return made


V = half(VECTOR)
CASES = {
    "Add": (with_vector("Add"), lambda x: half(x + V)),
    "Sub": (with_vector("Sub"), lambda x: half(x - V)),
    "Sub, first": (with_vector("Sub", True), lambda x: half(V - x)),
    "Mul": (with_vector("Mul", True), lambda x: half(x * V)),
    "Max": (with_vector("Max"), lambda x: np.maximum(x, V)),
    "Min": (with_vector("Min", True), lambda x: np.minimum(x, V)),
    "Div": (
        lambda d, x: d.add("Div", [x, d.constant("c", np.array(3, np.float32))], "z"),
        lambda x: half(x * half(1 / 3)),
    ),
    "Neg": (lambda d, x: d.add("Neg", [x], "z"), np.negative),
    "Abs": (lambda d, x: d.add("Abs", [x], "z"), np.abs),
    "Clip": (
        lambda d, x: d.add("Clip", [x], "z", min=-1.0, max=0.3),
        lambda x: np.clip(x, -1, half(np.float32(0.3))),
    ),
    "LeakyRelu": (
        lambda d, x: d.add("LeakyRelu", [x], "z", alpha=0.1),
        lambda x: np.maximum(x, half(x * half(np.float32(0.1)))),
    ),
    "Pow": (
        lambda d, x: d.add("Pow", [x, d.constant("c", np.array(3, np.float32))], "z"),
        lambda x: half(half(x * x) * x),
    ),
    "HardSigmoid": (
        lambda d, x: d.add("HardSigmoid", [x], "z", alpha=0.25, beta=0.5),
        lambda x: np.clip(half(half(x / 4) + 0.5), 0, 1),
    ),
    "HardSwish": (
        lambda d, x: d.add("HardSwish", [x], "z"),
        lambda x: half(x * np.clip(half(half(x * half(1 / 6)) + 0.5), 0, 1)),
    ),
    "PRelu": (
        lambda d, x: d.add("PRelu", [x, d.constant("s", np.array([0.25], np.float32))], "z"),
        lambda x: np.maximum(x, half(x / 4)),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_nearest_half(case):
    made, real = CASES[case]
    draft = Draft()
    made(draft, draft.enter("x", "B", COLUMNS))
    program = compiled([("model", draft.made(("z", (None, None))))], precision=Precision.FP16)
    x = np.random.default_rng(0).normal(0, 3, (5, COLUMNS)).astype(np.float32)
    simulator = Simulator(program, sram_bytes=RAPID1.sram.size_bytes)
    found = simulator.run("model", {"x": x}, seed=1, check_races=True)
    np.testing.assert_array_equal(found.codes["z"].astype(np.float64), real(half(x)))
