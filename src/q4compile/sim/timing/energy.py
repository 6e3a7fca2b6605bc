"""``Energy = Σ count · energy of one``, by what takes it."""

from collections.abc import Mapping
from dataclasses import dataclass

from q4compile.isa.target import Target
from q4compile.sim.timing.work import Work

PJ_PER_MJ = 1e9
BITS = 8


@dataclass(frozen=True)
class Energy:
    """In picojoules."""

    mac_pj: float
    sram_pj: float
    dram_pj: float
    vector_pj: float

    @property
    def total_pj(self) -> float:
        """Of all four."""
        return self.mac_pj + self.sram_pj + self.dram_pj + self.vector_pj

    @property
    def total_mj(self) -> float:
        """The same in millijoules."""
        return self.total_pj / PJ_PER_MJ

    def shares(self) -> Mapping[str, float]:
        """Of the total, by what takes it; all 0 where nothing takes any."""
        total = self.total_pj or 1.0
        parts = {"mac": self.mac_pj, "sram": self.sram_pj, "dram": self.dram_pj}
        return {name: part / total for name, part in (parts | {"vector": self.vector_pj}).items()}


def energy_of(work: Work, target: Target) -> Energy:
    """By the target's table; the DRAM transfers whole bursts, the SRAM has its weight port too."""
    each, macs = target.energy, target.energy.mac_pj
    return Energy(
        work.macs_fp16 * macs.fp16
        + work.macs_int8 * macs.int8
        + work.macs_w4a8 * macs.w4a8
        + work.macs_int4 * macs.int4,
        BITS * work.sram_bytes * each.sram_pj_per_bit,
        BITS * work.dram_burst_bytes * each.dram_pj_per_bit,
        work.vector_operations * each.vector_pj_per_operation,
    )
