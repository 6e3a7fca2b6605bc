"""What a component in fp16 gave on the machine, beside the float model under onnxruntime.

    difference = max |ours − theirs| / max |theirs|      of each output

Both round in other places, so that no bit is promised: `TOLERANCE` is what tests hold it to.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from q4compile.errors import DataError, Disagreement, Finding
from q4compile.isa.program import Entry
from q4compile.runtime.executor import Array
from q4compile.runtime.onnxruntime_executor import OnnxRuntimeExecutor

TOLERANCE = 0.01
FLOATS = ("f16", "f32")


@dataclass(frozen=True)
class Near:
    """One output of a component."""

    name: str
    numbers: int
    difference: float
    """The largest, as a share of the largest magnitude in the output."""


def is_float(entry: Entry) -> bool:
    """Whether its outputs are floats, not codes."""
    return any(port.type in FLOATS for port in entry.ports if port.direction == "out")


def compare_floats(
    model: Path, entry: Entry, feeds: Mapping[str, Array], outputs: Mapping[str, Array]
) -> list[Near]:
    """Every output of `entry`, which were `outputs` on the machine for `feeds`.

    Raises:
        DataError: Q578, `model` has no such component.
        ModelError: onnxruntime does not take the model.
    """
    executor = OnnxRuntimeExecutor(model)
    if entry.name not in executor.components:
        need, got = f"a component called {entry.name!r}", ", ".join(executor.components) or "none"
        raise DataError(Finding("Q578", "another model", f"{model}", need, got))
    theirs = executor.run(entry.name, feeds)
    return [_near(name, each, theirs[name]) for name, each in outputs.items()]


def _near(name: str, ours: Array, theirs: Array) -> Near:
    wanted = np.asarray(theirs, np.float64)
    apart = np.abs(np.asarray(ours, np.float64) - wanted).max(initial=0)
    largest = np.abs(wanted).max(initial=0)
    return Near(name, ours.size, float(apart / largest) if largest else float(apart))


def require_near(near: list[Near], tolerance: float, entry: str) -> None:
    """Raise Disagreement Q431 with every output that is further away than `tolerance`."""
    findings = [
        Finding(
            "Q431",
            "the machine is further from the float model than is allowed",
            f"entry '{entry}', output '{each.name}'",
            f"differences up to {tolerance:g} of the largest magnitude",
            f"{each.difference:.3g}",
            "look for values beyond f16, or name another --tolerance",
        )
        for each in near
        if not each.difference <= tolerance
    ]
    if findings:
        raise Disagreement(*findings)
