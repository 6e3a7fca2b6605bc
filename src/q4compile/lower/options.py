"""What a user may set when a program is made."""

from dataclasses import dataclass

from q4compile.isa.engine import Precision
from q4compile.isa.target import Target
from q4compile.lower.layout.axes import Axis

KIB = 2**10
CELL_BITS = NARROW_BITS, WIDE_BITS = 16, 32
"""That an LSTM's cell state in integers may have."""


@dataclass(frozen=True)
class Options:
    """Largest sizes at run time, and largest tiles."""

    precision: Precision | None = None
    """FP16 reads a float network in halves; None takes the codes of a quantized one."""
    batch: int = 32
    """Sequences, or rows where nothing is a sequence."""
    length: int = 2**20
    """Frames, tokens and every other size but the batch."""
    chunk_rows: int = 256
    """Rows that are in on-chip memory at a time, at most."""
    tile_columns: int = 1024
    """Columns of a product that are computed at a time where not all of its weights fit."""
    group_units: int = 2**15
    """Units of an LSTM that are computed at a time."""
    keep_weights: bool = True
    """Weights stay in on-chip memory for a whole phase where they fit."""
    cores: int | None = None
    """How many of the target's cores, None for all."""
    code_weights: bool = False
    """Constants are coded where that makes them shorter."""
    folded_table_bytes: int = 4096 * KIB
    """Largest table that may replace the first product behind an embedding."""
    cell_bits: int = NARROW_BITS
    """Of the cell state of an LSTM in integers; with 32 gates are as near as those in float32."""

    def __post_init__(self) -> None:
        if self.cell_bits not in CELL_BITS:
            raise ValueError(f"cells have 16 or 32 bits, not {self.cell_bits}")

    @property
    def has_wide_cells(self) -> bool:
        """Whether LSTMs in integers have c, and the sums of their gates, in 32 bits."""
        return self.cell_bits == WIDE_BITS


@dataclass(frozen=True)
class Room:
    """What there is to plan with."""

    options: Options
    target: Target

    @property
    def sram_bytes(self) -> int:
        """On-chip memory of a core, less what is reserved."""
        sram = self.target.sram
        return int(sram.size_bytes * (1 - sram.reserve_share))

    @property
    def cores(self) -> int:
        """That the program runs on."""
        return self.options.cores or self.target.cores

    @property
    def alignment_bytes(self) -> int:
        """Of buffers."""
        return self.target.sram.alignment_bytes


def rows_at_most(lane: Axis | None, room: Room) -> int:
    """Sequences that a step may have."""
    if lane is None:
        return 1
    return lane.size if isinstance(lane.size, int) else room.options.batch
