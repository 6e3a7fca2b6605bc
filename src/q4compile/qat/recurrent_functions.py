"""Sigmoid, tanh and rounding to a grid for compiled loops: plain arithmetic that vectorizes.

Both are the rational approximations of Eigen and of onnxruntime's MLAS, within 2.6e-7 of the exact
function: the emitted file's own Sigmoid and Tanh, so that h falls on the same code there.
"""

from typing import Any

import numba
import numpy as np

F = np.float32

# Products may be fused with sums; divisions stay exact, so that codes are those of QuantizeLinear,
# and NaN stays NaN, so that a training run that diverges shows it.
COMPILED: dict[str, Any] = {
    "fastmath": {"contract"},
    "error_model": "numpy",
    "cache": True,
}
INLINED = COMPILED | {"inline": "always"}
"""Callers keep compiled code of their own: numba sees when their file changes, but not this one."""

_T1, _T3, _T5, _T7, _T9, _T11, _T13 = (
    F(4.89352455891786e-03),
    F(6.37261928875436e-04),
    F(1.48572235717979e-05),
    F(5.12229709037114e-08),
    F(-8.60467152213735e-11),
    F(2.00018790482477e-13),
    F(-2.76076847742355e-16),
)
_U0, _U2, _U4, _U6 = (
    F(4.89352518554385e-03),
    F(2.26843463243900e-03),
    F(1.18534705686654e-04),
    F(1.19825839466702e-06),
)
_S1, _S3, _S5, _S7, _S9 = (
    F(2.48287947061529e-01),
    F(8.51377133304701e-03),
    F(6.08574864600143e-05),
    F(1.15627324459942e-07),
    F(4.37031012579801e-11),
)
_V0, _V2, _V4, _V6, _V8, _V10 = (
    F(9.93151921023180e-01),
    F(1.16817656904453e-01),
    F(1.70198817374094e-03),
    F(6.29106785017040e-06),
    F(5.76102136993427e-09),
    F(6.10247389755681e-13),
)
_TANH_END, _SIGMOID_END = F(9.0), F(18.0)
ONE, HALF = F(1.0), F(0.5)


@numba.njit(**INLINED)  # type: ignore[untyped-decorator]
def clipped(x: Any, low: Any, high: Any) -> Any:
    """x within [low, high]; NaN stays NaN."""
    return low if x < low else (high if x > high else x)


@numba.njit(**INLINED)  # type: ignore[untyped-decorator]
def tanh(x: Any) -> Any:
    """tanh(x) of a float32."""
    x = clipped(x, -_TANH_END, _TANH_END)
    u = x * x
    top = ((((((_T13 * u + _T11) * u + _T9) * u + _T7) * u + _T5) * u + _T3) * u + _T1) * x
    return top / (((_U6 * u + _U4) * u + _U2) * u + _U0)


@numba.njit(**INLINED)  # type: ignore[untyped-decorator]
def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(−x)) of a float32."""
    x = clipped(x, -_SIGMOID_END, _SIGMOID_END)
    u = x * x
    top = ((((_S9 * u + _S7) * u + _S5) * u + _S3) * u + _S1) * x
    return top / (((((_V10 * u + _V8) * u + _V6) * u + _V4) * u + _V2) * u + _V0) + HALF


@numba.njit(**INLINED)  # type: ignore[untyped-decorator]
def fake_quantized(x: Any, grid: Any) -> Any:
    """s · (clip(rne(x / s) + Z, lo, hi) − Z), `grid` being (s, Z, lo, hi)."""
    scale, zero, lo, hi = grid
    return (clipped(np.rint(x / scale) + zero, lo, hi) - zero) * scale


@numba.njit(**INLINED)  # type: ignore[untyped-decorator]
def quantizer_gradient(x: Any, grad: Any, grid: Any) -> Any:
    """(dx, E, B, A): what `grad` becomes before the quantizer, and its shares of the three sums.

    E of rounding inside the range, B below it, A above it (see q4compile.qat.grid).
    """
    scale, zero, lo, hi = grid
    exact = x / scale
    code = np.rint(exact)
    nothing = F(0.0)
    below = grad if code + zero < lo else nothing
    above = grad if code + zero > hi else nothing
    inside = grad - below - above
    return inside, inside * (code - exact), below, above
