"""One run of one quantizer in a process of its own: its time and its memory."""

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}


class Failed(Exception):
    """What a quantizer said before it ended with an error."""


@dataclass(frozen=True)
class Run:
    """The whole process, interpreter start and imports included, unless said otherwise."""

    wall_seconds: float
    work_seconds: float
    """Wall time without imports: from reading the model to having written the result."""
    cpu_seconds: float
    peak_bytes: int
    """Largest resident set."""


def measure(python: Path, script: Path, model: Path, feeds: Path) -> Run:
    """Run ``script MODEL FEEDS OUT`` once.

    Raises:
        Failed: the process ended with an error.
    """
    with tempfile.TemporaryDirectory() as out, tempfile.TemporaryFile("w+") as said:
        command = [str(part) for part in (python, script, model, feeds, out)]
        environment = os.environ | ONE_THREAD
        started = os.times().elapsed
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, env=environment)
        assert child.stdout is not None, "stdout is a pipe"
        printed = child.stdout.read().decode()
        _, status, usage = os.wait4(child.pid, 0)
        elapsed = os.times().elapsed - started
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            said.seek(0)
            raise Failed(f"{script.name} failed:\n{said.read()[-2000:]}")
    times = json.loads(printed.splitlines()[-1])
    cpu_seconds = usage.ru_utime + usage.ru_stime
    return Run(elapsed, times["work_seconds"], cpu_seconds, usage.ru_maxrss * 1024)
