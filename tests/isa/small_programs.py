"""A program that is small and has one of everything, and the block of an LSTM."""

from dataclasses import replace

from q4compile.isa.element_type import ElementType
from q4compile.isa.engine import Engine, Precision
from q4compile.isa.instructions import (
    Add,
    Bar,
    Copy,
    Cvt,
    Dq,
    Fill,
    Gath,
    Gru,
    Halt,
    Ldc,
    Ldd,
    Loop,
    Lstm,
    Lut,
    Max,
    Meet,
    Min,
    Mm,
    Mul,
    Nop,
    Norm,
    Reduce,
    Rnn,
    Rq,
    SetA,
    SetS,
    Share,
    Soft,
    Std,
    Stride,
    Sub,
    Unpack,
)
from q4compile.isa.instructions.floating import Function
from q4compile.isa.instructions.rowwise import Reducing
from q4compile.isa.lstm_block import FLOATLESS, LstmBlock
from q4compile.isa.multiplier import pack_multiplier
from q4compile.isa.operand import Address, Scalar
from q4compile.isa.program import (
    Derived,
    Dimension,
    Entry,
    Expression,
    Port,
    Program,
    Scratch,
    Symbol,
)
from q4compile.isa.target import load_target

TARGET = load_target("rapid1")
BLOCK = LstmBlock(
    multiplier=pack_multiplier(2**23, 20),
    zero_point=-3,
    lo=-8,
    hi=7,
    fc=11,
    sigmoid=0x100,
    tanh=0x181,
    lengths=0x202,
    cell=0x203,
    cell_pitch_bytes=32,
    h_pitch_bytes=16,
    gx_pitch_bytes=80,
    step_factor=1,
    multipliers=(0, pack_multiplier(2**24 - 1, 62), 0, 0) * 2,
)
FLOAT_BLOCK = replace(
    BLOCK, **dict.fromkeys(FLOATLESS, 0), multipliers=(), h_pitch_bytes=32, cell_pitch_bytes=48
)
ACC, X, W, BIAS, GX, H = (Address(0x100 * i) for i in range(6))
ENCODER = (
    SetS(2, 40),
    SetA(1, 0, 1, 1),
    SetA(2, 0x700, 5, 0),
    Bar(0b11110),
    Ldd(W, Address(2), 40, 8, 16, 8, post=0b1, node=1),
    Gath(GX, Address(12), X, Scalar(0), 32, 32, 46, post=0b10, node=2),
    Stride(1, 0, 4),
    Loop(0, Scalar(0), 6),
    Mm(ACC, X, W, BIAS, 1, 40, 16, Precision.INT4, wait=0b1, post=0b100, node=1),
    Loop(1, 3, 2),
    Nop(Engine.LD, post=0b1),
    Nop(Engine.MX, wait=0b1),
    Lstm(H, ACC, GX, Address(0x600), Scalar(1), 10, 0, ElementType.I4, wait=0b110, node=3),
    Std(Address(0, 1), H, Scalar(1), 5, 16, 16, wait=0b1000, node=3),
    Halt(),
)
JOINT = (
    Fill(ACC, 4, 64, 64, 0xFF),
    Unpack(X, Address(0x40, 3), Scalar(4), 33),
    Mm(ACC, X, W, None, Scalar(4), 46, 33, Precision.W4A8, accumulate=True),
    Rq(X, ACC, BIAS, Scalar(4), 46, 3, -8, 7, ElementType.I4, wide=True, scalar=True),
    Add(X, X, GX, 4, 46, 1, 2, 3, broadcast=True),
    Sub(X, X, GX, 4, 46),
    Max(X, X, GX, 4, 46),
    Min(X, X, GX, 4, 46),
    Mul(X, X, GX, 4, 46, 15),
    Lut(X, X, W, 4, 46, 2, 1),
    Cvt(X, ACC, 4, 46, Function.TANH, wide=True),
    Copy(X, X, 4, 92, 96, 96),
    Ldc(W, Address(0x20, 3), 640, 567),
    Share(H, 4, 16, 64, wait=0b1000),
    Meet(0b100),
    Dq(X, GX, Scalar(4), 46, -3, pack_multiplier(2**23, 20), ElementType.I4),
    Norm(X, X, 4, 46, W, 33, 2),
    Soft(X, X, Scalar(4), 46, W, Address(0x182), 1, 2, 5),
    Gru(H, ACC, GX, Address(0x600), Scalar(1), 10, 3, ElementType.I4, 5, lengths=True),
    Rnn(H, ACC, GX, Address(0x600), 4, 9, 0, ElementType.I8, relu=True),
    Reduce(X, X, 4, 46, pack_multiplier(2**24 - 1, 28), Reducing.SUM),
    Rq(GX, ACC, BIAS, Scalar(4), 46, 0, 0, 0, ElementType.I32, wide=True),
    Lstm(H, ACC, GX, Address(0x600), Scalar(1), 10, 3, ElementType.I8, True, True, node=3),
    Halt(),
)


def of(name, register, *axes, direction="in", kind="i4", **given):
    """A port of codes on a grid."""
    hi = {"i4": 7, "i16": 32767, "i32": 2**31 - 1}[kind]
    values = {
        "scale": 0.125,
        "zero_point": 0,
        "lo": -hi - 1,
        "hi": hi,
        "axes": axes,
        "onnx_axes": tuple(range(len(axes))),
        "pitch_bytes": 64,
        "rows": Expression(("T",), plus=1),
    }
    return Port(name, direction, register, kind, **values | given)


SMALL = Program(
    name="small",
    target=TARGET.name,
    target_hash=TARGET.hash,
    precision="int4",
    code=ENCODER + JOINT,
    data=bytes(range(256)) * 4 + b"\x07" * 7,
    entries=(
        Entry(
            "encoder",
            0,
            (Dimension("T", 0, 1, 100_000), Dimension("B", 1, 1, 16)),
            ((3, Expression(("T", "B"), 3, 2, 1)),),
            (
                of("tokens", 5, "B", "T", kind="i32", scale=1.0, onnx_axes=(1, 0)),
                of("c", 6, 5, direction="out", kind="i16", rows=Expression(), scale=2.0**-11),
                of("h", 6, "T", "B", 10, direction="out", zero_point=-3, offset=4),
            ),
            (Scratch("gates", 7, Expression(("half",), 80)),),
            (
                Derived("half", 8, Expression(("T",), 1, 2)),
                Derived("more", 9, Expression(("half",))),
            ),
        ),
        Entry("joint", len(ENCODER), (Dimension("T", 4, 0, 64),), (), (of("x", 1, "T", 33),), ()),
    ),
    nodes=("", "/encoder/l0", "/encoder/embed; 2 of them", "/encoder/lstm\nλ"),
    symbols=(Symbol("w", 2, 320, 1), Symbol("table", 12, 46 * 16, 2)),
)


def changed(**values):
    """`SMALL` with other values."""
    return replace(SMALL, **values)


def with_entry(**values):
    """`SMALL` with other values in its first entry."""
    return changed(entries=(replace(SMALL.entries[0], **values), *SMALL.entries[1:]))


def with_port(**values):
    """`SMALL` with other values in the port h."""
    *others, h = SMALL.entries[0].ports
    return with_entry(ports=(*others, replace(h, **values)))
