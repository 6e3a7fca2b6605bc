"""SHA-256 of what a command read."""

import hashlib
from pathlib import Path


def sha256_of(path: Path) -> str:
    """SHA-256 in hexadecimal of a file, or of the names and hashes of all files below a folder."""
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256()
    for file_path in sorted(entry for entry in path.rglob("*") if entry.is_file()):
        line = f"{file_path.relative_to(path).as_posix()} {sha256_of(file_path)}\n"
        digest.update(line.encode("utf-8"))
    return digest.hexdigest()
