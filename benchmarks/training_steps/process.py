"""A training process seen from outside: started once, given turns, and measured."""

import json
import os
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

FOLDER = Path(__file__).parent
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}


class Failed(Exception):
    """What a training process said before it ended with an error."""


class Process:
    """``PYTHON with_TOOL.py ARGUMENTS``, ended with the block that it is opened for."""

    def __init__(self, tool: str, python: Path, *arguments: str) -> None:
        self.script = FOLDER / f"with_{tool}.py"
        self.said = tempfile.TemporaryFile("w+")  # noqa: SIM115, closed with the process
        self.child = subprocess.Popen(
            [str(python), str(self.script), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.said,
            text=True,
            env=os.environ | ONE_THREAD,
        )

    def __enter__(self) -> "Process":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.child.kill()
        self.child.communicate()
        self.said.close()

    def answer(self) -> Any:
        """The next line it writes.

        Raises:
            Failed: it ended instead.
        """
        assert self.child.stdout is not None, "stdout is a pipe"
        line = self.child.stdout.readline()
        if not line:
            self.said.seek(0)
            raise Failed(f"{self.script.name} failed:\n{self.said.read()[-2000:]}")
        return json.loads(line)

    def turn(self, seconds: float) -> list[float]:
        """CPU seconds of each step it makes in about `seconds`, at least one."""
        assert self.child.stdin is not None, "stdin is a pipe"
        self.child.stdin.write(f"{seconds}\n")
        self.child.stdin.flush()
        found: list[float] = self.answer()
        return found
