"""Time and memory of `q4compile lower`, in a process of its own."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from time import process_time

from q4compile.lower.files import lower_file

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
PEAK_FROM_NOW_ON = "5"
"""What Linux takes in clear_refs for: the peak so far is forgotten."""


@dataclass(frozen=True)
class Lowering:
    """Of one run, verification and all files included, without imports."""

    cpu_seconds: float
    peak_bytes: int
    """Of memory, more than before."""


def lowering(model: Path, target: str, output: Path) -> Lowering:
    """Write the program of `model`, a file or a folder."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_lowering, model, target, output).result()


def _lowering(model: Path, target: str, output: Path) -> Lowering:
    RESET.write_text(PEAK_FROM_NOW_ON)
    before, started = _peak_bytes(), process_time()
    lower_file(model, target, output)
    return Lowering(process_time() - started, _peak_bytes() - before)


def _peak_bytes() -> int:
    lines = (line.split() for line in STATUS.read_text().splitlines())
    return next(int(words[1]) * 1024 for words in lines if words[0] == "VmHWM:")
