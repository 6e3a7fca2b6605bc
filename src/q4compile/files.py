"""Write a file whole or not at all.

Every artifact goes to a temporary name in the same folder and is renamed over the old one, so that
a run that is interrupted, or a disk that fills up, leaves the previous file as it was.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from q4compile.errors import Finding, OutputError

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
}


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it over `path` on success, delete it on failure.

    Files the body leaves beside the temporary one (ONNX external data) are moved along under their
    own names, before the main file, so that a reader never sees the main file without them. A link
    stays, and the file it leads to is replaced.

    Raises:
        OutputError: Q551 when the folder cannot be written, or a name is taken by what is no file
            (a folder, a device, a pipe): nothing is replaced then. Q552 when the disk is full.
    """
    folder: Path | None = None
    target = Path(os.path.realpath(path))
    _require_replaceable(path, target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        yield folder / target.name
        names = sorted(file.name for file in folder.iterdir() if file.name != target.name)
        for name in names:
            _require_replaceable(path.parent / name, target.parent / name)
        for name in [*names, target.name]:
            (folder / name).replace(target.parent / name)
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


def _require_replaceable(path: Path, target: Path) -> None:
    if os.path.lexists(target) and not target.is_file():
        raise OutputError(
            Finding(
                "Q551",
                "the output is no regular file",
                f"{path}",
                "a new name, or a file to replace",
                _kind(target),
                "name another path with -o",
            )
        )


def _kind(path: Path) -> str:
    try:
        return KINDS.get(stat.S_IFMT(path.stat().st_mode), "no file")
    except OSError as error:
        return f"a link that leads to no file: {error.strerror}"


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
