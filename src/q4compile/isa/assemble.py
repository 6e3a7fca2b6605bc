"""File in, file out: a program text assembled to a program."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from q4compile.errors import Finding, OutputError
from q4compile.isa.container import write_program
from q4compile.isa.program_text import read_text
from q4compile.isa.target import Target
from q4compile.isa.word import WORD_BYTES

SUFFIX = ".q4p"


@dataclass(frozen=True)
class Assembled:
    """A program that was written, and the figures of a record."""

    output: Path
    figures: Mapping[str, float]


def assemble_file(
    source: Path, output: Path | None = None, target: Target | None = None
) -> Assembled:
    """Write the program of the text `source`.

    Args:
        output: ``model.q4p`` beside ``model.q4s`` if None.
        target: what the program must be for; the shipped one that it names if None.

    Raises:
        TargetError: Q310, Q313 to Q317, Q330 to Q333.
        OutputError: Q551, Q552; Q554 if `output` is the text itself.
    """
    started = perf_counter()
    goal = output or source.with_suffix(SUFFIX)
    if os.path.realpath(goal) == os.path.realpath(source):
        raise OutputError(_taken(source, goal))
    program = read_text(source, target)
    write_program(program, goal, target)
    figures = {
        "code_words": len(program.code),
        "code_bytes": len(program.code) * WORD_BYTES,
        "data_bytes": len(program.data),
        "file_bytes": goal.stat().st_size,
        "seconds": perf_counter() - started,
    }
    return Assembled(goal, figures)


def _taken(source: Path, goal: Path) -> Finding:
    need = "a name of its own for the program"
    fix = "name another path with -o"
    return Finding("Q554", "the output is taken", f"{source} → {goal}", need, "the text", fix)
