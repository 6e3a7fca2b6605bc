"""A program for several cores, written by hand: a recurrence that they share, then an exchange.

Core c has columns c of everything, 8 numbers of int16. With h[-1] = 0 and all sums saturating,

    h[t, c] = x[t, c] + h[t − 1, 0]        z[t, c] = h[t, N − 1 − c]

so that each step needs the part of core 0, and z what another core has stored.
"""

import numpy as np
from on_machine import byte_port

from q4compile.isa.engine import Engine
from q4compile.isa.instructions import (
    Add,
    Bar,
    Fill,
    Halt,
    Ldd,
    Loop,
    Meet,
    Nop,
    SetA,
    Share,
    Std,
    Stride,
)
from q4compile.isa.operand import Address, Scalar
from q4compile.isa.program import Dimension, Entry, Expression, Port, Program
from q4compile.isa.target import load_target

TARGET = load_target("rapid4")
T, X, H, Z, CORE = range(5)
"""S registers."""
EVERY = 0b11110
PART, COLUMNS = 16, 8
INPUT, SLOTS, ROWS = 0, 8, 64
"""Places in SRAM [units]."""
LOADED, FREE, OWN, MADE, READ = (1 << n for n in range(5))
NOW, THEN, MINE, FROM, TO = range(1, 6)
"""A registers: h of the step before, of this one, its own part; own columns of x and of h."""


def port(name, direction, register, cores):
    axes = ("T", cores * PART)
    given = (name, direction, register, "i8", 1.0, 0, -128, 127, axes, (0, 1))
    return Port(*given, cores * PART, Expression(("T",)))


def code(cores):
    row = cores * PART
    steps = [
        Ldd(Address(INPUT), Address(0, FROM), 1, *[PART] * 3, wait=FREE, post=LOADED),
        Add(
            *(Address(0, MINE), Address(INPUT), Address(0, NOW), 1, COLUMNS),
            wait=LOADED | MADE,
            post=FREE | OWN,
        ),
        Share(Address(0, THEN), 1, PART, row, wait=OWN, post=MADE),
        Std(Address(0, TO), Address(0, MINE), 1, *[PART] * 3),
    ]
    return (
        SetA(NOW, SLOTS),
        SetA(THEN, SLOTS),
        SetA(MINE, SLOTS, 1, CORE),
        SetA(FROM, 0, 1, X, 1, CORE),
        SetA(TO, 0, 1, H, 1, CORE),
        Fill(Address(SLOTS), 1, row, 0, 0, post=FREE | MADE),
        *(Stride(register, 0, cores, modulo=2 * cores) for register in (NOW, THEN, MINE)),
        *(Stride(register, 0, cores) for register in (FROM, TO)),
        SetA(THEN, SLOTS + cores),
        SetA(MINE, SLOTS + cores, 1, CORE),
        Loop(0, Scalar(T), len(steps)),
        *steps,
        Nop(Engine.LD, wait=FREE),
        Nop(Engine.VX, wait=MADE),
        Meet(EVERY),
        SetA(FROM, cores - 1, 1, H, -1, CORE),
        SetA(TO, 0, 1, Z, 1, CORE),
        Ldd(Address(ROWS), Address(0, FROM), Scalar(T), PART, PART, row, post=READ),
        Std(Address(0, TO), Address(ROWS), Scalar(T), PART, row, PART, wait=READ),
        Bar(EVERY),
        Halt(),
    )


def program(cores, words=None):
    """Of these words, those of `code` if there are none."""
    entry = Entry(
        "main",
        0,
        (Dimension("T", T, 1, 100),),
        (),
        (port("x", "in", X, cores), port("h", "out", H, cores), port("z", "out", Z, cores)),
        (),
        core_register=CORE,
    )
    made = code(cores) if words is None else tuple(words)
    head = ("cores", TARGET.name, TARGET.hash, "int4")
    return Program(*head, made, b"", (entry,), ("",), (), cores)


def inputs(cores, steps):
    """Bytes, as the feeds of the program have them."""
    codes = np.random.default_rng(steps).integers(-128, 128, (steps, cores * PART))
    return {"x": codes.astype(np.float32)}


def expected(cores, feeds):
    """h and z, as int8."""
    x = feeds["x"].astype(np.int8).view(np.int16).reshape(-1, cores, COLUMNS).astype(np.int64)
    h, before = np.zeros_like(x), np.zeros((1, COLUMNS), np.int64)
    for t, each in enumerate(x):
        h[t] = np.clip(each + before, -(2**15), 2**15 - 1)
        before = h[t, :1]
    found = h.astype(np.int16), h[:, ::-1].astype(np.int16)
    return [each.reshape(len(x), -1).view(np.int8).tolist() for each in found]


def of_words(words, cores=2, result_bytes=0):
    """A program of these words alone; S4 is the core, S2 the address of the port y."""
    ports = (byte_port("y", H, result_bytes),) if result_bytes else ()
    entry = Entry("main", 0, (), (), ports, (), core_register=CORE)
    head = ("cores", TARGET.name, TARGET.hash, "int4")
    return Program(*head, (*words, Halt()), b"", (entry,), ("",), (), cores)
