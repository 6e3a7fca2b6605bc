"""Convolutions in f16 beside sums in float64, and the same bits for every plan."""

from dataclasses import replace

import numpy as np
import pytest
from agreement import RAPID1, compiled
from networks_to_lower import Draft

from q4compile.isa.engine import Precision
from q4compile.sim.simulator import Simulator

NEAR = 0.002
"""Of the largest result: f16 has 11 bits."""


def network(inputs, taps, outputs=5, turned=False, **attributes):
    """``Relu(Conv(x))``, and a second one behind it."""
    draft = Draft()
    x = draft.enter("x", "B", "T", 9) if len(taps) == 2 else draft.enter("x", "B", "T", inputs)
    if len(taps) == 2:
        draft.constant("one", np.array([1]))
        x = draft.add("Unsqueeze", [x, "one"], "image")
    else:
        x = draft.add("Transpose", [x], "turned", perm=(0, 2, 1))
    random = np.random.default_rng(3)
    for name, (into, out) in {"c": (inputs, outputs), "d": (outputs, 8)}.items():
        draft.constant(f"{name}.W", random.normal(0, 0.3, (out, into, *taps)).astype(np.float32))
        draft.vector(f"{name}.b", out)
        y = draft.add("Conv", [x, f"{name}.W", f"{name}.b"], name, **attributes)
        x = draft.add("Relu", [y], f"{name}.relu")
    return draft.made((x, (None,) * (2 + len(taps))))


def convolved(x, w, b, strides, pads):
    """ONNX's Conv in float64."""
    n = len(strides)
    around = tuple(zip(pads[:n], pads[n:], strict=True))
    x = np.pad(x.astype(np.float64), ((0, 0), (0, 0), *around))
    axes = tuple(range(2, 2 + n))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axes)
    windows = windows[:, :, *(slice(None, None, each) for each in strides)]
    kernel = tuple(range(2 + n, 2 + 2 * n))
    found = np.tensordot(windows, w.astype(np.float64), ((1, *kernel), (1, *axes)))
    return np.moveaxis(found, -1, 1) + b.reshape(-1, *(1,) * n)


CASES = [
    (1, (3, 3), (2, 2), (1, 1, 1, 1)),
    (1, (2, 3), (1, 1), (0, 2, 1, 0)),
    (6, (3,), (2,), (1, 1)),
    (8, (1,), (1,), (0, 0)),
]


@pytest.mark.parametrize(("inputs", "taps", "strides", "pads"), CASES)
@pytest.mark.parametrize("cores", [1, 4])
def test_near_to_real_sums_and_the_same_in_every_order(inputs, taps, strides, pads, cores):
    made = network(inputs, taps, strides=strides, pads=pads)
    target = replace(RAPID1, name="four", cores=4)
    options = {"precision": Precision.FP16, "cores": cores, "chunk_rows": 16}
    program = compiled([("model", made)], target, **options)
    simulator = Simulator(program, sram_bytes=target.sram.size_bytes)
    width = 9 if len(taps) == 2 else inputs
    for frames in (4, 7):
        x = np.random.default_rng(frames).normal(0, 1, (2, frames, width)).astype(np.float32)
        shaped = x[:, None] if len(taps) == 2 else x.swapaxes(1, 2)
        wanted = shaped.astype(np.float16)
        for name in "cd":
            w, b = made.constants[f"{name}.W"], made.constants[f"{name}.b"]
            wanted = np.maximum(convolved(wanted, w, b, strides, pads), 0)
        runs = [
            simulator.run("model", {"x": x}, seed=seed, check_races=seed is not None)
            for seed in (None, 0, 1)
        ]
        found = runs[0].outputs["d.relu"]
        assert found.shape == wanted.shape
        assert np.abs(found - wanted).max() <= NEAR * np.abs(wanted).max()
        assert len({run.codes["d.relu"].tobytes() for run in runs}) == 1
