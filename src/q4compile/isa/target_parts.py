"""The parts of a target, each a section of its YAML."""

from dataclasses import dataclass
from typing import Annotated

from q4compile.isa.element_type import UNIT_BYTES
from q4compile.isa.engine import Precision
from q4compile.isa.limits import Count, Cycles, Limits, Positive, Share
from q4compile.isa.operand import MAX_UNITS

ADDRESSABLE_BYTES = (MAX_UNITS + 1) * UNIT_BYTES
KIB, MIB = 2**10, 2**20


@dataclass(frozen=True)
class MatrixRows:
    """Rows of the array at each precision: the narrower the operands, the more."""

    fp16: Count
    int8: Count
    w4a8: Count
    int4: Count


@dataclass(frozen=True)
class Matrix:
    """The array of the matrix engine."""

    columns: Count
    rows: MatrixRows
    fill_cycles: Cycles
    """Until the first result of a product comes out."""
    shadow_tiles: Cycles
    """Tiles of weights that load while another one is in use."""

    def rows_at(self, precision: Precision) -> int:
        """KeyError for `Precision.NONE`."""
        rows = self.rows
        known = {
            Precision.FP16: rows.fp16,
            Precision.INT8: rows.int8,
            Precision.W4A8: rows.w4a8,
            Precision.INT4: rows.int4,
        }
        return known[precision]

    def macs_per_cycle(self, precision: Precision) -> int:
        """``rows · columns``."""
        return self.rows_at(precision) * self.columns


@dataclass(frozen=True)
class Sram:
    """The memory of one core."""

    size_kib: Annotated[int, Limits(True, 1, ADDRESSABLE_BYTES // KIB)]
    weight_port_bytes_per_cycle: Count
    activation_port_bytes_per_cycle: Count
    decode_bytes_per_cycle: Count
    """That LD makes of a coded stream."""
    alignment_bytes: Annotated[int, Limits(True, UNIT_BYTES, 4096, is_power_of_two=True)]
    """Of tensors."""
    reserve_share: Share
    """What a plan leaves free."""

    @property
    def size_bytes(self) -> int:
        """``size_kib · 2^10``."""
        return self.size_kib * KIB


@dataclass(frozen=True)
class Dram:
    """The memory behind all cores."""

    size_mib: Annotated[int, Limits(True, 1, ADDRESSABLE_BYTES // MIB)]
    gigabytes_per_second: Positive
    """10^9 bytes, before efficiency."""
    efficiency_share: Annotated[float, Limits(False, None, 1)]
    latency_cycles: Cycles
    burst_bytes: Count
    outstanding_bursts: Count

    @property
    def size_bytes(self) -> int:
        """``size_mib · 2^20``."""
        return self.size_mib * MIB


@dataclass(frozen=True)
class CyclesPerElement:
    """What one lane needs for one element, by kind of work."""

    add: Count
    mul: Count
    rq: Count
    lut: Count
    convert: Count


@dataclass(frozen=True)
class Vector:
    """The lanes of the vector engine."""

    lanes: Count
    cycles_per_element: CyclesPerElement
    latency_cycles: Cycles


@dataclass(frozen=True)
class Sequencer:
    """The engine that resolves words."""

    issue_cycles: Cycles
    code_words: Count
    """Words that fit its memory."""


@dataclass(frozen=True)
class Ring:
    """Between the cores."""

    hop_cycles: Cycles
    bytes_per_cycle: Count
    """From each core to the next one."""


@dataclass(frozen=True)
class Host:
    """What runs the search."""

    search_us_per_step: Annotated[float, Limits(False, 0, 1e6)]


@dataclass(frozen=True)
class MacEnergy:
    """Of one multiplication with its addition [pJ]."""

    fp16: Positive
    int8: Positive
    w4a8: Positive
    int4: Positive


@dataclass(frozen=True)
class Energy:
    """Of the operations that are counted [pJ]."""

    mac_pj: MacEnergy
    sram_pj_per_bit: Positive
    dram_pj_per_bit: Positive
    vector_pj_per_operation: Positive
