"""What one element of a matrix is, and how many bytes a row of them takes."""

from enum import IntEnum

from q4compile.numerics.packing import packed_bytes

UNIT_BYTES = 16


class ElementType(IntEnum):
    """``i4`` is two's complement, element 2i in the low nibble of byte i."""

    I4 = 0
    I8 = 1
    I16 = 2
    I32 = 3
    F16 = 4
    F32 = 5

    @property
    def bits(self) -> int:
        """Width of one element."""
        return (4, 8, 16, 32, 16, 32)[self]

    def row_bytes(self, columns: int) -> int:
        """``ceil(columns · bits / 8)``: bytes of a row, without what pads it to its pitch."""
        return packed_bytes(columns, self.bits)

    def pitch_bytes(self, columns: int) -> int:
        """Bytes from one row to the next where a word gives no other pitch."""
        return aligned_bytes(self.row_bytes(columns))


def aligned_bytes(count_bytes: int) -> int:
    """The next multiple of the address unit, 16 bytes."""
    return -(-count_bytes // UNIT_BYTES) * UNIT_BYTES
