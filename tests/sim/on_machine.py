"""Runs words on an SRAM of given contents and says what it holds afterwards.

The program loads SRAM from its data, executes the words and stores SRAM to a port. It is run on
compiled and on plain kernels, and both must agree, in memory or in what stops them.
"""

import numpy as np

from q4compile.errors import TargetError
from q4compile.isa.instructions import Bar, Halt, Ldd, SetA, Std
from q4compile.isa.operand import Address
from q4compile.isa.program import Entry, Expression, Port, Program
from q4compile.sim.simulator import Simulator, simulate

SRAM_BYTES = 8192
ROW = 1024
PORT = 15
EVERYTHING = 0b11110
"""All engines, for `Bar`."""


def image(seed, size_bytes=SRAM_BYTES):
    """Random bytes."""
    return np.random.default_rng(seed).integers(0, 256, size_bytes, np.uint8)


def program_of(words, data=b"", ports=(), scalars=(), nodes=("",), dimensions=(), scratch=()):
    """A program of one entry, `main`; `scalars` are the first S registers."""
    registers = tuple(
        (index, each if isinstance(each, Expression) else Expression(times=0, plus=int(each)))
        for index, each in enumerate(scalars)
        if each is not None
    )
    entry = Entry("main", 0, tuple(dimensions), registers, tuple(ports), tuple(scratch))
    return Program(
        "test.q4p", "rapid1", bytes(32), "int4", tuple(words), data, (entry,), tuple(nodes), ()
    )


def byte_port(name, register, size_bytes, direction="out"):
    """Bytes as they are."""
    port = (name, direction, register, "i8", 1.0, 0, -128, 127, (size_bytes,), (0,))
    return Port(*port, size_bytes, Expression())


def whole_sram(word, sram_bytes, dram):
    rows = sram_bytes // ROW
    return word(*((Address(0), dram) if word is Ldd else (dram, Address(0))), rows, ROW, ROW, ROW)


def around(words, sram_bytes=SRAM_BYTES):
    """The words between one that loads all of SRAM and one that stores it; needs A15."""
    return [
        whole_sram(Ldd, sram_bytes, Address(0)),
        Bar(EVERYTHING),
        *words,
        Bar(EVERYTHING),
        SetA(15, 0, 1, PORT),
        whole_sram(Std, sram_bytes, Address(0, 15)),
        Halt(),
    ]


def after(words, sram, *, scalars=(), extra=b"", **given):
    """SRAM after the words, as uint8. `extra` lies in DRAM right behind the image of SRAM."""
    program = program_of(
        around(words, len(sram)),
        sram.tobytes() + extra,
        [byte_port("sram", PORT, len(sram))],
        scalars,
    )
    held = []
    for plain in (False, True):
        simulator = Simulator(program, sram_bytes=len(sram), plain=plain)
        held.append(simulator.run("main", {}, **given).codes["sram"].view(np.uint8))
    assert held[0].tolist() == held[1].tolist(), "compiled and plain kernels disagree"
    return held[0]


def stopped(words, sram=None, *, scalars=(), **given):
    """The one finding that stops the words, the same on both kernels."""
    program = program_of(
        words if sram is None else around(words, len(sram)),
        b"" if sram is None else sram.tobytes(),
        [] if sram is None else [byte_port("sram", PORT, len(sram))],
        scalars,
        given.pop("nodes", ("",)),
    )
    found = []
    for plain in (False, True):
        try:
            simulate(program, "main", {}, sram_bytes=SRAM_BYTES, plain=plain, **given)
        except TargetError as problem:
            found.append(problem.findings)
    assert len(found) == 2, "not stopped"
    assert found[0] == found[1]
    (finding,) = found[0]
    return finding
