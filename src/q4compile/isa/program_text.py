"""A program as a text that holds all of it: ``parse_text(render_text(p)) == p``.

.q4s 1
.target_hash 64 hexadecimal digits
.meta
the JSON of META
.code
a word or a comment on each line
.data number of bytes
base64, each line by itself
.end
"""

import json
from base64 import b64decode, b64encode
from binascii import Error as NoBase64
from dataclasses import dataclass, field
from pathlib import Path

from q4compile.errors import Finding, TargetError, raise_all
from q4compile.isa.assembly import COMMENT, parse
from q4compile.isa.instruction import Instruction
from q4compile.isa.json_shape import to_json
from q4compile.isa.listing import code_lines, summary_lines, symbol_lines
from q4compile.isa.meta import meta_of, read_meta
from q4compile.isa.program import Program
from q4compile.isa.program_checks import require_sound
from q4compile.isa.program_file import opened
from q4compile.isa.target import Target
from q4compile.isa.target_fit import target_for
from q4compile.isa.text_findings import bad_data, no_text, shown

VERSION = "1"
Q4S, HASH, META, CODE, DATA, END = PARTS = (
    ".q4s",
    ".target_hash",
    ".meta",
    ".code",
    ".data",
    ".end",
)
LINE_BYTES = 72
MAX_FINDINGS = 20


def render_listing(program: Program) -> str:
    """To be read, not assembled: META and DATA are left out."""
    lines = (*summary_lines(program), *code_lines(program), "", *symbol_lines(program))
    return "\n".join(lines) + "\n"


def render_text(program: Program) -> str:
    """All of the program."""
    meta = json.dumps(to_json(meta_of(program)), indent=1, sort_keys=True, ensure_ascii=False)
    data = program.data
    lines = [
        *summary_lines(program),
        f"{Q4S} {VERSION}",
        f"{HASH} {program.target_hash.hex()}",
        META,
        meta,
        CODE,
        *code_lines(program),
        "",
        *symbol_lines(program),
        f"{DATA} {len(data)}",
        *(
            b64encode(data[start : start + LINE_BYTES]).decode()
            for start in range(0, len(data), LINE_BYTES)
        ),
        END,
    ]
    return "\n".join(lines) + "\n"


def read_text(path: Path, target: Target | None = None) -> Program:
    """The program in a file; `target` is what it must be for, the shipped one if it is None.

    Raises:
        TargetError: Q310, Q313 to Q317, Q330 to Q333.
    """
    with opened(path) as (file, _):
        data = file.read()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as problem:
        got = f"byte 0x{data[problem.start]:02x} at offset {problem.start}"
        raise TargetError(no_text(f"{path}", "UTF-8 text", got)) from problem
    return parse_text(text, f"{path}", target)


def parse_text(text: str, at: str = "text", target: Target | None = None) -> Program:
    """The program of a text; `at` names it in errors.

    Raises:
        TargetError: Q313 to Q317, Q330 to Q333.
    """
    parts = _parts(text, at)
    target_hash = _hash(parts[HASH], at)
    # Blank lines keep the line numbers that JSON errors name.
    json_text = "\n" * parts[META].line + "\n".join(parts[META].lines)
    meta = read_meta(json_text.encode("utf-8"), at)
    fitting = target_for(meta.target, target_hash, target, at)
    program = Program(
        name=meta.name,
        target=meta.target,
        target_hash=target_hash,
        precision=meta.precision,
        code=_code(parts[CODE], at),
        data=_data(parts[DATA], at),
        entries=meta.entries,
        nodes=meta.nodes,
        symbols=meta.symbols,
        cores=meta.cores,
    )
    require_sound(program, fitting, at)
    return program


@dataclass
class _Part:
    """A directive, what follows it on its line, and the lines below it."""

    line: int
    argument: str
    lines: list[str] = field(default_factory=list)


def _parts(text: str, at: str) -> dict[str, _Part]:
    """Every part once, in order."""
    found: dict[str, _Part] = {}
    part: _Part | None = None
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("."):
            name, _, argument = line.rstrip().partition(" ")
            expected = PARTS[len(found)] if len(found) < len(PARTS) else "nothing more"
            if name != expected:
                raise TargetError(no_text(f"{at}:{number}", expected, shown(name)))
            part = found[name] = _Part(number, argument)
        elif part is not None:
            part.lines.append(line.rstrip("\r"))
        elif _word(line):
            raise TargetError(no_text(f"{at}:{number}", Q4S, shown(line)))
    if len(found) < len(PARTS):
        raise TargetError(no_text(at, f"{PARTS[len(found)]}", "the end of the file"))
    _require_plain(found, at)
    return found


def _require_plain(parts: dict[str, _Part], at: str) -> None:
    """The version, no arguments where none belong, and nothing between the parts."""
    findings = []
    for name, argument in ((Q4S, VERSION), (META, ""), (CODE, ""), (END, "")):
        if parts[name].argument != argument:
            where, need = f"{at}:{parts[name].line}", f"{name} {argument}".rstrip()
            findings.append(no_text(where, need, shown(parts[name].argument)))
    for name in (Q4S, HASH, END):
        for number, line in enumerate(parts[name].lines, parts[name].line + 1):
            if _word(line):
                findings.append(no_text(f"{at}:{number}", f"nothing below {name}", shown(line)))
    raise_all(TargetError, findings[:MAX_FINDINGS])


def _word(line: str) -> str:
    return line.partition(COMMENT)[0].strip()


def _hash(part: _Part, at: str) -> bytes:
    digits = part.argument
    if len(digits) != 64 or set(digits) - set("0123456789abcdef"):
        need = "the SHA-256 of the target, 64 hexadecimal digits"
        raise TargetError(no_text(f"{at}:{part.line}", need, shown(digits)))
    return bytes.fromhex(digits)


def _code(part: _Part, at: str) -> tuple[Instruction, ...]:
    found: list[Instruction] = []
    findings: list[Finding] = []
    for number, line in enumerate(part.lines, part.line + 1):
        try:
            if _word(line):
                found.append(parse(line, f"{at}:{number}"))
        except TargetError as problem:
            findings += problem.findings
        if len(findings) >= MAX_FINDINGS:
            break
    raise_all(TargetError, findings[:MAX_FINDINGS])
    return tuple(found)


def _data(part: _Part, at: str) -> bytes:
    pieces = []
    for number, line in enumerate(part.lines, part.line + 1):
        try:
            pieces.append(b64decode(line, validate=True))
        except (NoBase64, ValueError) as problem:
            got = shown(line)
            raise TargetError(bad_data(f"{at}:{number}", "a line of base64", got)) from problem
    data = b"".join(pieces)
    if part.argument != str(len(data)):
        need, got = f"{DATA} {len(data)}, the bytes below", shown(part.argument)
        raise TargetError(bad_data(f"{at}:{part.line}", need, got))
    return data
