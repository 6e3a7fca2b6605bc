"""The five in-order engines, and the precisions of the matrix engine."""

from enum import IntEnum


class Engine(IntEnum):
    """Who executes a word; the value is the word's `engine` field and the engine's bit in `Bar`."""

    SQ = 0
    """Sequencer: loops, registers, dispatch."""
    LD = 1
    """DRAM → SRAM."""
    ST = 2
    """SRAM → DRAM."""
    MX = 3
    """Matrix products."""
    VX = 4
    """Everything element by element."""


class Precision(IntEnum):
    """Operands of a matrix product: what x and w are; the value is the word's `precision` field."""

    NONE = 0
    """No matrix product."""
    INT4 = 1
    """x i4, w i4."""
    INT8 = 2
    """x i8, w i8."""
    W4A8 = 3
    """x i8, w i4."""
    FP16 = 4
    """x f16, w f16; sums are f32."""
