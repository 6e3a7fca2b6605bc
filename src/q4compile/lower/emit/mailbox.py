"""Scalar registers of an entry: what the host writes there, and what the code keeps there."""

from dataclasses import dataclass, field
from enum import IntEnum

from q4compile.isa.operand import REGISTERS, Rows, Scalar
from q4compile.isa.program import Expression
from q4compile.lower.findings import Refused
from q4compile.lower.layout.axes import Extent


class Sharing(IntEnum):
    """Which phases take their number of chunks from one register."""

    NONE = 0
    """Those of equal rows."""
    BANDS = 1
    """Those with so many rows for each row of the others, too."""
    FRAMES = 2
    """All over frames, or what follows from frames."""


@dataclass
class Mailbox:
    """Registers are given out in the order in which they are first asked for."""

    used: dict[str, int] = field(default_factory=dict)
    expressions: dict[int, Expression] = field(default_factory=dict)
    """Registers that hold a number made of sizes, besides the sizes themselves."""
    spare: list[int] = field(default_factory=list)
    """Registers of sizes that the code never reads."""
    sharing: Sharing = Sharing.NONE

    def named(self, name: str) -> int:
        """The register of a size, of ports or of scratch memory.

        Raises:
            Refused: Q327 when there are no more.
        """
        if name not in self.used:
            if len(set(self.used.values())) == REGISTERS:
                need = f"at most {REGISTERS}"
                got = f"one more for {name}, after {', '.join(self.used)}"
                raise Refused("Q327", need, got, "fewer dynamic axes, inputs or outputs")
            self.used[name] = len(set(self.used.values()))
        return self.used[name]

    def variable(self, number: int) -> int:
        """A register for the code's own use, from phase to phase anew; raises what `named` does."""
        name = f"variable {number}"
        if name not in self.used and self.spare:
            self.used[name] = self.spare.pop()
        return self.named(name)

    def has_variable(self, number: int) -> bool:
        """Whether `variable` finds a register."""
        is_known = f"variable {number}" in self.used
        return is_known or bool(self.spare) or len(set(self.used.values())) < REGISTERS

    def holding(self, expression: Expression) -> int:
        """The register of a number that the host computes."""
        plain = expression == Expression(expression.product)
        if plain and len(expression.product) == 1:
            return self.named(expression.product[0])
        index = self.named(f"{expression}")
        self.expressions[index] = expression
        return index

    def count(self, extent: Extent) -> Rows:
        """As many rows or iterations."""
        if extent.constant is not None:
            return extent.constant
        return Scalar(self.holding(extent.expression))

    def scaled(self, extent: Extent, factor: int) -> tuple[int, int, int]:
        """``(constant, times, register)`` whose sum is factor · extent; 0 or 1 register is used."""
        if extent.constant is not None:
            return extent.constant * factor, 0, 0
        register = self.holding(Extent(1, extent.names).expression)
        return 0, extent.times * factor, register
