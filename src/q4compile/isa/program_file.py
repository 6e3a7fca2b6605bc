"""Files of programs, opened to be read."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from q4compile.errors import TargetError
from q4compile.isa.program_findings import no_program


@contextmanager
def opened(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """The file and its size in bytes.

    Raises:
        TargetError: Q310 when it is no regular file, or cannot be read.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a named pipe would wait for a writer
            raise TargetError(no_program(f"{path}", "a regular file", "something else"))
        with path.open("rb") as file:
            yield file, os.fstat(file.fileno()).st_size
    except OSError as problem:
        got = f"{problem.strerror}"
        raise TargetError(no_program(f"{path}", "a readable file", got)) from problem
