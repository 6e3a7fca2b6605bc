"""A program that is right in every respect, to be broken in one: double buffers, and an LSTM.

Entry `rows`: ``y[t, b] = RQ(bias + W0 · x[t, b] + W1 · x[t, b])``, x, sums and y in rings of two.
Entry `steps`: an LSTM over the frames of one sequence, inputs gathered from a table.
"""

from dataclasses import replace

import numpy as np

from q4compile.isa.element_type import ElementType
from q4compile.isa.engine import Engine, Precision
from q4compile.isa.instructions import (
    Bar,
    Fill,
    Gath,
    Halt,
    Ldd,
    Loop,
    Lstm,
    Mm,
    Nop,
    Rq,
    SetA,
    SetS,
    Std,
    Stride,
)
from q4compile.isa.lstm_block import LstmBlock, block_bytes
from q4compile.isa.multiplier import pack_multiplier
from q4compile.isa.operand import Address, Scalar
from q4compile.isa.program import Dimension, Entry, Expression, Port, Program, Scratch, Symbol
from q4compile.isa.target import load_target

TARGET = replace(load_target("edge"), cores=2)
DEPTH, COLUMNS, UNITS, TOKENS = 33, 40, 10, 46

# Where things lie in SRAM [units].
X, SUMS, Y, W0, W1, BIAS, SCALES = 0x000, 0x100, 0x300, 0x400, 0x500, 0x600, 0x700
BLOCK, SIGMOID, TANH, IDS, GX, R, H, CELL, GATES = (0x800 + 0x200 * n for n in range(9))
X_SLOT, SUMS_SLOT, Y_SLOT = 3 * 8, 10 * 8, 2 * 8
FULL_X, FREE_X, FULL_SUMS, FREE_SUMS, FULL_Y, FREE_Y, PARAMETERS = (1 << n for n in range(7))


def codes(rows, row_bytes, pitch, seed):
    """Rows of bytes that are not 0, padded with zeros."""
    found = np.zeros((rows, pitch), np.uint8)
    found[:, :row_bytes] = np.random.default_rng(seed).integers(1, 256, (rows, row_bytes))
    return found.tobytes()


MULTIPLIER = pack_multiplier(2**23, 20)
LSTM = LstmBlock(
    multiplier=MULTIPLIER,
    zero_point=0,
    lo=-8,
    hi=7,
    fc=11,
    sigmoid=SIGMOID,
    tanh=TANH,
    lengths=0,
    cell=CELL,
    cell_pitch_bytes=32,
    h_pitch_bytes=16,
    gx_pitch_bytes=80,
    step_factor=0,
    multipliers=(MULTIPLIER,) * 4 * UNITS,
)
BIASES = np.arange(1, COLUMNS + 1, dtype="<i4")
PARTS = {
    "w0": codes(COLUMNS, 17, 32, 1),
    "w1": codes(COLUMNS, 17, 32, 2),
    "bias": BIASES.tobytes(),
    "scales": np.full(COLUMNS, MULTIPLIER, "<u4").tobytes(),
    "block": LSTM.pack(),
    "sigmoid": codes(1, 2050, 2064, 3),
    "tanh": codes(1, 2050, 2064, 4),
    "table": codes(TOKENS, 80, 80, 5),
    "r": codes(4 * UNITS, 5, 16, 6),
}
NODES = ("", "/rows", "/steps")


def placed():
    """Name of a part → its address in DRAM, with zeros between parts."""
    units, found = 0, {}
    for name, part in PARTS.items():
        found[name] = units
        units += -(-len(part) // 64) * 4 + 4
    return found


AT = placed()


def image():
    data = bytearray(16 * AT["r"] + len(PARTS["r"]))
    for name, part in PARTS.items():
        data[16 * AT[name] : 16 * AT[name] + len(part)] = part
    return bytes(data)


def load(to, name, rows, row_bytes, pitch, **given):
    return Ldd(Address(to), Address(AT[name]), rows, row_bytes, pitch, pitch, node=1, **given)


B = Scalar(1)
ROWS = (
    SetA(1, X),
    SetA(2, 0, 1, 2),
    SetA(3, SUMS),
    SetA(4, Y),
    SetA(5, 0, 1, 3),
    load(W0, "w0", COLUMNS, 17, 32),
    load(W1, "w1", COLUMNS, 17, 32),
    load(BIAS, "bias", 1, 4 * COLUMNS, 0),
    load(SCALES, "scales", 1, 4 * COLUMNS, 0, post=PARAMETERS),
    Nop(Engine.MX, wait=PARAMETERS, post=FREE_X),
    Nop(Engine.MX, post=FREE_X),
    Nop(Engine.VX, post=FREE_SUMS),
    Nop(Engine.VX, post=FREE_SUMS),
    Nop(Engine.ST, post=FREE_Y),
    Nop(Engine.ST, post=FREE_Y),
    Stride(1, 0, X_SLOT, modulo=2 * X_SLOT),
    Stride(2, 0, 0, 3, 1),
    Stride(3, 0, SUMS_SLOT, modulo=2 * SUMS_SLOT),
    Stride(4, 0, Y_SLOT, modulo=2 * Y_SLOT),
    Stride(5, 0, 0, 2, 1),
    Loop(0, Scalar(0), 5),
    Ldd(Address(0, 1), Address(0, 2), B, DEPTH, 48, 48, wait=FREE_X, post=FULL_X, node=1),
    Mm(
        *(Address(0, 3), Address(0, 1), Address(W0), Address(BIAS), B, COLUMNS, DEPTH),
        Precision.W4A8,
        wait=FULL_X | FREE_SUMS,
        node=1,
    ),
    Mm(
        *(Address(0, 3), Address(0, 1), Address(W1), None, B, COLUMNS, DEPTH, Precision.W4A8),
        accumulate=True,
        post=FREE_X | FULL_SUMS,
        node=1,
    ),
    Rq(
        *(Address(0, 4), Address(0, 3), Address(SCALES), B, COLUMNS, 0, -8, 7, ElementType.I4),
        wide=True,
        wait=FULL_SUMS | FREE_Y,
        post=FREE_SUMS | FULL_Y,
        node=1,
    ),
    Std(Address(0, 5), Address(0, 4), B, 20, 32, 32, wait=FULL_Y, post=FREE_Y, node=1),
    Nop(Engine.LD, wait=FREE_X),
    Nop(Engine.LD, wait=FREE_X),
    Nop(Engine.MX, wait=FREE_SUMS),
    Nop(Engine.MX, wait=FREE_SUMS),
    Nop(Engine.VX, wait=FREE_Y),
    Nop(Engine.VX, wait=FREE_Y),
    Halt(),
)
STEPS = (
    load(BLOCK, "block", 1, block_bytes(UNITS), 0),
    load(SIGMOID, "sigmoid", 1, 2050, 2064),
    load(TANH, "tanh", 1, 2050, 2064),
    load(R, "r", 4 * UNITS, 5, 16),
    Fill(Address(H), 1, 16, 0, 0, node=2),
    Fill(Address(CELL), 1, 32, 0, 0, node=2),
    Bar(0b11110),
    SetA(2, 0, 1, 3),
    SetS(8, 1),
    SetA(1, 0, 1, 2),
    Stride(1, 1, 1),
    Stride(2, 1, 1),
    Loop(1, Scalar(0), 6),
    Ldd(Address(IDS), Address(0, 1), Scalar(8), 4, 0, 0, node=2),
    Gath(Address(GX), Address(AT["table"]), Address(IDS), 1, 80, 80, TOKENS, post=1, node=2),
    Mm(
        *(Address(GATES), Address(H), Address(R), None, 1, 4 * UNITS, UNITS, Precision.INT4),
        wait=1,
        post=2,
        node=2,
    ),
    Lstm(
        *(Address(H), Address(GATES), Address(GX), Address(BLOCK), 1, UNITS, 0, ElementType.I4),
        wait=2,
        post=4,
        node=2,
    ),
    Std(Address(0, 2), Address(H), 1, 5, 16, 16, wait=4, node=2),
    Bar(0b11110),
    Halt(),
)


def port(name, direction, register, kind, axes, pitch_bytes, rows):
    hi = {"i4": 7, "i8": 127, "i32": 2**31 - 1}[kind]
    return Port(
        *(name, direction, register, kind, 0.125, 0, -hi - 1, hi, axes, tuple(range(len(axes)))),
        *(pitch_bytes, rows),
    )


TIMES_B = Expression(("T", "B"))
T = Expression(("T",))
SOUND = Program(
    name="sound",
    target=TARGET.name,
    target_hash=TARGET.hash,
    precision="w4a8",
    code=ROWS + STEPS,
    data=image(),
    entries=(
        Entry(
            "rows",
            0,
            (Dimension("T", 0, 0, 1000), Dimension("B", 1, 1, 8)),
            (),
            (
                port("x", "in", 2, "i8", ("T", "B", DEPTH), 48, TIMES_B),
                port("y", "out", 3, "i4", ("T", "B", COLUMNS), 32, TIMES_B),
            ),
            (),
        ),
        Entry(
            "steps",
            len(ROWS),
            (Dimension("T", 0, 1, 1000),),
            (),
            (port("ids", "in", 2, "i32", ("T", 1), 16, T),),
            (Scratch("h", 3, Expression(("T",), 16)),),
        ),
    ),
    nodes=NODES,
    symbols=tuple(Symbol(name, AT[name], len(part), 1) for name, part in PARTS.items()),
)


NAMED = {
    "load w1": 6,
    "load scales": 8,
    "x ring": 15,
    "sums ring": 17,
    "loop": 20,
    "load x": 21,
    "product": 22,
    "second product": 23,
    "requantize": 24,
    "store y": 25,
    "last": 26,
    "first bar": 39,
    "gather": 47,
    "step": 49,
    "bar": 51,
    "end": 52,
}
"""Words by what they do → their indices; `last` is the first word behind the loop."""


def changed(name, **values):
    """`SOUND` where the word of that name has other values."""
    return edited({NAMED[name]: replace(SOUND.code[NAMED[name]], **values)})


def edited(words, inserted=None):
    """`SOUND` with other words at some indices, and with words inserted before others."""
    inserted, code, starts = inserted or {}, [], {}
    for index, word in enumerate(SOUND.code):
        starts[index] = len(code)
        code += [*inserted.get(index, ()), words.get(index, word)]
    entries = tuple(replace(each, start=starts[each.start]) for each in SOUND.entries)
    return replace(SOUND, code=tuple(code), entries=entries)


def with_part(name, part, program=SOUND):
    """`program` with another part of the same size in DATA."""
    assert len(part) == len(PARTS[name])
    start = 16 * AT[name]
    data = program.data[:start] + part + program.data[start + len(part) :]
    return replace(program, data=data)


def with_entry(number, program=SOUND, **values):
    """`program` where an entry has other values."""
    entries = list(program.entries)
    entries[number] = replace(entries[number], **values)
    return replace(program, entries=tuple(entries))
