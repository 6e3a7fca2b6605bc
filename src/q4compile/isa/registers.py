"""What the sequencer knows when it issues a word: where its operands lie, and how many rows.

``start(address) = 16 · (A[register] + offset)`` bytes
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from q4compile.isa.element_type import UNIT_BYTES, aligned_bytes
from q4compile.isa.lstm_block import LstmBlock
from q4compile.isa.operand import REGISTERS, Address, Rows, Scalar
from q4compile.isa.region import Memory, Region

ZEROS = (0,) * REGISTERS


def no_block(start_bytes: int, units: int) -> LstmBlock:
    """The default of `Registers.block_at`."""
    raise ValueError(f"no LSTM block of {units} units is known at SRAM byte {start_bytes}")


@dataclass(frozen=True)
class Registers:
    """The registers at the time of issue, and the LSTM blocks that SRAM holds."""

    a: Sequence[int] = ZEROS
    """Units."""
    s: Sequence[int] = ZEROS
    block_at: Callable[[int, int], LstmBlock] = no_block
    """SRAM byte address, units → the block there."""
    core: int = 0
    """Which of the cores issues the word."""
    cores: int = 1

    def start(self, address: Address) -> int:
        """The byte address."""
        return UNIT_BYTES * (self.a[address.register] + address.offset)

    def count(self, rows: Rows) -> int:
        """The number of rows or iterations."""
        return self.s[rows.index] if isinstance(rows, Scalar) else rows

    def sram(
        self, at: Address, rows: int, row_bytes: int, pitch_bytes: int | None = None
    ) -> Region:
        """Rows in SRAM; without a pitch each begins at the next unit."""
        pitch = aligned_bytes(row_bytes) if pitch_bytes is None else pitch_bytes
        return Region(Memory.SRAM, self.start(at), rows, row_bytes, pitch)

    def dram(self, at: Address, rows: int, row_bytes: int, pitch_bytes: int) -> Region:
        """Rows in DRAM."""
        return Region(Memory.DRAM, self.start(at), rows, row_bytes, pitch_bytes)
