"""Where the coefficients of the `sawb` range setter come from: python benchmarks/fit_sawb.py

    alpha* / E|x| = c1 * sqrt(E x^2) / E|x| + c2        (Choi et al., 2018, arXiv 1807.06964)

alpha* is the clip of least mean squared error on a grid of an odd number of levels with 0 among
them. It is found for six distributions by numerical integration, and c1, c2 by least squares over
them. Published pairs, for 3 and 15 levels, are shown beside the fitted ones; the pair for 7 levels
is this script's. Nothing is random: every run prints the same.
"""

import argparse
import json
import sys
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from q4compile.cli.bars import progress_for
from q4compile.numerics.rounding import fake_quantize
from q4compile.quantize.ranges.sawb import COEFFICIENTS

Floats = NDArray[np.float64]
POINTS = 40_001
REACH = 40.0
"""Half the integration interval, in scale parameters: exp(-40) is far below any error reported."""

DENSITIES: dict[str, tuple[Callable[[Floats], Floats], float]] = {
    "normal": (lambda x: np.exp(-(x**2) / 2), 12.0),
    "Laplace": (lambda x: np.exp(-np.abs(x)), REACH),
    "uniform": (np.ones_like, 1.0),
    "logistic": (lambda x: np.cosh(x / 2) ** -2.0, REACH),
    "triangular": (lambda x: 1 - np.abs(x), 1.0),
    "von Mises": (lambda x: np.exp(np.cos(x)), np.pi),
}
"""Name -> density up to a factor, and where its support ends (or what lies beyond is nothing)."""
BITS = (2, 3, 4)


def main() -> int:
    arguments = options()
    progress = progress_for(not arguments.json)
    fits = {bits: fit(2 ** (bits - 1) - 1) for bits in progress(BITS, "fitting")}
    if arguments.json:
        print(json.dumps({f"{2**bits - 1} levels": fits[bits] for bits in BITS}, indent=2))
    else:
        show(fits)
    return 0


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser.parse_args()


def fit(highest: int) -> dict[str, float]:
    """c1, c2 and the worst error of the prediction, for codes -highest..highest."""
    rows = [moments_and_clip(density, end, highest) for density, end in DENSITIES.values()]
    rms, mean_abs, clip = np.array(rows).T
    ratios = np.stack([rms / mean_abs, np.ones_like(rms)], axis=1)
    (c1, c2), *_ = np.linalg.lstsq(ratios, clip / mean_abs, rcond=None)
    own = c1 * rms + c2 * mean_abs
    used1, used2 = COEFFICIENTS[(2 * highest + 1).bit_length()]
    used = used1 * rms + used2 * mean_abs
    return {
        "c1": float(c1),
        "c2": float(c2),
        "worst_percent": float(np.abs(own / clip - 1).max() * 100),
        "used_c1": used1,
        "used_c2": used2,
        "used_worst_percent": float(np.abs(used / clip - 1).max() * 100),
    }


def moments_and_clip(
    density: Callable[[Floats], Floats], end: float, highest: int
) -> tuple[float, float, float]:
    """sqrt(E x^2), E|x| and alpha* of one symmetric distribution, over its positive half."""
    x = (np.arange(POINTS) + 0.5) * (end / POINTS)
    weights = density(x)
    weights /= weights.sum()
    clip = golden_section(lambda alpha: error(x, weights, alpha, highest), end)
    return float(np.sqrt(x**2 @ weights)), float(x @ weights), clip


def error(x: Floats, weights: Floats, alpha: float, highest: int) -> float:
    """E (x - Q(x))^2 with the clip at `alpha`."""
    difference = x - fake_quantize(x, alpha / highest, 0, -highest, highest)
    return float(difference**2 @ weights)


def golden_section(cost: Callable[[float], float], end: float) -> float:
    """The best of 64 clips, narrowed to 1e-5 of `end`: beside its best the cost has one valley."""
    coarse = np.linspace(end / 64, end, 64)
    best = int(np.argmin([cost(alpha) for alpha in coarse]))
    low, high = coarse[max(best - 1, 0)], coarse[min(best + 1, 63)]
    golden = (np.sqrt(5) - 1) / 2
    while high - low > 1e-5 * end:
        left, right = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, right) if cost(left) < cost(right) else (left, high)
    return float(low + high) / 2


def show(fits: dict[int, dict[str, float]]) -> None:
    table = Table("levels", "fitted c1", "c2", "worst %", "used c1", "c2", "worst %")
    for bits, found in fits.items():
        cells = [f"{found[key]:.3f}" for key in ("c1", "c2")] + [f"{found['worst_percent']:.1f}"]
        cells += [f"{found[key]:.3f}" for key in ("used_c1", "used_c2")]
        table.add_row(str(2**bits - 1), *cells, f"{found['used_worst_percent']:.1f}")
    Console().print(table)
    Console().print("worst %: the largest relative error of the clip over the six distributions")


if __name__ == "__main__":
    sys.exit(main())
