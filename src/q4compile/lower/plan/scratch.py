"""Tensors between phases, in DRAM that nobody needs before or after.

    area of a tensor = [k, k + pitch) · rows,  rows at least those of every tensor

so that one register, which holds the rows, says where all areas are, whatever there is to run.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from q4compile.isa.element_type import UNIT_BYTES
from q4compile.isa.program import Expression
from q4compile.lower.layout.axes import Extent, Sizes
from q4compile.lower.layout.tensors import Tensor
from q4compile.lower.phases.phases import Phase
from q4compile.lower.plan.sram import Buffer, Layout, allocate


@dataclass(frozen=True)
class Areas:
    """Where tensors are, in units per row of `rows`."""

    rows: Extent
    layout: Layout

    @property
    def expression(self) -> Expression:
        """Bytes of all."""
        return self.rows.scaled(self.layout.peak_bytes * UNIT_BYTES).expression


def areas_of(phases: Sequence[Phase], ports: set[str], sizes: Sizes) -> Areas | None:
    """An area for each tensor that is no port, free again when its last reader is done."""
    found: dict[str, Tensor] = {}
    alive: dict[str, tuple[int, int]] = {}
    for n, phase in enumerate(phases):
        for tensor in (*phase.writes, *phase.reads):
            if tensor.name not in ports:
                found[tensor.name] = tensor
                first, _ = alive.get(tensor.name, (n, n))
                alive[tensor.name] = (first, n)
    if not found:
        return None
    extents = [sizes.extent(tensor.rows) for tensor in found.values()]
    names = sorted({_root(name, sizes) for extent in extents for name in extent.names})
    rows = Extent(max(extent.times for extent in extents), tuple(names))
    buffers = [Buffer(name, found[name].pitch_units, *alive[name]) for name in found]
    return Areas(rows, allocate(buffers, 1))


def _root(name: str, sizes: Sizes) -> str:
    """The size that `name` follows from, which is no smaller, if memory has rows of that too."""
    found = (each for each in sizes.reductions.values() if each.size == name)
    reduction = next(found, None)
    if reduction is None or reduction.of in sizes.filled:
        return name
    return _root(reduction.of, sizes)
