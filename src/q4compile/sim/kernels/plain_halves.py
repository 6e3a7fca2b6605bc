"""The functions of `halves` in numpy: operands are read whole, results are written last."""

from collections.abc import Callable

import numpy as np

from q4compile.isa.instructions.floating import Function
from q4compile.numerics.half import FUNCTIONS, Float, Half, nearest_half, sigmoid_half, tanh_half
from q4compile.numerics.half_products import Float32, half_products
from q4compile.sim.kernels.halves import Operation

GATES = 4
COMBINED: dict[Operation, Callable[[Float, Float], Float]] = {
    Operation.ADD: np.add,
    Operation.SUB: np.subtract,
    Operation.MAX: lambda x, y: _chosen(x, y, y > x),
    Operation.MIN: lambda x, y: _chosen(x, y, y < x),
    Operation.MUL: np.multiply,
}


def accumulate(x: Half, w: Half, initial: Float32 | None, out: Float32, *, depth: int) -> None:
    """As `HalfKernels.accumulate`."""
    given = None if initial is None else initial[:, : len(w)]
    with np.errstate(invalid="ignore", over="ignore"):
        sums = half_products(x[:, :depth], w[:, :depth], given)
    sums[np.isnan(sums)] = np.nan
    out[:, : len(w)] = sums


def convert(function: Function, x: Float, out: Half, *, columns: int) -> None:
    """As `HalfKernels.convert`."""
    out[:, :columns] = FUNCTIONS[function](x[:, :columns])


def combine(how: Operation, x: Half, y: Half, out: Half, *, columns: int) -> None:
    """As `HalfKernels.combine`: float64 holds every sum and product of halves."""
    with np.errstate(invalid="ignore"):
        left, right = x[:, :columns].astype(np.float64), y[:, :columns].astype(np.float64)
        out[:, :columns] = nearest_half(COMBINED[how](left, right))


def _chosen(x: Float, y: Float, takes_y: Float) -> Float:
    """x, or y where it is wanted; NaN where either is."""
    return np.where(np.isnan(x) | np.isnan(y), np.nan, np.where(takes_y, y, x))


def lstm_row(sums: Float32, inputs: Half, cell: Float32, out: Half) -> None:
    """As `HalfKernels.lstm_row`."""
    with np.errstate(invalid="ignore", over="ignore"):
        z = (inputs.astype(np.float32) + sums).reshape(-1, GATES).T
        i, o, f = (sigmoid_half(gate).astype(np.float32) for gate in z[:3])
        state = f * cell + i * tanh_half(z[3]).astype(np.float32)
        h = nearest_half(o.astype(np.float64) * tanh_half(state))
    state[np.isnan(state)] = np.nan
    cell[:] = state
    out[:] = h
