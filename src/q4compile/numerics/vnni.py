"""Blocks of dot products by the VNNI instructions of AVX-512, for compiled functions.

    sums[i, j] = corrections[i] + Σ_bytes u(w[j]) · x[i]        i < rows, j < columns

VPDPBUSD adds products of unsigned by signed bytes to int32 sums without saturating. The weights
are made unsigned by adding half of their range, so that packed nibbles need no sign extension:
u(w) = w + 8 for nibbles, w + 128 for bytes. The correction is −8 · Σx or −128 · Σx.

Each step takes 64 bytes of a row of weights: 64 codes, or 128 in nibbles. The rows of x must come
in the same order (`arranged` in compiled_products): the even codes of a step, then the odd ones.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from llvmlite import binding, ir
from numba import config, types
from numba.extending import intrinsic

STEP_BYTES = 64
I1, I8, I16, I32, I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))
BYTES, WORDS, SUMS = (ir.VectorType(I8, 64), ir.VectorType(I16, 32), ir.VectorType(I32, 16))
MASK = ir.VectorType(I1, 64)
SIGNATURE = types.void(
    *(types.uintp, types.int64),
    *(types.uintp, types.int64, types.int64),
    *(types.uintp, types.uintp, types.int64),
)


@cache
def is_available() -> bool:
    """True where compiled code may use the instructions: the host has them, nobody forbade them."""
    features = binding.get_host_cpu_features()
    chosen = config.CPU_NAME is not None or config.CPU_FEATURES is not None
    return bool(features.get("avx512vnni") and features.get("avx512bw") and not chosen)


def block_of_sums(rows: int, columns: int, *, nibbles: bool) -> Any:
    """A function for compiled code that stores ``int32[rows, columns]`` sums.

    Its arguments are the address and pitch [bytes] of x, the address, pitch and row bytes of w, the
    address of the corrections, and the address and pitch [elements] of the sums.
    """

    @intrinsic  # type: ignore[untyped-decorator]
    def block(
        context: Any, x: Any, xp: Any, w: Any, wp: Any, n: Any, corrections: Any, out: Any, op: Any
    ) -> tuple[Any, Callable[..., Any]]:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            _Block(builder, rows, columns, nibbles).emit(*arguments)
            return context.get_dummy_value()

        return SIGNATURE, generate

    return block


def _integer(value: int) -> Any:
    return ir.Constant(I64, value)


def _splat(kind: Any, value: int) -> Any:
    return ir.Constant(kind, [value] * kind.count)


class _Block:
    """Emits the code of one block: a loop over the bytes of a row, then one sum per pair."""

    def __init__(self, builder: Any, rows: int, columns: int, nibbles: bool) -> None:
        self.b, self.rows, self.columns, self.nibbles = builder, rows, columns, nibbles
        self.halves = 2 if nibbles else 1

    def emit(
        self, x: Any, xp: Any, w: Any, wp: Any, row_bytes: Any, corrections: Any, out: Any, op: Any
    ) -> None:
        """The loop and what follows it."""
        b = self.b
        before, loop, after = b.block, b.append_basic_block(), b.append_basic_block()
        b.branch(loop)
        b.position_at_end(loop)
        offset = b.phi(I64)
        offset.add_incoming(_integer(0), before)
        sums = [b.phi(SUMS) for _ in range(self.rows * self.columns)]
        for each in sums:
            each.add_incoming(_splat(SUMS, 0), before)
        added = self._added(sums, self._activations(x, xp, offset), w, wp, offset, row_bytes)
        following = b.add(offset, _integer(STEP_BYTES))
        offset.add_incoming(following, loop)
        for each, value in zip(sums, added, strict=True):
            each.add_incoming(value, loop)
        b.cbranch(b.icmp_signed("<", following, row_bytes), loop, after)
        b.position_at_end(after)
        self._store(added, corrections, out, op)

    def _function(self, name: str, result: Any, arguments: Sequence[Any]) -> Any:
        known = self.b.module.globals.get(name)
        return known or ir.Function(self.b.module, ir.FunctionType(result, arguments), name)

    def _at(self, base: Any, pitch: Any, row: int, offset: Any, kind: Any) -> Any:
        """A pointer to ``base + row · pitch + offset``."""
        address = self.b.add(self.b.add(base, self.b.mul(pitch, _integer(row))), offset)
        return self.b.inttoptr(address, kind.as_pointer())

    def _activations(self, x: Any, pitch: Any, offset: Any) -> list[list[Any]]:
        """For each row of x its vectors of this step; x is padded to whole steps."""
        start = self.b.mul(offset, _integer(self.halves))
        return [
            [
                self._load(
                    self._at(x, pitch, row, self.b.add(start, _integer(STEP_BYTES * half)), SUMS)
                )
                for half in range(self.halves)
            ]
            for row in range(self.rows)
        ]

    def _load(self, pointer: Any) -> Any:
        loaded = self.b.load(pointer)
        loaded.align = 1
        return loaded

    def _added(
        self, sums: Sequence[Any], x: list[list[Any]], w: Any, wp: Any, offset: Any, row_bytes: Any
    ) -> list[Any]:
        """The sums after this step. Bytes behind a row of w are not read: they may not exist."""
        mask = self._mask(self.b.sub(row_bytes, offset))
        load = self._function(
            "llvm.masked.load.v64i8.p0", BYTES, [BYTES.as_pointer(), I32, MASK, BYTES]
        )
        dot = self._function("llvm.x86.avx512.vpdpbusd.512", SUMS, [SUMS, SUMS, SUMS])
        added = list(sums)
        for column in range(self.columns):
            pointer = self._at(w, wp, column, offset, BYTES)
            read = self.b.call(load, [pointer, ir.Constant(I32, 1), mask, _splat(BYTES, 0)])
            unsigned = self._unsigned(read)
            for row in range(self.rows):
                k = row * self.columns + column
                for half in range(self.halves):
                    added[k] = self.b.call(dot, [added[k], unsigned[half], x[row][half]])
        return added

    def _mask(self, left: Any) -> Any:
        """True for the first `left` bytes, at most 64."""
        b, anything = self.b, ir.Constant(BYTES, ir.Undefined)
        least = b.select(b.icmp_signed("<", left, _integer(STEP_BYTES)), left, _integer(STEP_BYTES))
        first = b.insert_element(anything, b.trunc(least, I8), ir.Constant(I32, 0))
        every = b.shuffle_vector(first, anything, _splat(ir.VectorType(I32, 64), 0))
        return b.icmp_unsigned("<", ir.Constant(BYTES, list(range(STEP_BYTES))), every)

    def _unsigned(self, weights: Any) -> list[Any]:
        """The vectors of u(w): of the even codes and of the odd ones, or of all."""
        b = self.b
        if not self.nibbles:
            return [b.bitcast(b.xor(weights, _splat(BYTES, -0x80)), SUMS)]
        shifted = b.xor(weights, _splat(BYTES, 0x88 - 0x100))
        low = b.and_(shifted, _splat(BYTES, 15))
        pairs = b.lshr(b.bitcast(shifted, WORDS), _splat(WORDS, 4))
        high = b.and_(b.bitcast(pairs, BYTES), _splat(BYTES, 15))
        return [b.bitcast(low, SUMS), b.bitcast(high, SUMS)]

    def _store(self, sums: Sequence[Any], corrections: Any, out: Any, pitch: Any) -> None:
        reduce = self._function("llvm.vector.reduce.add.v16i32", I32, [SUMS])
        four = _integer(4)
        for row in range(self.rows):
            own = self._at(corrections, four, row, _integer(0), I32)
            correction = self._aligned(self.b.load(own))
            for column in range(self.columns):
                total = self.b.call(reduce, [sums[row * self.columns + column]])
                element = self.b.add(self.b.mul(pitch, _integer(row)), _integer(column))
                place = self._at(out, four, 0, self.b.mul(element, four), I32)
                self._aligned(self.b.store(self.b.add(total, correction), place))

    def _aligned(self, access: Any) -> Any:
        access.align = 4
        return access
