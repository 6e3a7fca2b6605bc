"""A program file and arrays for it, ready to run."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from q4compile.errors import DataError, Finding, near
from q4compile.isa.container import read_program
from q4compile.isa.program import Entry, Program
from q4compile.isa.target import Target, load_target
from q4compile.isa.verify import verify
from q4compile.quantize.feeds import read_npz
from q4compile.sim.simulator import Simulator

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Opened:
    """A verified program on its target, and arrays for one of its entries."""

    simulator: Simulator
    target: Target
    entry: Entry
    feeds: Arrays


def open_program(path: Path, target_name: str | None, feed: Path, entry: str | None) -> Opened:
    """Read and verify a program; without `entry` it is the one that takes the arrays of `feed`.

    Raises:
        TargetError: Q300 to Q320 reading it, Q340 to Q349 verifying it.
        DataError: Q579 no such entry, Q523 arrays that cannot be read.
    """
    program, target = open_verified(path, target_name)
    (arrays,) = read_npz(feed)
    chosen = entry_of(program, entry or _taking(program, arrays), path)
    return Opened(Simulator(program, sram_bytes=target.sram.size_bytes), target, chosen, arrays)


def _taking(program: Program, arrays: Arrays) -> str | None:
    """The only entry with all these inputs."""
    found = [
        each.name
        for each in program.entries
        if arrays.keys() <= {port.name for port in each.ports if port.direction == "in"}
    ]
    return found[0] if len(found) == 1 else None


def open_verified(path: Path, target_name: str | None) -> tuple[Program, Target]:
    """A program that was read and verified, and what it is for.

    Raises:
        TargetError: Q300 to Q320 reading it, Q340 to Q349 verifying it.
    """
    given = None if target_name is None else load_target(target_name)
    program = read_program(path, given)
    target = given or load_target(program.target)
    verify(program, target)
    return program, target


def write_arrays(path: Path, arrays: Arrays) -> None:
    """An ``.npz`` archive of `arrays`, at `path` whatever its suffix."""
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # its stub takes allow_pickle for a name


def entry_of(program: Program, name: str | None, path: Path) -> Entry:
    """The entry of that name; the only one where there is no name.

    Raises:
        DataError: Q579.
    """
    names = [each.name for each in program.entries]
    if name is None and len(names) == 1:
        return program.entries[0]
    if name in names:
        return program.entry(name)
    fix = near(name, names) if name else "name one with --entry"
    got = "no name" if name is None else f"'{name}'"
    need = f"one of {', '.join(names)}"
    raise DataError(Finding("Q579", "no such entry", f"{path}", need, got, fix))
