"""The parameters of an `Lstm` word as they lie in SRAM: 64 bytes, then a multiplier per column.

The block of a step in f16 has no multipliers, and 0 for all that integers need (`FLOATLESS`).

``multiplier u32 | zero_point lo hi i16 | fc u16 | sigmoid tanh lengths cell u32 |
cell_pitch h_pitch gx_pitch u32 | step_factor u32 | zeros to 64 | multipliers u32[4 · units]``
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from q4compile.isa.element_type import ElementType
from q4compile.isa.multiplier import is_multiplier
from q4compile.isa.operand import MAX_UNITS

HEAD = struct.Struct("<IhhhH8I20x")
HEAD_BYTES = HEAD.size
GATES = 4


@dataclass(frozen=True)
class LstmBlock:
    """``h = clip(RNE(o · t · mul, shift) + zero_point, lo, hi)``, and where the rest is found.

    Addresses are SRAM addresses in units of 16 bytes. Column 4 · u + gate of `multipliers` belongs
    to unit u, gates in the order i, o, f, c̃.
    """

    multiplier: int
    """Of h: mul in bits 0 to 23, shift in bits 24 to 29."""
    zero_point: int
    lo: int
    hi: int
    fc: int
    """Fraction bits of the cell state: 0 to 15, of a wide one 20."""
    sigmoid: int
    """Address of the table of σ; 0 for a wide word, which has none."""
    tanh: int
    """Address of the table of tanh."""
    lengths: int
    """Address of the int32 length of each row; 0 where the word has no LENGTHS."""
    cell: int
    """Address of the cell states [rows][units]."""
    cell_pitch_bytes: int
    h_pitch_bytes: int
    gx_pitch_bytes: int
    step_factor: int
    """``t = A[step] · step_factor`` is compared with the lengths; int32."""
    multipliers: tuple[int, ...]
    """Of the recurrent sums, one for each column; none for a step in f16."""

    def __post_init__(self) -> None:
        for name, lo, hi in LIMITS:
            value = getattr(self, name)
            if not lo <= value <= hi:
                raise ValueError(f"LSTM block: {name} is in [{lo}, {hi}], not {value}")
        if self.lo > self.hi:
            raise ValueError(f"LSTM block: lo {self.lo} is above hi {self.hi}")
        used = [name for name in FLOATLESS if getattr(self, name)]
        if not self.multipliers and used:
            raise ValueError(f"LSTM block: {used[0]} is 0 where there are no multipliers")
        if len(self.multipliers) % GATES:
            raise ValueError(
                f"LSTM block: {len(self.multipliers)} multipliers, not 4 for each unit"
            )
        for word in {self.multiplier, *self.multipliers}:
            if not is_multiplier(word):
                raise ValueError(f"LSTM block: {word:#x} is no multiplier")

    @property
    def units(self) -> int:
        """Of the layer, or of the group of columns that the word computes."""
        return len(self.multipliers) // GATES

    def outside(
        self, names: tuple[str, ...], lo: int, hi: int, why: str = ""
    ) -> Iterator[tuple[str, str]]:
        """Need and got of each of these fields that is not in [lo, hi], which a word demands."""
        span = f"in [{lo}, {hi}]" if lo < hi else f"= {lo}"
        for name in names:
            value = getattr(self, name)
            if not lo <= value <= hi:
                yield f"{name} of the block {span}{why}", f"{value}"

    def no_codes(self, out: ElementType) -> Iterator[tuple[str, str]]:
        """As `outside`, of the fields that a word of this out demands to be codes of h."""
        most = (1 << (out.bits - 1)) - 1
        return self.outside(("lo", "hi", "zero_point"), -most - 1, most, ", the codes of h")

    def pack(self) -> bytes:
        """``64 + 16 · units`` bytes."""
        head = HEAD.pack(*(getattr(self, name) for name in ORDER))
        return head + np.array(self.multipliers, "<u4").tobytes()

    @staticmethod
    def unpack(data: bytes) -> "LstmBlock":
        """The inverse of `pack`.

        Raises:
            ValueError: another size than that of any block, or contents that `pack` never gives.
        """
        if len(data) < HEAD_BYTES or (len(data) - HEAD_BYTES) % block_bytes_per_unit():
            raise ValueError(f"LSTM block: {len(data)} bytes are no block")
        multipliers = tuple(np.frombuffer(data, "<u4", offset=HEAD_BYTES).tolist())
        head = dict(zip(ORDER, HEAD.unpack_from(data), strict=True))
        block = LstmBlock(**head, multipliers=multipliers)
        if block.pack() != data:
            raise ValueError("LSTM block: the padding is not 0")
        return block


FLOATLESS = ("multiplier", "zero_point", "lo", "hi", "fc", "sigmoid", "tanh")
"""What a step in f16 does without."""
ORDER = tuple(LstmBlock.__dataclass_fields__)[:-1]
SIGNED = ("zero_point", "lo", "hi")
MAX_FC, WIDE_FC = 15, 20
"""Fraction bits of a cell state of 16 bits, at most, and of one of 32."""
ADDRESSES = ("sigmoid", "tanh", "lengths", "cell")


def _limits(name: str) -> tuple[str, int, int]:
    if name in SIGNED:
        return name, -(2**15), 2**15 - 1
    if name in ADDRESSES:
        return name, 0, MAX_UNITS
    return name, 0, {"fc": WIDE_FC, "step_factor": 2**31 - 1}.get(name, 2**32 - 1)


LIMITS = tuple(map(_limits, ORDER))


def block_bytes_per_unit() -> int:
    """What each unit adds to a block: its four multipliers."""
    return ElementType.I32.row_bytes(GATES)


def block_bytes(units: int) -> int:
    """The size of a block."""
    return HEAD_BYTES + units * block_bytes_per_unit()
