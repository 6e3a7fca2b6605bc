"""How the units of an LSTM are computed: how many at a time, and where their weights are.

Memory has `cores · groups · units` units, the network maybe fewer: those added have weights of 0,
and so have no effect. Groups begin at 16-byte boundaries of h. One group needs no boundary.
"""

from dataclasses import dataclass

PIPELINED_GROUPS = 4
"""Enough for the matrix engine to work on one group while the vector engine is at another."""


@dataclass(frozen=True)
class Grouping:
    """On each core `groups` of `units` units each."""

    units: int
    groups: int
    is_resident: bool
    """The recurrent weights stay on chip for all steps."""
    cores: int = 1

    @property
    def memory_units(self) -> int:
        """Units that memory has."""
        return self.own_units * self.cores

    @property
    def own_units(self) -> int:
        """Units that a core has."""
        return self.units * self.groups

    @property
    def tiles_of_load(self) -> int:
        """Tiles that one word loads: all of a core where they stay."""
        return self.groups if self.is_resident else 1

    @property
    def ring(self) -> int:
        """Slots for sums (and for weights that do not stay): a divisor of `groups`, 2 if it is."""
        return next((n for n in range(2, self.groups + 1) if self.groups % n == 0), 1)
