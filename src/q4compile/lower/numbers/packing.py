"""Numbers as memory holds them: rows at their pitch."""

import numpy as np
from numpy.typing import ArrayLike

from q4compile.isa.element_type import ElementType
from q4compile.numerics.packing import pack

DTYPES = {ElementType.I8: "<i1", ElementType.I16: "<i2", ElementType.I32: "<i4"}
DTYPES |= {ElementType.F16: "<f2", ElementType.F32: "<f4"}


def packed_rows(numbers: ArrayLike, element: ElementType, pitch_bytes: int | None = None) -> bytes:
    """``[rows, columns]`` at the default pitch of so many columns, or at another one."""
    matrix = np.asarray(numbers)
    pitch = element.pitch_bytes(matrix.shape[1]) if pitch_bytes is None else pitch_bytes
    rows = np.zeros((len(matrix), pitch), np.uint8)
    if element is ElementType.I4:
        even = np.zeros((len(matrix), matrix.shape[1] + matrix.shape[1] % 2), np.int64)
        even[:, : matrix.shape[1]] = matrix
        packed = pack(even, element.bits).reshape(len(matrix), -1)
    else:
        typed = np.ascontiguousarray(matrix, DTYPES[element])
        if not np.array_equal(typed, matrix):
            raise ValueError(f"numbers that {element.name.lower()} does not hold")
        packed = typed.view(np.uint8).reshape(len(matrix), -1)
    rows[:, : packed.shape[1]] = packed
    return rows.tobytes()


def packed_words(numbers: ArrayLike) -> bytes:
    """Multipliers, 32 bits each."""
    return np.asarray(numbers, "<u4").tobytes()
