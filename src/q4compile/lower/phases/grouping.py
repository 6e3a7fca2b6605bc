"""How the units of an LSTM are computed: how many at a time, and where their weights are.

Memory has `cores · groups · units` units, the network maybe fewer: those added have weights of 0,
and so have no effect. Groups begin at 16-byte boundaries of h. One group needs no boundary.

    groups = turns · turn,  of each turn `kept` groups stay on chip and turn − kept come by

so that weights load while groups that stay are multiplied, and memory is full of what stays.
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
    turn: int = 1
    """Groups in an iteration of the loop over groups; more than one where only some stay."""
    kept: int = 0
    """Those of a turn whose weights stay, the first ones."""

    @property
    def memory_units(self) -> int:
        """Units that memory has."""
        return self.own_units * self.cores

    @property
    def own_units(self) -> int:
        """Units that a core has."""
        return self.units * self.groups

    @property
    def ring(self) -> int:
        """Slots for sums: a turn's, else a divisor of `groups`, 2 if it is."""
        if self.turn > 1:
            return self.turn
        return next((n for n in range(2, self.groups + 1) if self.groups % n == 0), 1)

    @property
    def turns(self) -> int:
        """Iterations of the loop over groups."""
        return self.groups // self.turn

    @property
    def kept_groups(self) -> int:
        """Those whose weights stay."""
        return self.groups if self.is_resident else self.turns * self.kept

    @property
    def passing_slots(self) -> int:
        """Slots for weights that come by."""
        return 0 if self.is_resident else self.ring - self.kept

    @property
    def passing_units(self) -> int:
        """Units of a core whose weights come by at each step."""
        return (self.groups - self.kept_groups) * self.units
