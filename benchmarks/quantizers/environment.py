"""Peers that cannot share our environment get one of their own, made on first use and kept."""

import subprocess
import sys
from pathlib import Path

ENVIRONMENTS = Path(__file__).parents[2] / "build" / "benchmarks"
AIMET = ("torch==2.13.0", "aimet-onnx==2.42.0")


class NoEnvironment(Exception):
    """Why a peer cannot be measured here."""


def aimet_python() -> Path:
    """The interpreter of an environment that holds AIMET-ONNX.

    Raises:
        NoEnvironment: it could not be made, as without a network.
    """
    folder = ENVIRONMENTS / "-".join(package.replace("==", "-") for package in AIMET)
    python = folder / "bin" / "python"
    ready = folder / "ready"
    if not ready.exists():
        install: list[str | Path] = [
            python,
            "-m",
            "pip",
            "install",
            "-q",
            "--disable-pip-version-check",
            *AIMET,
        ]
        _run([sys.executable, "-m", "venv", "--clear", folder])
        _run(install)
        ready.touch()
    return python


def _run(command: list[str | Path]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        lines = [line for line in error.stderr.splitlines() if line.startswith("ERROR")]
        reason = lines[-1] if lines else f"exit code {error.returncode}"
        raise NoEnvironment(f"{' '.join(map(str, command[1:]))}: {reason}") from error
