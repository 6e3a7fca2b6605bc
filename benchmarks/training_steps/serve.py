"""The inside of a process that trains one layer stack on request; any Python with torch runs it.

    stdout: "ready"
    stdin:  seconds to train for, a line each
    stdout: the CPU seconds of every step of that turn, a line of JSON each

With --memory instead: one line, the bytes that building the stack and training it took at most.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import torch
from torch import Tensor, nn

FEATURES, HIDDEN, LAYERS, FRAMES = 80, 256, 2, 50
CALIBRATION = 2
"""Batches that a tool may look at before it trains."""

Build = Callable[[int, int, Callable[[nn.Module], None]], nn.Module]
"""Features, hidden units, and a function that runs calibration → a stack, output first or alone."""


def main(build: Build) -> None:
    """``with_TOOL.py BATCH [--memory]``."""
    torch.set_num_threads(1)
    answers, sys.stdout = sys.stdout, sys.stderr  # what a tool prints is no answer
    batch = int(sys.argv[1])
    if "--memory" in sys.argv:
        print(json.dumps(memory(build, batch)), file=answers)
        return
    step = stepper(build, FEATURES, HIDDEN, batch)
    step()
    print(json.dumps("ready"), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(turn(step, float(line))), file=answers, flush=True)


def stepper(build: Build, features: int, hidden: int, batch: int) -> Callable[[], None]:
    """Forward and backward pass of a stack on one batch of noise, gradients set to zero before."""
    torch.manual_seed(0)
    x = torch.randn(FRAMES, batch, features)

    def calibrate(stack: nn.Module) -> None:
        with torch.no_grad():
            for _ in range(CALIBRATION):
                stack(torch.randn_like(x))

    stack = build(features, hidden, calibrate)
    stack.train()

    def step() -> None:
        stack.zero_grad()
        found = stack(x)
        y: Tensor = found[0] if isinstance(found, tuple) else found
        y.square().mean().backward()

    return step


def turn(step: Callable[[], None], seconds: float) -> list[float]:
    """CPU seconds of each step, as many as fit, at least one."""
    times: list[float] = []
    while sum(times) < seconds:
        started = time.process_time()
        step()
        times.append(time.process_time() - started)
    return times


def memory(build: Build, batch: int) -> int:
    """Peak of the resident set while a stack is built and trained, above what it was before.

    A tiny stack is trained first, so that libraries and compiled code are not counted.
    """
    stepper(build, 4, 4, 1)()
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    step = stepper(build, FEATURES, HIDDEN, batch)
    step()
    step()
    return resident("VmHWM") - before


def resident(field: str) -> int:
    """Bytes, from the kernel's account of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise KeyError(field)
