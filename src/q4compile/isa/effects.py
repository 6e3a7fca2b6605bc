"""What a word does to memory: the bytes it may read and write once its registers are known.

Two words may run in either order when ``effects(x).conflict(effects(y)) is None``.
"""

from dataclasses import dataclass
from itertools import product

from q4compile.isa.instruction import Instruction
from q4compile.isa.region import Region
from q4compile.isa.registers import Registers


@dataclass(frozen=True)
class Effects:
    """Regions without the empty ones."""

    reads: tuple[Region, ...]
    writes: tuple[Region, ...]

    def conflict(self, other: "Effects") -> tuple[Region, Region] | None:
        """The first two regions, own and other's, that share a byte which either writes."""
        pairs = (
            product(self.writes, other.writes + other.reads),
            product(self.reads, other.writes),
        )
        for mine, theirs in (pair for each in pairs for pair in each):
            if mine.overlaps(theirs):
                return mine, theirs
        return None


def effects(instruction: Instruction, at: Registers) -> Effects:
    """The effects of `instruction` when it is issued with these registers.

    What a word reads depends on no data but the block of an `Lstm`, which `at` finds, and the ids
    of a `Gath`, for which all of its table counts as read.
    """
    return Effects(_present(instruction.reads(at)), _present(instruction.writes(at)))


def _present(regions: tuple[Region, ...]) -> tuple[Region, ...]:
    return tuple(region for region in regions if not region.is_empty)
