"""Program files that are almost right: for the tests, and for benchmarks/fuzz_programs.py.

A plain mutant has bytes changed and its checksums left: it must be refused. A sealed one has right
checksums around a changed section: it may be a program, and then it must come back as it is.
"""

import json
from zlib import crc32

from container_parts import file_of, sections_of
from small_programs import SMALL, TARGET

from q4compile.errors import TargetError
from q4compile.isa.canonical_json import canonical_json
from q4compile.isa.container import parse_program, program_bytes
from q4compile.isa.header import HEADER_BYTES
from q4compile.isa.program_text import parse_text, render_text

FILE = program_bytes(SMALL)
META, CODE, DATA = sections_of(FILE)
TEXT = render_text(SMALL)
NUMBERS = (-1, 0, 1, 3, 2**31, 2**63, 1.5, True)
VALUES = (*NUMBERS, None, "", "T", "in", "0x1p-3", "i4", [], {}, [0], ["T"])


LETTERS = b'0123456789{}[]",:-e.'


def truncated(source):
    """The first bytes."""
    return FILE[: source.randrange(len(FILE))]


def longer(source):
    """Bytes at the end, or somewhere."""
    start = source.choice([len(FILE), source.randrange(len(FILE))])
    return FILE[:start] + source.randbytes(source.randrange(1, 100)) + FILE[start:]


def flipped(source):
    """One bit."""
    data = bytearray(FILE)
    data[source.randrange(len(data))] ^= 1 << source.randrange(8)
    return bytes(data)


def overwritten(source):
    """Bytes in a row; never the ones that were there."""
    data = bytearray(FILE)
    start = source.randrange(len(data) - 8)
    for index in range(start, start + 8):
        data[index] ^= source.randrange(1, 256)
    return bytes(data)


def sealed_header(source):
    """A header with bytes changed, and the checksum that it then has."""
    data = bytearray(FILE)
    for _ in range(source.randrange(1, 4)):
        data[source.randrange(4, HEADER_BYTES - 4)] ^= 1 << source.randrange(8)
    end = HEADER_BYTES - 4
    data[end:HEADER_BYTES] = crc32(data[:end]).to_bytes(4, "little")
    return bytes(data)


def sealed_meta_bytes(source):
    """META with characters changed."""
    meta = bytearray(META)
    for _ in range(source.randrange(1, 4)):
        start = source.randrange(len(meta))
        meta[start : start + source.randrange(3)] = source.choice(LETTERS).to_bytes()
    return file_of([bytes(meta), CODE, DATA], TARGET.hash)


def sealed_meta_values(source):
    """META with values replaced, as canonical JSON."""
    meta = json.loads(META)
    for _ in range(source.randrange(1, 3)):
        parent, key = source.choice(list(places(meta)))
        parent[key] = source.choice([*VALUES, parent[key]])
        if source.random() < 0.1 and isinstance(parent, list):
            parent *= 2
    return file_of([canonical_json(meta), CODE, DATA], TARGET.hash)


def places(tree):
    """Every container in a JSON value, with each of its keys."""
    keys = list(tree) if isinstance(tree, dict) else range(len(tree))
    for key in keys:
        yield tree, key
        if isinstance(tree[key], dict | list):
            yield from places(tree[key])


def sealed_code(source):
    """CODE with bits changed, or words left out or swapped."""
    code = bytearray(CODE)
    word = 32 * source.randrange(len(code) // 32)
    other = 32 * source.randrange(len(code) // 32)
    change = source.randrange(4)
    if change == 0:
        del code[word : word + 32]
    elif change == 1:
        taken = code[word : word + 32]
        code[word : word + 32] = code[other : other + 32]
        code[other : other + 32] = taken
    else:
        for _ in range(change - 1):
            code[word + source.randrange(32)] ^= 1 << source.randrange(8)
    return file_of([META, bytes(code), DATA], TARGET.hash)


def text(source):
    """The text of a program, with characters or lines changed."""
    lines = TEXT.split("\n")
    number = source.randrange(len(lines))
    change = source.randrange(4)
    if change == 0:
        del lines[number]
    elif change == 1:
        lines.insert(number, source.choice(lines))
    else:
        letters = list(lines[number] or " ")
        letters[source.randrange(len(letters))] = source.choice('0123456789=[]{}".,;:+ \tλ\r-Aax')
        lines[number] = "".join(letters)
    return "\n".join(lines)


PLAIN = (truncated, longer, flipped, overwritten)
SEALED = (sealed_header, sealed_meta_bytes, sealed_meta_values, sealed_code)


def survives(mutate, source):
    """True when the mutant is a program after all, and comes back as it is; False when refused."""
    mutant = mutate(source)
    try:
        if mutate is text:
            program = parse_text(mutant, target=TARGET)
            assert parse_text(render_text(program), target=TARGET) == program
        else:
            assert program_bytes(parse_program(mutant, target=TARGET), TARGET) == mutant
    except TargetError:
        return False
    assert mutate not in PLAIN or mutant == FILE, "a checksum has missed a change"
    return True
