"""The file of a program, ``.q4p``: header, META, CODE, DATA, each with its CRC-32.

    parse_program(program_bytes(p)) == p        program_bytes(parse_program(b)) == b

Reading is strict, and allocates nothing for which the file and the target have no room.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

from q4compile.errors import TargetError, raise_all
from q4compile.files import replacing
from q4compile.isa.encoding import decode, encode
from q4compile.isa.header import CODE, DATA, HEADER_BYTES, META, Header, header_of, read_header
from q4compile.isa.meta import Meta, meta_bytes, meta_of, read_canonical_meta
from q4compile.isa.program import Program
from q4compile.isa.program_checks import require_sound
from q4compile.isa.program_file import opened
from q4compile.isa.program_findings import damaged, too_large, wrong_checksum
from q4compile.isa.target import Target
from q4compile.isa.target_fit import size_findings, target_for

MAX_META_BYTES = 2**24


def program_bytes(program: Program, target: Target | None = None) -> bytes:
    """The file of `program`; `target` is what it was made for, the shipped one if it is None.

    Raises:
        ValueError: the program breaks a rule that `parse_program` holds it to.
    """
    return b"".join(_parts(program, target))


def write_program(program: Program, path: Path, target: Target | None = None) -> None:
    """Write the file of `program`, whole or not at all.

    Raises:
        OutputError: the path cannot be written.
        ValueError: as `program_bytes`.
    """
    parts = _parts(program, target)
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.writelines(parts)


def parse_program(data: bytes, at: str = "program", target: Target | None = None) -> Program:
    """The program whose file is `data`; `at` names it in errors.

    Raises:
        TargetError: Q310 to Q317, Q320.
    """
    return _read(_Source(io.BytesIO(data), len(data), at), target)


def read_program(path: Path, target: Target | None = None) -> Program:
    """The program in a file; `target` is what it must be for, the shipped one if it is None.

    Raises:
        TargetError: Q310 to Q317, Q320.
    """
    with opened(path) as (file, size_bytes):
        return _read(_Source(file, size_bytes, f"{path}"), target)


def _parts(program: Program, target: Target | None) -> Sequence[bytes]:
    """Header and sections, with the zeros between them."""
    try:
        fitting = target_for(program.target, program.target_hash, target, "program")
        require_sound(program, fitting, "program")
    except TargetError as problem:
        raise ValueError(f"{problem}") from problem
    bodies = (meta_bytes(meta_of(program)), encode(program.code), program.data)
    header = header_of(program.target_hash, bodies)
    parts, end = [header.pack()], HEADER_BYTES
    for section, body in zip(header.sections, bodies, strict=True):
        parts += [bytes(section.offset - end), body]
        end = section.stop
    return parts


class _Source:
    """A file of known size, read piece by piece."""

    def __init__(self, file: BinaryIO, size_bytes: int, at: str) -> None:
        self.file, self.size_bytes, self.at = file, size_bytes, at

    def take(self, start: int, stop: int) -> bytes:
        """The bytes [start, stop)."""
        self.file.seek(start)
        data = self.file.read(stop - start)
        if len(data) != stop - start:
            need = f"{self.size_bytes} bytes to the end of reading"
            raise TargetError(damaged(self.at, need, f"{start + len(data)}"))
        return data

    def section(self, header: Header, name: str, end: int) -> bytes:
        """The checked bytes of a section, and the zeros before it, from `end` on."""
        section = header.section(name)
        where = f"{self.at}, section {name}"
        if any(self.take(end, section.offset)):
            raise TargetError(damaged(where, "zeros before the section", "other bytes"))
        data = self.take(section.offset, section.stop)
        if crc32(data) != section.crc:
            raise TargetError(wrong_checksum(where, section.crc, crc32(data)))
        return data


def _read(source: _Source, target: Target | None) -> Program:
    at = source.at
    header = read_header(
        source.take(0, min(source.size_bytes, HEADER_BYTES)), source.size_bytes, at
    )
    meta = _meta(source, header)
    fitting = target_for(meta.target, header.target_hash, target, at)
    code, data = header.section(CODE), header.section(DATA)
    raise_all(TargetError, list(size_findings(code.length, data.length, fitting, at)))
    words = source.section(header, CODE, header.section(META).stop)
    image = source.section(header, DATA, code.stop)
    program = Program(
        name=meta.name,
        target=meta.target,
        target_hash=header.target_hash,
        precision=meta.precision,
        code=decode(words, f"{at}, CODE"),
        data=image,
        entries=meta.entries,
        nodes=meta.nodes,
        symbols=meta.symbols,
        cores=meta.cores,
    )
    require_sound(program, fitting, at)
    return program


def _meta(source: _Source, header: Header) -> Meta:
    length = header.section(META).length
    if length > MAX_META_BYTES:
        need = f"at most {MAX_META_BYTES} bytes"
        raise TargetError(too_large(f"{source.at}, META", need, f"{length}"))
    return read_canonical_meta(source.section(header, META, HEADER_BYTES), f"{source.at}, META")
