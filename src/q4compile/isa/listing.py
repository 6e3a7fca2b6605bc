"""A program as a person reads it: what its entries take and give, loops indented, names of nodes.

Every line is a word, or a comment that begins with ``;``.
"""

import json
from collections.abc import Iterator

from q4compile.isa.assembly import COMMENT, render
from q4compile.isa.element_type import UNIT_BYTES
from q4compile.isa.program import Entry, Expression, Port, Program
from q4compile.isa.structure import loop_depths

INDENT = "  "


def summary_lines(program: Program) -> Iterator[str]:
    """What it is, in one line, and its symbols."""
    sizes = f"{len(program.code)} words, {len(program.data)} bytes of data"
    cores = f" on {program.cores} cores" if program.cores > 1 else ""
    yield _comment(f"{program.name}: {program.precision} for {program.target}{cores}, {sizes}")


def code_lines(program: Program) -> Iterator[str]:
    """The words, each entry with its ports before it."""
    entries = {entry.start: entry for entry in program.entries}
    for index, depth in enumerate(loop_depths(program.code)):
        if index in entries:
            yield ""
            yield from map(_comment, _entry_lines(entries[index]))
        word = program.code[index]
        name = f" {program.nodes[word.node]}" if word.node else ""
        yield f"{INDENT * (depth + 1)}{render(word)}  {_comment(f'{index}{name}')}"


def symbol_lines(program: Program) -> Iterator[str]:
    """Where things lie in the image of DRAM."""
    for each in program.symbols:
        name = f" of {program.nodes[each.node]}" if each.node else ""
        start = each.address * UNIT_BYTES
        yield _comment(
            f"[{each.address:#x}] bytes {start} … {start + each.bytes}: {each.name}{name}"
        )


def _comment(text: str) -> str:
    """On one line, whatever the names in it hold."""
    return f"{COMMENT} {json.dumps(text, ensure_ascii=False)[1:-1]}"


def _entry_lines(entry: Entry) -> Iterator[str]:
    yield f"entry {entry.name}"
    for dimension in entry.dimensions:
        limits = f"{dimension.minimum} … {dimension.maximum}"
        yield f"  S{dimension.register} = {dimension.name}, {limits}"
    for derived in entry.derived:
        yield f"  S{derived.register} = {derived.name} = {_formula(derived.value)}"
    if entry.core_register is not None:
        yield f"  S{entry.core_register} = number of the core"
    for register, expression in entry.registers:
        yield f"  S{register} = {_formula(expression)}"
    for port in entry.ports:
        offset = f" + {port.offset:#x}" if port.offset else ""
        yield f"  S{port.register}{offset} → {_port(port)}"
    for scratch in entry.scratch:
        yield f"  S{scratch.register} → scratch {scratch.name}, {_formula(scratch.bytes)} bytes"
    for made in entry.made:
        where = f"S{made.layout.register} + {_formula(made.start)}"
        when = f"{made.after}, visit {made.visit}" if made.visit else f"{made.after}"
        yield f"  before word {when}: {where} → {_port(made.layout).removeprefix('out ')}"


def _port(port: Port) -> str:
    axes = ", ".join(map(str, port.axes))
    real = f"(code − {port.zero_point}) · {port.scale:.9g}"
    shape = f"{port.type}[{axes}], {_formula(port.rows)} rows of {port.pitch_bytes} bytes"
    return f"{port.direction} {port.name}, {shape}, {real}"


def _formula(expression: Expression) -> str:
    """``ceil(T · 80 / 3) + 1``, without what changes nothing."""
    factors = [*expression.product, *([str(expression.times)] if expression.times != 1 else [])]
    text = " · ".join(factors) or "1"
    if expression.divide != 1:
        text = f"ceil({text} / {expression.divide})"
    return f"{text} + {expression.plus}" if expression.plus else text
