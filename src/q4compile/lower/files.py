"""Files in, file out: a quantized model, or a folder of them, as a program."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from q4compile.errors import Finding, OutputError
from q4compile.graph.parts import parts
from q4compile.graph.read import read_models
from q4compile.isa.container import write_program
from q4compile.isa.program import Program
from q4compile.isa.target import load_target
from q4compile.isa.verify import verify
from q4compile.lower.lower import USUAL, Part, lowered
from q4compile.lower.options import Options
from q4compile.quantize.network_read import read_network

SUFFIXES = (".q4.onnx", ".onnx")


@dataclass(frozen=True)
class Written:
    """A program that was written, and the figures of a record."""

    output: Path
    program: Program
    figures: Mapping[str, float]


def lower_file(
    path: Path, target_name: str | Path, output: Path | None = None, options: Options = USUAL
) -> Written:
    """Write the program of a model, or of all models in a folder, once it is verified.

    Args:
        target_name: a target file, or the name of a shipped target.
        output: ``model.q4p`` beside ``model.q4.onnx`` if None.

    Raises:
        ModelError: Q101 to Q114, Q132, Q133.
        TargetError: Q300 to Q306, Q321 to Q329.
        OutputError: Q551, Q552; Q554 if `output` is the model itself.
    """
    started = perf_counter()
    goal = output or _beside(path)
    if os.path.realpath(goal) == os.path.realpath(path):
        need = "a file that is not the model itself"
        at = f"{path} → {goal}"
        fix = "name another path with -o"
        raise OutputError(Finding("Q554", "the output is taken", at, need, "the model", fix))
    target = load_target(target_name)
    done = lowered(read_parts(path), target, options, goal.stem)
    verify(done.program, target)
    write_program(done.program, goal, target)
    figures = {**done.figures, "seconds": perf_counter() - started}
    return Written(goal, done.program, {**figures, "file_bytes": goal.stat().st_size})


def read_parts(path: Path) -> list[Part]:
    """The components of a model or of a folder of models, as `graph.parts` cuts them out.

    Raises:
        ModelError: Q101 to Q114, Q132, Q133.
    """
    found = parts(read_models(path))
    return [(each.name, read_network(each.model, each.name)) for each in found]


def _beside(path: Path) -> Path:
    suffix = next((each for each in SUFFIXES if path.name.endswith(each)), "")
    return path.with_name(f"{path.name.removesuffix(suffix)}.q4p")
