"""Peers that cannot share our environment get one of their own, made on first use and kept."""

import subprocess
import sys
from pathlib import Path

ENVIRONMENTS = Path(__file__).parents[2] / "build" / "benchmarks"
PACKAGES = {
    "aimet": ("torch==2.13.0", "aimet-onnx==2.42.0"),
    "brevitas": ("torch==2.13.0", "brevitas==0.13.4"),
    "modelopt": (
        "torch==2.13.0",
        "nvidia-modelopt==0.47.0",
        "huggingface_hub==2.4.0",
        "requests==2.34.2",
    ),
    "scalesim": ("numpy==1.26.4", "scalesim==3.0.0"),
}
"""The last two of ModelOpt are what it imports without asking for it."""


class NoEnvironment(Exception):
    """Why a peer cannot be measured here."""


def python_of(peer: str) -> Path:
    """The interpreter of an environment that holds `peer`, a key of `PACKAGES`.

    Raises:
        NoEnvironment: it could not be made, as without a network.
    """
    packages = PACKAGES[peer]
    folder = ENVIRONMENTS / "-".join(package.replace("==", "-") for package in packages)
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
            *packages,
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
