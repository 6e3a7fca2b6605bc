"""A bidirectional LSTM encoder as a program written by hand, and the same in numpy on int64.

Each layer first multiplies all steps by the input weights, a tile of columns at a time, then walks:
both directions in one loop, the next rows of gx on their way while a step is computed. For the
tests, and for benchmarks/sim_encoder.py.
"""

from dataclasses import dataclass

import numpy as np

from q4compile.isa.element_type import ElementType, aligned_bytes
from q4compile.isa.engine import Engine, Precision
from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import (
    Bar,
    Fill,
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
from q4compile.isa.lstm_block import GATES, WIDE_FC, LstmBlock, block_bytes
from q4compile.isa.multiplier import pack_multiplier
from q4compile.isa.operand import Address, Scalar
from q4compile.isa.program import Dimension, Entry, Expression, Port, Program, Scratch, Symbol

UNIT = 16
T = 0  # S registers: steps, and the addresses of x, h, gx of both directions
X_PORT, H_PORT, GX, HIDDEN, LAST = 1, 2, (3, 4), (5, 6), 7
FC = 11


@dataclass(frozen=True)
class Sizes:
    """Of the encoder: units a multiple of 32, `tile_columns` a divisor of 4 · units."""

    layers: int
    inputs: int
    units: int
    tile_columns: int
    max_steps: int
    wide: bool = False
    """Cells of 32 bits."""

    @property
    def columns(self) -> int:
        return GATES * self.units

    @property
    def cell_bytes(self) -> int:
        """Of an element of gx or c."""
        return 4 if self.wide else 2

    def width(self, layer: int) -> int:
        """Of what a layer reads."""
        return 2 * self.units if layer else self.inputs


@dataclass(frozen=True)
class Direction:
    """The integers of one direction of a layer; columns 4 · unit + gate."""

    wx: np.ndarray
    bias_x: np.ndarray
    mul_x: np.ndarray
    offset_x: np.ndarray
    """Of the requantization of wide cells."""
    wh: np.ndarray
    bias_h: np.ndarray
    mul_h: np.ndarray


def tables(wide=False):
    """σ and tanh, int16[1025] each; of a wide cell tanh, int32[1025]."""
    x = (np.arange(1025) - 512) / 32
    if wide:
        return [np.rint(2**23 * np.tanh(x)).astype(np.int32)]
    values = (1 / (1 + np.exp(-x)), np.tanh(x))
    return [np.clip(np.rint(32768 * y), -32768, 32767).astype(np.int16) for y in values]


def directions(sizes: Sizes, seed: int):
    """Random weights: [layer][direction]."""
    rng = np.random.default_rng(seed)

    def multipliers(shift):
        shift -= 9 * sizes.wide  # 20 fraction bits instead of 11
        mul = rng.integers(2**23, 2**24, sizes.columns).astype(np.uint32)
        return mul | np.uint32(shift << 24)

    def one(width):
        spread = 3 * (width + sizes.units)
        return Direction(
            rng.integers(-7, 8, (sizes.columns, width)).astype(np.int8),
            rng.integers(-spread, spread, sizes.columns).astype(np.int32),
            multipliers(19),
            rng.integers(-(2**18), 2**18, sizes.columns if sizes.wide else 0).astype(np.int32),
            rng.integers(-7, 8, (sizes.columns, sizes.units)).astype(np.int8),
            rng.integers(-spread, spread, sizes.columns).astype(np.int32),
            multipliers(19),
        )

    return [[one(sizes.width(layer)) for _ in range(2)] for layer in range(sizes.layers)]


H_MULTIPLIER = pack_multiplier(2**23 + 12345, 50)


class _Data:
    """The image of DRAM, and where each part of it begins [units]."""

    def __init__(self):
        self.parts, self.symbols, self.units = [], [], 0

    def add(self, data: bytes) -> int:
        start = self.units
        padded = data + bytes(-len(data) % UNIT)
        self.parts.append(padded)
        self.symbols.append(Symbol(f"constant{len(self.symbols)}", start, len(data), 0))
        self.units += len(padded) // UNIT
        return start


def rows_of_nibbles(codes):
    """i4 rows of default pitch."""
    low, high = codes[:, 0::2] & 15, codes[:, 1::2] & 15
    packed = (low | high << 4).astype(np.uint8)
    padded = np.zeros((len(packed), aligned_bytes(packed.shape[1])), np.uint8)
    padded[:, : packed.shape[1]] = packed
    return padded.tobytes()


@dataclass(frozen=True)
class _Sram:
    """Where things lie in SRAM [units]; two of a kind for the two directions."""

    x: int
    wx: int
    acc: int
    gx_tile: int
    bias_x: int
    mul_x: int
    wh: tuple[int, int]
    bias_h: tuple[int, int]
    block: tuple[int, int]
    gx: tuple[int, int]
    sums: tuple[int, int]
    h: tuple[int, int]
    cell: tuple[int, int]
    sigmoid: int
    tanh: int
    end: int


def _sram(sizes: Sizes) -> _Sram:
    top = 0

    def take(size_bytes):
        nonlocal top
        start = top
        top += -(-size_bytes // UNIT)
        return start

    def pair(size_bytes):
        return take(size_bytes), take(size_bytes)

    most, steps, columns = max(sizes.inputs, 2 * sizes.units), sizes.max_steps, sizes.columns
    tile_bytes = aligned_bytes(sizes.cell_bytes * sizes.tile_columns)
    return _Sram(
        x=take(steps * aligned_bytes(most // 2)),
        wx=take(sizes.tile_columns * aligned_bytes(most // 2)),
        acc=take(steps * aligned_bytes(4 * sizes.tile_columns)),
        gx_tile=take(steps * tile_bytes),
        bias_x=take(4 * columns),
        mul_x=take((8 if sizes.wide else 4) * columns),
        wh=pair(columns * aligned_bytes(sizes.units // 2)),
        bias_h=pair(4 * columns),
        block=pair(block_bytes(sizes.units)),
        gx=pair(2 * aligned_bytes(sizes.cell_bytes * columns)),
        sums=pair(4 * columns),
        h=pair(aligned_bytes(sizes.units // 2)),
        cell=pair(sizes.cell_bytes * sizes.units),
        sigmoid=0 if sizes.wide else take(2064),
        tanh=take(4112 if sizes.wide else 2064),
        end=top,
    )


def bilstm_program(sizes: Sizes, target: str = "rapid1", seed: int = 0):
    """``(program, directions, bytes of SRAM)``."""
    data, at, weights = _Data(), _sram(sizes), directions(sizes, seed)
    code: list[Instruction] = []
    places = (at.tanh,) if sizes.wide else (at.sigmoid, at.tanh)
    for table, place in zip(tables(sizes.wide), places, strict=True):
        start = data.add(table.tobytes())
        code.append(Ldd(Address(place), Address(start), 1, table.nbytes, 0, 0))
    for layer, pair in enumerate(weights):
        code += _layer(sizes, at, data, pair, layer)
    code.append(Halt())
    entry = Entry(
        "encoder",
        0,
        (Dimension("T", T, 1, sizes.max_steps),),
        (),
        (
            _port("x", "in", X_PORT, sizes.inputs),
            _port("h", "out", H_PORT, 2 * sizes.units),
        ),
        (
            *(
                Scratch(f"gx{d}", GX[d], Expression(("T",), sizes.cell_bytes * sizes.columns))
                for d in (0, 1)
            ),
            *(Scratch(f"h{k}", HIDDEN[k], Expression(("T",), sizes.units)) for k in (0, 1)),
        ),
    )
    program = Program(
        "bilstm",
        target,
        bytes(32),
        "int4",
        tuple(code),
        b"".join(data.parts),
        (entry,),
        ("", *(f"/layer{layer}" for layer in range(sizes.layers))),
        tuple(data.symbols),
    )
    return program, weights, at.end * UNIT


def _port(name, direction, register, columns):
    pitch = aligned_bytes(columns // 2)
    return Port(
        *(name, direction, register, "i4", 0.125, 0, -8, 7),
        *(("T", columns), (0, 1), pitch, Expression(("T",))),
    )


def _layer(sizes, at, data, pair, layer):
    source = HIDDEN[layer % 2] if layer else X_PORT
    goal = H_PORT if layer == sizes.layers - 1 else HIDDEN[1 - layer % 2]
    node = layer + 1
    code = [Bar(0b11110)]
    code += [SetA(1, 0, 1, source)]
    row = aligned_bytes(sizes.width(layer) // 2)
    code.append(Ldd(Address(at.x), Address(0, 1), Scalar(T), row, row, row, node=node))
    for d, one in enumerate(pair):
        code += _projection(sizes, at, data, one, GX[d], node)
    code += _walk(sizes, at, data, pair, goal, node)
    return code


def _projection(sizes, at, data, one, gx_register, node):
    """gx of one direction: a tile of columns of all steps at a time."""
    row, columns, tile = aligned_bytes(one.wx.shape[1] // 2), sizes.columns, sizes.tile_columns
    w = data.add(rows_of_nibbles(one.wx))
    bias = data.add(one.bias_x.tobytes())
    parts = [one.mul_x.reshape(-1, tile), one.offset_x.reshape(-1, tile).view(np.uint32)]
    parameters = np.concatenate(parts[: 1 + sizes.wide], 1)
    mul = data.add(parameters.tobytes())
    tile_units, tile_bytes = tile * row // UNIT, sizes.cell_bytes * tile
    grid = (0, 0, 0, ElementType.I32) if sizes.wide else (0, -32768, 32767, ElementType.I16)
    return [
        Bar(0b11110),
        Ldd(Address(at.bias_x), Address(bias), 1, 4 * columns, 0, 0),
        Ldd(Address(at.mul_x), Address(mul), 1, parameters.nbytes, 0, 0),
        SetA(1, w),
        SetA(2, 0, 1, gx_register),
        SetA(3, 0),
        SetA(4, 0),
        Stride(1, 0, tile_units),
        Stride(2, 0, tile_bytes // UNIT),
        Stride(3, 0, 4 * tile // UNIT),
        Stride(4, 0, parameters[0].nbytes // UNIT),
        Loop(0, columns // tile, 5),
        Ldd(Address(at.wx), Address(0, 1), tile, row, row, row, post=1 << 0, node=node),
        Mm(
            *(Address(at.acc), Address(at.x), Address(at.wx), Address(at.bias_x, 3)),
            *(Scalar(T), tile, one.wx.shape[1], Precision.INT4),
            wait=1 << 0,
            post=1 << 1,
            node=node,
        ),
        Rq(
            *(Address(at.gx_tile), Address(at.acc), Address(at.mul_x, 4), Scalar(T), tile),
            *(*grid, True),
            wait=1 << 1,
            post=1 << 2,
            node=node,
        ),
        Std(
            *(Address(0, 2), Address(at.gx_tile), Scalar(T), tile_bytes),
            *(sizes.cell_bytes * columns, aligned_bytes(tile_bytes)),
            wait=1 << 2,
            node=node,
        ),
        Bar(0b11110),
    ]


GX_READY, GX_FREE, H_READY, SUMS_READY, H_STORE, H_FREE = range(6)


def _bit(kind, d):
    return 1 << (2 * kind + d)


def _walk(sizes, at, data, pair, goal, node):
    """All steps of both directions."""
    columns, row = sizes.columns, sizes.cell_bytes * sizes.columns
    row_units, h_bytes = row // UNIT, sizes.units // 2
    out_pitch = aligned_bytes(sizes.units)
    before, after, body = [Bar(0b11110)], [], []
    # A1, A2: rows of gx in DRAM; A3, A4: rows of h in DRAM; A5: ring of gx in SRAM.
    before += [
        SetA(1, 0, 1, GX[0]),
        SetS(LAST, -1, 1, T),
        SetA(2, 0, row_units, LAST, 1, GX[1]),
        SetA(3, 0, 1, goal),
        SetA(4, h_bytes // UNIT, out_pitch // UNIT, LAST, 1, goal),
        SetA(5, 0),
    ]
    for d, one in enumerate(pair):
        wh, bias = data.add(rows_of_nibbles(one.wh)), data.add(one.bias_h.tobytes())
        block = LstmBlock(
            *(
                H_MULTIPLIER,
                0,
                -8,
                7,
                WIDE_FC if sizes.wide else FC,
                at.sigmoid,
                at.tanh,
                0,
                at.cell[d],
            ),
            *(0, 0, 0, 0, tuple(one.mul_h.tolist())),
        )
        parameters, pitch = data.add(block.pack()), aligned_bytes(h_bytes)
        before += [
            Ldd(Address(at.wh[d]), Address(wh), columns, pitch, pitch, pitch),
            Ldd(Address(at.bias_h[d]), Address(bias), 1, 4 * columns, 0, 0),
            Ldd(Address(at.block[d]), Address(parameters), 1, block_bytes(sizes.units), 0, 0),
            Fill(Address(at.h[d]), 1, h_bytes, 0, 0),
            Fill(Address(at.cell[d]), 1, sizes.cell_bytes * sizes.units, 0, 0),
            Nop(Engine.VX, post=_bit(GX_FREE, d)),
            Nop(Engine.VX, post=_bit(GX_FREE, d)),
            Nop(Engine.VX, post=_bit(H_FREE, d) | _bit(H_READY, d)),
        ]
        body += _step(sizes, at, d, row, h_bytes, out_pitch, node)
        after += [
            Nop(Engine.LD, wait=_bit(GX_FREE, d)),
            Nop(Engine.LD, wait=_bit(GX_FREE, d)),
            Nop(Engine.VX, wait=_bit(H_FREE, d)),
            Nop(Engine.MX, wait=_bit(H_READY, d)),
        ]
    return [
        *before,
        Bar(0b11110),
        Stride(1, 0, row_units),
        Stride(2, 0, -row_units),
        Stride(3, 0, out_pitch // UNIT),
        Stride(4, 0, -(out_pitch // UNIT)),
        Stride(5, 0, row_units, modulo=2 * row_units),
        Loop(0, Scalar(T), len(body)),
        *body,
        *after,
    ]


def _step(sizes, at, d, row, h_bytes, out_pitch, node):
    """One step of one direction."""
    gx, h, sums = Address(at.gx[d], 5), Address(at.h[d]), Address(at.sums[d])
    return [
        Ldd(
            *(gx, Address(0, 1 + d), 1, row, row, row),
            wait=_bit(GX_FREE, d),
            post=_bit(GX_READY, d),
            node=node,
        ),
        Mm(
            *(sums, h, Address(at.wh[d]), Address(at.bias_h[d])),
            *(1, sizes.columns, sizes.units, Precision.INT4),
            wait=_bit(H_READY, d),
            post=_bit(SUMS_READY, d),
            node=node,
        ),
        Lstm(
            *(h, sums, gx, Address(at.block[d]), 1, sizes.units, 0, ElementType.I4, False),
            sizes.wide,
            wait=_bit(GX_READY, d) | _bit(SUMS_READY, d) | _bit(H_FREE, d),
            post=_bit(GX_FREE, d) | _bit(H_READY, d) | _bit(H_STORE, d),
            node=node,
        ),
        Std(
            *(Address(0, 3 + d), h, 1, h_bytes, out_pitch, h_bytes),
            wait=_bit(H_STORE, d),
            post=_bit(H_FREE, d),
            node=node,
        ),
    ]


def rne(p, s):
    """p / 2^s, ties to even."""
    floor, rest, half = p >> s, p & ((1 << s) - 1), (1 << s) >> 1
    return floor + ((rest > half) | ((rest == half) & (floor & 1 == 1) & (s > 0)))


def sat16(x):
    return np.clip(x, -32768, 32767)


def sat32(x):
    return np.clip(x, -(2**31), 2**31 - 1)


def scaled(x, words):
    words = words.astype(np.int64)
    return rne(x * (words & (2**24 - 1)), words >> 24)


def interpolated(table, x):
    u = x + 32768
    t, following = table[u >> 6].astype(np.int64), table[(u >> 6) + 1].astype(np.int64)
    return t + ((following - t) * (u & 63) + 32 >> 6)


def encoder_codes(x, weights, wide=False):
    """The codes of h, [T, 2 · units], from the codes of x, [T, inputs]: the whole encoder."""
    x = x.astype(np.int64)
    for pair in weights:
        halves = [
            _direction(x[:: -1 if d else 1], one, wide)[:: -1 if d else 1]
            for d, one in enumerate(pair)
        ]
        x = np.concatenate(halves, 1)
    return x


def _direction(x, one, wide):
    wx, wh = one.wx.astype(np.int64), one.wh.astype(np.int64)
    clip, unit = (sat32, _wide_units) if wide else (sat16, _units)
    offset = one.offset_x if wide else 0
    gx = clip(scaled(one.bias_x + x @ wx.T, one.mul_x) + offset)
    h, c = np.zeros(wh.shape[1], np.int64), np.zeros(wh.shape[1], np.int64)
    rows = []
    for step in gx:
        c, t = unit(clip(step + scaled(one.bias_h + wh @ h, one.mul_h)), c)
        h = np.clip(scaled(t, np.array([H_MULTIPLIER])), -8, 7)
        rows.append(h)
    return np.array(rows)


def _units(z, c):
    """c and o · t."""
    sigmoid, tanh = tables()
    i, o, f = (interpolated(sigmoid, z[gate::4]) for gate in range(3))
    c = sat16(rne((f * c << 15 - FC) + i * interpolated(tanh, z[3::4]), 30 - FC))
    return c, o * interpolated(tanh, sat16(c << 11 - FC))


def _wide_units(z, c):
    """c and o · t, of cells of 32 bits."""
    (tanh,) = tables(wide=True)
    i, o, f = (2**23 + curved(tanh, z[gate::4]) for gate in range(3))
    c = sat32(rne(8 * f * c + i * curved(tanh, 2 * z[3::4]), 27))
    return c, rne(o * curved(tanh, 2 * c), 17)


def curved(table, u):
    """tanh of u, 21 fraction bits, with 23."""
    u = np.clip(u, -(2**25), 2**25)
    j = u + 2**25 + 2**15 >> 16
    d, t = u - (j - 512 << 16), table[j].astype(np.int64)
    bent = rne(rne((2**46 - t * t) * d, 34) * (2**23 - rne(t * d, 21)), 33)
    return np.clip(t + bent, -(2**23), 2**23)
