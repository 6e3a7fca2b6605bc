"""The range setters a scheme may name, what each one takes, and what it is not for.

This is what a recipe needs to know of them; how each finds the range is in ``quantize``.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class RangeSetter:
    """How the largest code gets its value."""

    name: str
    says: str
    parameter: str | None = None
    """The scheme key that belongs to this setter alone."""
    symmetric_only: bool = False
    bits: frozenset[int] | None = None
    """The widths it is defined for; None for all."""


SETTERS = (
    RangeSetter("fixed", "the range in `clip`, whatever the data", parameter="clip"),
    RangeSetter("lsq", "learned in training, rounding errors counted; before it, as mse"),
    RangeSetter("minmax", "the extremes of the data"),
    RangeSetter("mse", "the clip with the least squared error over the data"),
    RangeSetter("pact", "learned in training from what is clipped; before it, as mse"),
    RangeSetter("pact+", "pact with rounding errors counted; before training, as mse"),
    RangeSetter(
        "percentile",
        "the range that `percentile` % of the data lie in on either side",
        parameter="percentile",
    ),
    RangeSetter(
        "sawb",
        "c1·sqrt(E[w²]) + c2·E|w|, which is near the least squared error for bell-shaped weights",
        symmetric_only=True,
        bits=frozenset({2, 3, 4, 8}),
    ),
)


def setter_named(name: str) -> RangeSetter:
    """The setter called `name`, one of `SETTERS`."""
    return next(each for each in SETTERS if each.name == name)
