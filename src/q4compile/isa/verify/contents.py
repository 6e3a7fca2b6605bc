"""What is known of the bytes in SRAM: those that came from DATA, or were filled, and only moved.

A byte is *known* when the last word that wrote it was such a word; then `image` holds its value.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from q4compile.isa.effects import Effects
from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import Copy, Fill, Ldc, Ldd
from q4compile.isa.lstm_block import LstmBlock, block_bytes
from q4compile.isa.region import Memory, Region
from q4compile.isa.verify.streams import Streams
from q4compile.isa.verify.views import bytes_of, lies_within, rows_of

Bytes = NDArray[np.uint8]
UNKNOWN, KNOWN = 0, 1


@dataclass(frozen=True, eq=False)
class Contents:
    """SRAM during a walk, in front of the image of DRAM."""

    image: Bytes
    known: Bytes
    """1 where the byte is known."""
    data: Bytes
    blocks: dict[bytes, LstmBlock] = field(default_factory=dict)
    """Those unpacked so far; they are large, and the same ones come again and again."""
    streams: Streams = field(default_factory=Streams)
    """Coded ones that were read so far."""

    def view(self, region: Region) -> Bytes | None:
        """``uint8[rows, row_bytes]`` if the whole region is known, else None."""
        if not lies_within(region, len(self.image)) or not bytes_of(self.known, region).all():
            return None
        return rows_of(self.image, region)

    def block_at(self, start_bytes: int, units: int) -> LstmBlock:
        """The block at an address.

        Raises:
            ValueError: its bytes are not known, or no block.
        """
        region = Region(Memory.SRAM, start_bytes, 1, block_bytes(units), 0)
        found = self.view(region)
        if found is None:
            raise ValueError("bytes that come from no constant")
        packed = found.tobytes()
        if packed not in self.blocks:
            self.blocks[packed] = LstmBlock.unpack(packed)
        return self.blocks[packed]

    def update(self, word: Instruction, done: Effects) -> None:
        """What `word` does."""
        for region in done.writes:
            if region.memory is Memory.SRAM and lies_within(region, len(self.image)):
                values, known = self._written(word, region, done.reads)
                bytes_of(self.known, region)[:] = known
                if values is not None:
                    bytes_of(self.image, region)[:] = values

    def _written(
        self, word: Instruction, to: Region, reads: Sequence[Region]
    ) -> tuple[Bytes | int | None, Bytes | int]:
        """The bytes that a word writes, where they are known, and which of them are."""
        if isinstance(word, Fill):
            return word.value, KNOWN
        if isinstance(word, Ldc):
            decoded = self.streams.bytes_of(self.data, reads[0], word.to_bytes)
            return (None, UNKNOWN) if isinstance(decoded, str) else (decoded, KNOWN)
        if not isinstance(word, Ldd | Copy) or (to.rows > 1 and to.pitch_bytes < to.row_bytes):
            return None, UNKNOWN
        (source,) = reads
        if isinstance(word, Ldd):
            inside = lies_within(source, len(self.data))
            return (rows_of(self.data, source), KNOWN) if inside else (None, UNKNOWN)
        if not lies_within(source, len(self.image)) or source.overlaps(to):
            return None, UNKNOWN
        return rows_of(self.image, source), rows_of(self.known, source)


def unknown_contents(
    sram_bytes: int, data: Bytes, blocks: dict[bytes, LstmBlock], streams: Streams
) -> Contents:
    """At the start of an entry."""
    image, known = (np.zeros(sram_bytes, np.uint8) for _ in range(2))
    return Contents(image, known, data, blocks, streams)
