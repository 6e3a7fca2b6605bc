"""Whether a program says of itself what holds: names that exist, registers that are free, sizes."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, islice, pairwise

import numpy as np

from q4compile.errors import Finding, TargetError, raise_all
from q4compile.isa.element_type import UNIT_BYTES, ElementType
from q4compile.isa.engine import Precision
from q4compile.isa.operand import MAX_UNITS, REGISTERS
from q4compile.isa.program import Dimension, Entry, Expression, Made, Port, Program, Symbol
from q4compile.isa.program_findings import not_there
from q4compile.isa.structure import loop_depths, structure_findings
from q4compile.isa.target import Target
from q4compile.isa.target_fit import core_findings, size_findings
from q4compile.isa.word import WORD_BYTES

PRECISIONS = tuple(each.name.lower() for each in Precision if each is not Precision.NONE)
TYPES = {each.name.lower(): each for each in ElementType}
MAX_CODE = {each: (1 << (each.bits - 1)) - 1 for each in ElementType}
MAX_SCALAR = 2**31 - 1
MAX_CORES = 64
MAX_FINDINGS = 20


def require_sound(program: Program, target: Target, at: str) -> None:
    """Raise TargetError with the first `MAX_FINDINGS` of Q314, Q316 and Q317, if there are any."""
    sizes = size_findings(WORD_BYTES * len(program.code), len(program.data), target, at)
    cores = core_findings(program.cores, target, at)
    found = islice(chain(sizes, cores, program_findings(program, at)), MAX_FINDINGS)
    raise_all(TargetError, list(found))


def program_findings(program: Program, at: str) -> Iterator[Finding]:
    """Q316 and Q317, all that apply; `at` names the file."""
    yield from _head(program, f"{at}, META")
    yield from structure_findings(program.code, program.cores, f"{at}, CODE")
    for index, word in enumerate(program.code):
        if word.node >= len(program.nodes):
            need = f"a node below {len(program.nodes)}, as META lists them"
            yield not_there(f"{at}, CODE, word {index}", need, f"{word.node}")
    starts = _starts(program)
    for entry in program.entries:
        where = f"{at}, META, entry {entry.name!r}"
        if entry.start not in starts:
            yield not_there(where, "start: a word of the code outside of loops", f"{entry.start}")
        yield from _entry(entry, where)
        for made in entry.made:
            yield from _made(made, program, entry, f"{where}, made {made.layout.name!r}")
    for symbol in program.symbols:
        yield from _symbol(symbol, program, f"{at}, META, symbol {symbol.name!r}")


def _head(program: Program, at: str) -> Iterator[Finding]:
    if program.precision not in PRECISIONS:
        yield not_there(at, f"precision: one of {', '.join(PRECISIONS)}", f"{program.precision!r}")
    if program.cores not in range(1, MAX_CORES + 1):
        yield not_there(at, f"cores: 1 to {MAX_CORES}", f"{program.cores}")
    if not program.nodes or program.nodes[0]:
        got = f"{program.nodes[0]!r}" if program.nodes else "none"
        yield not_there(at, '"" as the first of the nodes', got)
    yield from _once("entries", (each.name for each in program.entries), at)
    yield from _once("symbols", (each.name for each in program.symbols), at)


def _starts(program: Program) -> set[int]:
    return {index for index, depth in enumerate(loop_depths(program.code)) if depth == 0}


def _once(what: str, names: Iterable[str], at: str) -> Iterator[Finding]:
    for name, count in Counter(names).items():
        if count > 1 or not name:
            got = f"{count} of the name {name!r}"
            yield not_there(at, f"{what} with a name of their own each", got)


def _entry(entry: Entry, at: str) -> Iterator[Finding]:
    sizes = [each.name for each in entry.dimensions] + [each.name for each in entry.derived]
    yield from _once("sizes", sizes, at)
    yield from _once("ports", (f"{each.direction} {each.name}" for each in entry.ports), at)
    yield from _once("scratch", (each.name for each in entry.scratch), at)
    yield from _registers(entry, at)
    yield from _blocks(entry, at)
    for dimension in entry.dimensions:
        yield from _dimension(dimension, at)
    names = {each.name for each in entry.dimensions}
    for derived in entry.derived:
        yield from _expression(derived.value, names, f"{at}, size {derived.name!r}")
        names.add(derived.name)
    for register, expression in entry.registers:
        yield from _expression(expression, names, f"{at}, register {register}")
    for port in entry.ports:
        yield from _port(port, names, f"{at}, port {port.name!r}")
    for scratch in entry.scratch:
        yield from _expression(scratch.bytes, names, f"{at}, scratch {scratch.name!r}")


def _made(made: Made, program: Program, entry: Entry, at: str) -> Iterator[Finding]:
    """Its word and node exist, and it lies in DRAM that the entry has."""
    sizes = {each.name for each in entry.dimensions} | {each.name for each in entry.derived}
    yield from _port(made.layout, sizes, at)
    yield from _expression(made.start, sizes, at)
    if made.after not in range(len(program.code)) or made.visit < 0:
        need = f"after: a word below {len(program.code)}; visit: 0 or more"
        yield not_there(at, need, f"{made.after} and {made.visit}")
    if made.node not in range(len(program.nodes)):
        yield not_there(at, f"a node below {len(program.nodes)}", f"{made.node}")
    held = {each.register for each in entry.ports} | {each.register for each in entry.scratch}
    if made.layout.register not in held:
        yield not_there(at, "the register of a port or of scratch", f"{made.layout.register}")


def _registers(entry: Entry, at: str) -> Iterator[Finding]:
    """Every S register is written by one thing; ports of one register lie one after another."""
    used = [register for register, _ in entry.registers]
    used += [each.register for each in entry.dimensions]
    used += [each.register for each in entry.derived]
    used += {each.register for each in entry.ports}
    used += [each.register for each in entry.scratch]
    used += [] if entry.core_register is None else [entry.core_register]
    for register, count in sorted(Counter(used).items()):
        if not 0 <= register < REGISTERS:
            yield not_there(at, "registers S0 to S15", f"{register}")
        elif count > 1:
            yield not_there(at, f"one thing in S{register}", f"{count} things")


def _blocks(entry: Entry, at: str) -> Iterator[Finding]:
    """Ports that share a register do not overlap; only the last of them may have rows that vary."""
    sound = (port for port in entry.ports if port.rows.divide > 0)
    ports = sorted(sound, key=lambda port: (port.register, port.offset))
    for port, following in pairwise(ports):
        if port.register == following.register:
            end = port.end_units
            if end is None or end > following.offset:
                need = f"port {port.name!r} to end before {following.name!r}, at {following.offset}"
                got = "rows that vary" if end is None else f"its end at {end}"
                yield not_there(at, need, got)


def _dimension(dimension: Dimension, at: str) -> Iterator[Finding]:
    if not 0 <= dimension.minimum <= dimension.maximum <= MAX_SCALAR:
        need = f"dimension {dimension.name!r}: 0 <= minimum <= maximum < 2^31"
        yield not_there(at, need, f"{dimension.minimum} and {dimension.maximum}")


def _expression(expression: Expression, names: set[str], at: str) -> Iterator[Finding]:
    for name in expression.product:
        if name not in names:
            yield not_there(
                at, f"names of sizes, out of {', '.join(sorted(names)) or 'none'}", repr(name)
            )
    if expression.times < 0 or expression.divide < 1:
        need, got = "times >= 0 and divide >= 1", f"{expression.times} and {expression.divide}"
        yield not_there(at, need, got)


def _port(port: Port, names: set[str], at: str) -> Iterator[Finding]:
    yield from _expression(port.rows, names, at)
    if port.type not in TYPES:
        yield not_there(at, f"type: one of {', '.join(TYPES)}", f"{port.type!r}")
    elif not port.type.startswith("f"):
        yield from _codes(port, at)
    with np.errstate(over="ignore"):
        exact = float(np.float32(port.scale)) == port.scale
    if not (exact and math.isfinite(port.scale) and port.scale > 0):
        yield not_there(at, "scale: a float32 above 0", f"{port.scale!r}")
    if not 0 <= port.offset <= MAX_UNITS:
        yield not_there(at, f"offset: 0 to {MAX_UNITS} units", f"{port.offset}")
    for axis in port.axes:
        if axis not in names if isinstance(axis, str) else axis < 1:
            yield not_there(at, "axes: names of sizes, or lengths from 1 on", f"{axis!r}")
    if sorted(port.onnx_axes) != list(range(len(port.axes))):
        need = f"onnx_axes: a permutation of {len(port.axes)} axes"
        yield not_there(at, need, f"{list(port.onnx_axes)}")


def _codes(port: Port, at: str) -> Iterator[Finding]:
    kind = TYPES[port.type]
    hi = MAX_CODE[kind]
    if not -hi - 1 <= port.lo <= port.hi <= hi:
        yield not_there(at, f"{-hi - 1} <= lo <= hi <= {hi}", f"{port.lo} and {port.hi}")
    if abs(port.zero_point) > MAX_SCALAR:
        yield not_there(at, "zero_point: an int32", f"{port.zero_point}")
    inner = port.axes[-1] if port.axes else 1
    least = kind.row_bytes(inner) if isinstance(inner, int) and inner > 0 else 1
    if port.pitch_bytes < least:
        yield not_there(at, f"pitch_bytes: at least {least}", f"{port.pitch_bytes}")


def _symbol(symbol: Symbol, program: Program, at: str) -> Iterator[Finding]:
    if symbol.node not in range(len(program.nodes)):
        yield not_there(at, f"a node below {len(program.nodes)}", f"{symbol.node}")
    start = symbol.address * UNIT_BYTES
    stop = start + symbol.bytes
    if not 0 <= start <= stop <= len(program.data):
        need = f"bytes within the {len(program.data)} of DATA"
        yield not_there(at, need, f"[{start}, {stop})")
