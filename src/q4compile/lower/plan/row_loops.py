"""How a phase goes through its rows.

chunked    R rows at a time of all there are, then the rest
nested     a loop for each outer axis, all of the batch at a time; tensors may lack axes
"""

from collections.abc import Sequence
from dataclasses import dataclass

from q4compile.lower.findings import Refused
from q4compile.lower.layout.axes import Axis, Sizes
from q4compile.lower.layout.tensors import Group, Tensor, names
from q4compile.lower.options import Options
from q4compile.lower.phases.phases import RowsPhase
from q4compile.lower.plan.slots import SLOTS

MOST_LOOPS = 2


@dataclass(frozen=True)
class RowLoops:
    """The loops of a phase."""

    is_chunked: bool
    outer: Group
    inner: Group
    """Rows at a time are all of these axes; nothing where it is chunked."""
    rows: int
    """At most so many at a time."""

    @property
    def slots(self) -> int:
        """Chunks that are in on-chip memory."""
        return SLOTS if self.is_chunked else 1

    def rows_of(self, tensor: Tensor) -> int:
        """At most so many of this tensor at a time: one, if it lacks the inner axis."""
        return self.rows if self.has_inner(tensor) else 1

    def has_inner(self, tensor: Tensor) -> bool:
        """Whether a chunk of it has as many rows as there are."""
        return self.is_chunked or names(self.inner) == names(tensor.rows[-len(self.inner) :])


def row_loops(
    phase: RowsPhase, lane: Axis | None, sizes: Sizes, options: Options, chunk_rows: int
) -> RowLoops:
    """The loops of `phase`, of chunks of `chunk_rows` where it is chunked.

    Raises:
        Refused: Q325 when operands broadcast over more loops than there are.
    """
    rows = phase.rows
    if all(names(tensor.rows) == names(rows) for tensor in phase.tensors):
        most = _most(rows, lane, options)
        if most is None or most > chunk_rows:
            return RowLoops(True, (), (), chunk_rows)
        return RowLoops(False, (), rows, most)
    inner = rows[-1:] if lane is not None and names(rows[-1:]) == (lane.size,) else ()
    outer = rows[: len(rows) - len(inner)]
    if len(outer) > MOST_LOOPS or len(set(names(rows))) < len(rows):
        got = ", ".join(map(str, rows))
        raise Refused("Q325", f"broadcasting over at most {MOST_LOOPS} axes and the batch", got)
    return RowLoops(False, outer, inner, _most(inner, lane, options) or 1)


def _most(rows: Sequence[Axis], lane: Axis | None, options: Options) -> int | None:
    """How many rows there can be; None where nothing but memory limits them."""
    most = 1
    for axis in rows:
        if isinstance(axis.size, int):
            most *= axis.size
        elif axis == lane:
            most *= options.batch
        else:
            return None
    return most
