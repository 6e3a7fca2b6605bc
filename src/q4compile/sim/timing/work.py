"""What a word asks of the machine when it is executed once, however long it has to wait."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Work:
    """Counts that do not depend on time; `a + b` and `a · n` add up words."""

    words: int = 0
    macs_fp16: int = 0
    macs_int8: int = 0
    macs_w4a8: int = 0
    macs_int4: int = 0
    weight_port_bytes: int = 0
    """Of the tiles that the array loads, each whole."""
    sram_bytes: int = 0
    """Read and written by engines."""
    dram_read_bytes: int = 0
    dram_written_bytes: int = 0
    dram_burst_bytes: int = 0
    """Both ways, in whole bursts: what the memory transfers."""
    vector_operations: int = 0
    vector_lane_cycles: int = 0
    """Cycles of one lane that the operations take."""

    @property
    def macs(self) -> int:
        """At all precisions."""
        return self.macs_fp16 + self.macs_int8 + self.macs_w4a8 + self.macs_int4

    @property
    def dram_bytes(self) -> int:
        """Both ways, without what fills the bursts."""
        return self.dram_read_bytes + self.dram_written_bytes

    def __add__(self, other: "Work") -> "Work":
        return Work(*(getattr(self, n) + getattr(other, n) for n in NAMES))

    def __mul__(self, times: int) -> "Work":
        return Work(*(getattr(self, n) * times for n in NAMES))


NAMES = tuple(each.name for each in fields(Work))
