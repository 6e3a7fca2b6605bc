"""Figures: a flat map of name to number, with the unit in the name (``wer_percent``)."""

import math
import sys
from collections.abc import Iterator, Mapping
from numbers import Integral
from typing import SupportsFloat, TypeAlias, TypeGuard

from q4compile.errors import Finding
from q4compile.report.json_file import Json

LONGEST = 80
Number: TypeAlias = int | float
Figures: TypeAlias = Mapping[str, Number]


def plain(figures: Mapping[str, SupportsFloat]) -> dict[str, Number]:
    """The same figures as Python's own numbers, whatever numpy type they had.

    Raises:
        ValueError: when a figure is NaN or infinite; a command must not write such a record.
    """
    found: dict[str, Number] = {}
    for name, value in figures.items():
        found[name] = int(value) if isinstance(value, Integral) else float(value)
        if not math.isfinite(found[name]):
            raise ValueError(f"figure {name!r} is {value}")
    return found


def is_number(value: Json) -> TypeGuard[Number]:
    """True for a finite int or float; a bool is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= sys.float_info.max


def figure_findings(at: str, figures: Mapping[str, Json]) -> Iterator[Finding]:
    """Q564 for every figure that is not a finite number."""
    for name, value in figures.items():
        if not is_number(value):
            need = "a finite number for each figure"
            got = f"{name} = {value!r}"[:LONGEST]
            yield Finding("Q564", "a figure is not a number", at, need, got)
