"""Number formats: which codes each one has.

Weights quantized symmetrically use the narrow range, whose extremes are negatives of each other, so
that −w is representable whenever w is. Activations use the full range.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """The values one element can take: integer codes in [code_min, code_max], or a float type.

    Floats have no codes: both bounds are 0.
    """

    name: str
    bits: int
    signed: bool
    is_float: bool
    code_min: int
    code_max: int

    def codes(self, *, narrow: bool = False) -> tuple[int, int]:
        """``(lo, hi)``; with `narrow`, ``lo = −hi`` for a signed format (int4: −7, 7)."""
        return (-self.code_max if narrow and self.signed else self.code_min, self.code_max)

    def __str__(self) -> str:
        return self.name


def _signed(bits: int) -> Format:
    return Format(f"int{bits}", bits, True, False, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _unsigned(bits: int) -> Format:
    return Format(f"uint{bits}", bits, False, False, 0, 2**bits - 1)


def _float(bits: int) -> Format:
    return Format(f"fp{bits}", bits, True, True, 0, 0)


FORMATS: dict[str, Format] = {
    each.name: each
    for each in (
        _float(16),
        _float(32),
        _signed(2),
        _signed(3),
        _signed(4),
        _signed(8),
        _signed(16),
        _unsigned(4),
        _unsigned(8),
    )
}


def format_named(name: str) -> Format:
    """The format called `name`; KeyError for a name not in `FORMATS`."""
    return FORMATS[name]
