"""Machines derived from rapid1, and tiles for each: programs differ, numbers may not.

One line is one machine; a line with another number of cores is all that such machines need.
"""

from dataclasses import dataclass, field, replace

from q4compile.isa.target import Target, load_target
from q4compile.lower.options import Options

RAPID1 = load_target("rapid1")


@dataclass(frozen=True)
class Trial:
    """A machine, and how large tiles may be on it."""

    size_kib: int
    alignment_bytes: int = 64
    columns: int = 64
    rows_int4: int = 128
    cores: int = 1
    tiles: dict[str, int | bool] = field(default_factory=dict)

    @property
    def name(self) -> str:
        array = f"{self.columns}x{self.rows_int4}"
        return f"{self.size_kib}k-{self.alignment_bytes}b-{array}-{self.cores}c"

    @property
    def target(self) -> Target:
        sram = replace(RAPID1.sram, size_kib=self.size_kib, alignment_bytes=self.alignment_bytes)
        rows = replace(RAPID1.matrix.rows, int4=self.rows_int4)
        matrix = replace(RAPID1.matrix, columns=self.columns, rows=rows)
        return replace(RAPID1, name=self.name, cores=self.cores, sram=sram, matrix=matrix)

    @property
    def options(self) -> Options:
        return Options(**self.tiles)


TRIALS = (
    Trial(64, 16, 16, 32, tiles={"batch": 4, "chunk_rows": 4, "tile_columns": 32}),
    Trial(128, 64, 32, 64, tiles={"batch": 4, "chunk_rows": 8, "group_units": 64}),
    Trial(256, 128, 32, 128, tiles={"batch": 8, "chunk_rows": 16, "keep_weights": False}),
    Trial(512, 32, 128, 64, tiles={"batch": 8, "chunk_rows": 1}),
    Trial(1024, 256, 64, 64, tiles={"tile_columns": 96, "chunk_rows": 24}),
    Trial(2048),
    Trial(8192, 16, 128, 128, tiles={"folded_table_bytes": 0}),
    Trial(32768, 512, 256, 256, tiles={"chunk_rows": 512, "tile_columns": 2048}),
    Trial(1024, cores=2),
    Trial(2048, 128, 128, 64, cores=4, tiles={"chunk_rows": 32}),
)
