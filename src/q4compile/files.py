"""Write a file whole or not at all.

Every artifact goes to a temporary name in the same folder and is renamed over the old one, so that
a run that is interrupted, or a disk that fills up, leaves the previous file as it was.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from q4compile.errors import Finding, OutputError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it over `path` on success, delete it on failure.

    Files the body leaves beside the temporary one (ONNX external data) are moved along under their
    own names, before the main file, so that a reader never sees the main file without them.

    Raises:
        OutputError: Q551 when the folder cannot be written, Q552 when the disk is full.
    """
    folder: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        yield folder / path.name
        for companion in sorted(folder.iterdir()):
            if companion.name != path.name:
                companion.replace(path.parent / companion.name)
        (folder / path.name).replace(path)
    except OSError as error:
        raise OutputError(_finding(path, error)) from error
    finally:
        if folder is not None:
            _remove(folder)


def write_text(path: Path, text: str) -> None:
    """Replace `path` by `text` (UTF-8), whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _remove(folder: Path) -> None:
    for leftover in folder.iterdir():
        leftover.unlink()
    folder.rmdir()


def _finding(path: Path, error: OSError) -> Finding:
    reason = os.strerror(error.errno) if error.errno else str(error)
    if error.errno == errno.ENOSPC:
        return Finding(
            "Q552",
            "no space left for the output",
            f"{path}",
            "enough free space for the whole file; the old file is untouched",
            reason,
            "free some space, or name another folder with -o",
        )
    return Finding(
        "Q551",
        "the output cannot be written",
        f"{path}",
        "a path in a folder this user may write to",
        reason,
        "name another path with -o",
    )
