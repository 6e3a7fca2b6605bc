"""What is decided so far about a network, while its nodes are gone through in order."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

from q4compile.errors import Finding
from q4compile.quantize.network import HALF, Network, Node
from q4compile.quantize.oracle.decisions import (
    Constant,
    Curve,
    Gated,
    Known,
    Linear,
    Lstm,
    Read,
    Rows,
    Table,
    Unpacked,
)
from q4compile.quantize.oracle.fixed_formats import finest
from q4compile.quantize.oracle.multiplier import Multipliers, TooLarge, multipliers
from q4compile.quantize.oracle.readers import Readers
from q4compile.quantize.oracle.refusal import Refusal
from q4compile.quantize.oracle.rounding import INT16
from q4compile.quantize.oracle.staircase import nudged
from q4compile.quantize.oracle.tensor import (
    Fixed,
    Grid,
    Integers,
    Representation,
    Wide,
    Zeros,
    grid_of,
)

MOST_BITS = 8
NOTHING = Fraction(0)


@dataclass
class Draft:
    """Decisions and findings as they come."""

    network: Network
    wide_cells: bool = False
    """Whether LSTMs have c in 32 bits."""
    values: dict[str, Known] = field(default_factory=dict)
    linear: dict[str, Linear] = field(default_factory=dict)
    lstm: dict[str, Lstm] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)
    reads: dict[tuple[str, int], Read] = field(default_factory=dict)
    fused: dict[str, str] = field(default_factory=dict)
    """Add of a bias → the product it belongs to."""
    unpacked: dict[tuple[str, int], Unpacked] = field(default_factory=dict)
    rows: dict[str, Rows] = field(default_factory=dict)
    gated: dict[str, Gated] = field(default_factory=dict)
    constants: dict[tuple[str, int], Constant] = field(default_factory=dict)
    curves: dict[str, Curve] = field(default_factory=dict)
    leaks: dict[str, Fixed] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @cached_property
    def readers(self) -> Readers:
        """Of every value."""
        return Readers(self.network, self.wide_cells)

    @contextmanager
    def collecting(self, at: str) -> Iterator[None]:
        """What is refused inside becomes a finding at `at`."""
        try:
            yield
        except Refusal as refusal:
            self.findings.append(refusal.finding(at))

    def known(self, name: str) -> Known | None:
        """What `name` is; None for a constant of real numbers, and for what was refused."""
        constant = self.network.constants.get(name)
        if constant is None:
            return self.values.get(name)
        if constant.dtype.kind in "iub":
            return Known(Integers(), NOTHING)
        return None if constant.any() else Known(Zeros(), NOTHING)

    def is_ready(self, node: Node) -> bool:
        """Whether all that `node` reads is decided: what depends on refused values is passed by."""
        names = [operand.value for operand in node.inputs if operand.value]
        return all(name in self.values or name in self.network.constants for name in names)

    def read(self, node: Node, port: int, wanted: Grid | None = None) -> Known:
        """What `node` finds at `port`: the value on the grid of its operand, or on `wanted`.

        Raises:
            Refusal: Q142 for a constant of real numbers, and for a grid other than the value's.
        """
        operand = node.inputs[port]
        found = self.known(operand.value)
        if found is None:
            raise Refusal("Q142", "an operand that is computed", f"the constant '{operand.value}'")
        if operand.grid not in (None, HALF):
            wanted = grid_of(self.network.grids[str(operand.grid)])
        if wanted is None or wanted == found.representation:
            return found
        _check_bits(operand.value, wanted)
        self._bring(operand.value, found.representation, wanted, (node.name, port))
        return Known(wanted, wanted.bound)

    def _bring(self, value: str, source: Representation, grid: Grid, at: tuple[str, int]) -> None:
        if isinstance(source, Fixed):
            made = in_range([1 / (Fraction(2) ** source.f * grid.scale)])
            self.reads[at] = Read(value, source, grid, nudged(made, grid, [INT16]))
        elif isinstance(source, Zeros):
            self.reads[at] = Read(value, source, grid, None)
        else:
            raise Refusal("Q142", f"'{value}' read as it is, on {source}", f"on {grid}")

    def wanted(self, name: str) -> Representation | None:
        """What all readers of the numbers of `name` ask for; None if they differ, or take it as is.

        Raises:
            Refusal: Q142 for a grid of more than 8 bits.
        """
        found = self.readers.wanted(name)
        only = next(iter(found)) if len(found) == 1 else None
        if isinstance(only, Grid):
            _check_bits(name, only)
        return only

    def fixed(self, node: Node, port: int) -> tuple[Fixed, Fraction]:
        """Format and bound of the real value at `port`; codes of a grid become ``fixed(f)``.

        Raises:
            Refusal: Q142 for integers and zeros.
        """
        found = self.read(node, port)
        kind = found.representation
        if isinstance(kind, Grid):
            result = finest(kind.bound)
            made = in_range([kind.scale * Fraction(2) ** result.f])
            self.unpacked[node.name, port] = Unpacked(kind, result, made)
            return result, min(found.bound, result.bound)
        if not isinstance(kind, Fixed):
            raise Refusal("Q142", "real numbers", f"'{node.inputs[port].value}', {kind}")
        return kind, found.bound

    def grid(self, node: Node, port: int) -> Grid:
        """The grid that the value at `port` is read on.

        Raises:
            Refusal: Q142 for a value that is on none.
        """
        found = self.read(node, port)
        if not isinstance(found.representation, Grid):
            got = f"'{node.inputs[port].value}', {found.representation}"
            fix = "a recipe rule with an integer format of at most 8 bits for this input"
            raise Refusal("Q142", "an operand on a grid", got, fix)
        return found.representation

    def set(self, name: str, kind: Representation, bound: Fraction = NOTHING) -> None:
        """`name` is `kind`; after saturation it is no larger than its format allows."""
        if name:
            most = kind.bound if isinstance(kind, (Fixed, Grid, Wide)) else NOTHING
            self.values[name] = Known(kind, min(bound, most))


def in_range(ratios: list[Fraction]) -> Multipliers:
    """Their multipliers.

    Raises:
        Refusal: Q144 for one that is 2^24 or more.
    """
    try:
        return multipliers(ratios)
    except TooLarge as error:
        raise Refusal("Q144", "scales whose ratio is below 2^24", f"{error}") from error


def _check_bits(name: str, grid: Grid) -> None:
    if grid.bits > MOST_BITS:
        got = f"'{name}' read in {grid.bits} bits"
        raise Refusal("Q142", f"grids of at most {MOST_BITS} bits", got)
