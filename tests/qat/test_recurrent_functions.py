"""Sigmoid, tanh and rounding in compiled loops against numpy in float64."""

import numba
import numpy as np
import pytest

from q4compile.numerics.rounding import fake_quantize
from q4compile.qat.recurrent_functions import fake_quantized, quantizer_gradient, sigmoid, tanh

WITHIN = 2.6e-7
NUMBERS = np.concatenate(
    [np.linspace(-25, 25, 20001), [0.0, 1e-30, -1e-30, np.inf, -np.inf, 3e38]]
).astype(np.float32)
GRID = tuple(np.float32(number) for number in (0.25, -2, -8, 7))


@numba.njit
def each(function, numbers):
    return np.array([function(number) for number in numbers])


def logistic(x):
    return 0.5 + 0.5 * np.tanh(0.5 * x)


@pytest.mark.parametrize(("ours", "exact"), [(tanh, np.tanh), (sigmoid, logistic)])
def test_within_float32_of_the_exact_function(ours, exact):
    error = np.abs(each(ours, NUMBERS) - exact(NUMBERS.astype(np.float64)))
    assert error.max() <= WITHIN


@pytest.mark.parametrize("function", [tanh, sigmoid])
def test_what_is_no_number_stays_none(function):
    assert np.isnan(each(function, np.array([np.nan], np.float32))).all()


def test_rounding_is_that_of_the_file():
    scale, zero, lo, hi = GRID
    numbers = np.arange(-40, 40, dtype=np.float32) / 16  # every tie is among them
    ours = np.array([fake_quantized(number, GRID) for number in numbers])
    np.testing.assert_array_equal(ours, fake_quantize(numbers, scale, int(zero), int(lo), int(hi)))


def test_shares_of_the_three_sums():
    below, inside, above = (np.float32(number) for number in (-1.7, 0.3, 2.6))
    grad = np.float32(3)
    assert quantizer_gradient(below, grad, GRID) == (0, 0, 3, 0)
    assert quantizer_gradient(above, grad, GRID) == (0, 0, 0, 3)
    dx, error, under, over = quantizer_gradient(inside, grad, GRID)
    assert (dx, under, over) == (3, 0, 0)
    assert error == pytest.approx(3 * (1 - 0.3 / 0.25), rel=1e-6)
