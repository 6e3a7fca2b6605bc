"""Blocks of dot products of halves by vectors of 16 lanes, for compiled functions.

    sums[i, j] = Σ_k x[i, k] · w[j, k] in the order of `half_products`      i < rows, j < columns

x is float32 already; halves of w are widened as they are read.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from llvmlite import binding, ir
from numba import config, types
from numba.extending import intrinsic

from q4compile.numerics.half_products import LANES

I16, I32, I64 = (ir.IntType(bits) for bits in (16, 32, 64))
HALVES = ir.VectorType(ir.HalfType(), LANES)
FLOATS = ir.VectorType(ir.FloatType(), LANES)
SIGNATURE = types.void(
    *(types.uintp, types.int64),
    *(types.uintp, types.int64, types.int64),
    *(types.uintp, types.int64),
)


@cache
def is_available() -> bool:
    """True where compiled code may widen halves: the host can, and nobody forbade it."""
    features = binding.get_host_cpu_features()
    chosen = config.CPU_NAME is not None or config.CPU_FEATURES is not None
    return bool(features.get("f16c") and features.get("fma") and not chosen)


def block_of_float_sums(rows: int, columns: int) -> Any:
    """A function for compiled code that stores ``float32[rows, columns]`` sums.

    Its arguments are the address and pitch [bytes] of x, the address and pitch of w, the number of
    steps of 16 (1 or more), and the address and pitch of the sums.
    """

    @intrinsic  # type: ignore[untyped-decorator]
    def block(
        context: Any, x: Any, xp: Any, w: Any, wp: Any, steps: Any, out: Any, op: Any
    ) -> tuple[Any, Callable[..., Any]]:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            _Block(builder, rows, columns).emit(*arguments)
            return context.get_dummy_value()

        return SIGNATURE, generate

    return block


def _integer(value: int) -> Any:
    return ir.Constant(I64, value)


class _Block:
    """Emits the code of one block: a loop over steps, then one sum per pair."""

    def __init__(self, builder: Any, rows: int, columns: int) -> None:
        self.b, self.rows, self.columns = builder, rows, columns

    def emit(self, x: Any, xp: Any, w: Any, wp: Any, steps: Any, out: Any, op: Any) -> None:
        """The loop and what follows it."""
        b = self.b
        before, loop, after = b.block, b.append_basic_block(), b.append_basic_block()
        b.branch(loop)
        b.position_at_end(loop)
        step = b.phi(I64)
        step.add_incoming(_integer(0), before)
        lanes = [b.phi(FLOATS) for _ in range(self.rows * self.columns)]
        for each in lanes:
            each.add_incoming(ir.Constant(FLOATS, [0.0] * LANES), before)
        added = self._added(lanes, (x, xp), (w, wp), step)
        following = b.add(step, _integer(1))
        step.add_incoming(following, loop)
        for each, value in zip(lanes, added, strict=True):
            each.add_incoming(value, loop)
        b.cbranch(b.icmp_signed("<", following, steps), loop, after)
        b.position_at_end(after)
        for k, each in enumerate(added):
            row, column = divmod(k, self.columns)
            place = self._at(out, op, row, _integer(4 * column), ir.FloatType())
            b.store(self._total(each), place).align = 4

    def _at(self, base: Any, pitch: Any, row: int, offset: Any, kind: Any) -> Any:
        """A pointer to ``base + row · pitch + offset``."""
        address = self.b.add(self.b.add(base, self.b.mul(pitch, _integer(row))), offset)
        return self.b.inttoptr(address, kind.as_pointer())

    def _load(self, place: tuple[Any, Any], row: int, offset: Any, kind: Any) -> Any:
        loaded = self.b.load(self._at(*place, row, offset, kind))
        loaded.align = 2
        return loaded

    def _added(self, lanes: list[Any], x: Any, w: Any, step: Any) -> list[Any]:
        """The lanes after this step."""
        b = self.b
        narrow, wide = (b.mul(step, _integer(LANES * size)) for size in (2, 4))
        left = [self._load(x, row, wide, FLOATS) for row in range(self.rows)]
        added = list(lanes)
        for column in range(self.columns):
            right = b.fpext(self._load(w, column, narrow, HALVES), FLOATS)
            for row in range(self.rows):
                k = row * self.columns + column
                added[k] = b.fadd(added[k], b.fmul(left[row], right, ("contract",)), ("contract",))
        return added

    def _total(self, lanes: Any) -> Any:
        """Lanes added up in halves."""
        b, count = self.b, LANES
        while count > 1:
            count //= 2
            low, high = (
                b.shuffle_vector(lanes, lanes, self._places(first, count)) for first in (0, count)
            )
            lanes = b.fadd(low, high)
        return b.extract_element(lanes, ir.Constant(I32, 0))

    @staticmethod
    def _places(first: int, count: int) -> Any:
        return ir.Constant(ir.VectorType(I32, count), list(range(first, first + count)))
