"""Tensors between phases, in DRAM that nobody needs before or after.

    area of a tensor = [k, k + pitch) · rows,  rows at least those of every tensor

so that one register, which holds the rows, says where all areas are, whatever there is to run.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import prod

from q4compile.isa.element_type import UNIT_BYTES
from q4compile.isa.program import Expression
from q4compile.lower.layout.axes import Axis, Extent, Sizes
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

    def start(self, name: str) -> Expression:
        """Units before the tensor of that name."""
        return self.rows.scaled(self.layout.offsets[name]).expression


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
    extents = [sizes.extent(_varying(tensor)) for tensor in found.values()]
    names = _covering({name for extent in extents for name in extent.names}, sizes)
    rows = Extent(max(extent.times for extent in extents), tuple(names))
    buffers = [Buffer(name, _row_units(found[name]), *alive[name]) for name in found]
    return Areas(rows, allocate(buffers, 1))


def _varying(tensor: Tensor) -> tuple[Axis, ...]:
    """Axes of rows whose length is known at run time; the others make rows longer."""
    return tuple(axis for axis in tensor.rows if isinstance(axis.size, str))


def _row_units(tensor: Tensor) -> int:
    known = (axis.size for axis in tensor.rows if isinstance(axis.size, int))
    return tensor.pitch_units * prod(known)


def _covering(names: Collection[str], sizes: Sizes) -> list[str]:
    """One size for all that follow from the same one: no smaller than any of them."""
    if not sizes.windowed and not sizes.around:
        return sorted({_root(name, sizes) for name in names})
    margins: dict[str, int] = {}
    for name in names:
        root, margin = _grown(name, sizes)
        margins[root] = max(margins.get(root, 0), margin)
    return sorted(f"{sizes.windowed_size(root, 1, margin)}" for root, margin in margins.items())


def _grown(name: str, sizes: Sizes) -> tuple[str, int]:
    """The dimension that `name` follows from, and how much larger it may be.

    Windows are never more than the frames they are made of; frames around them, and those that
    fill up a time reduction, are.
    """
    padded = sizes.around.get(name)
    if padded is not None:
        root, margin = _grown(padded.of, sizes)
        return root, margin + padded.plus
    windows = sizes.windowed.get(name)
    if windows is not None:
        return _grown(windows.of, sizes)
    reduction = next((each for each in sizes.reductions.values() if each.size == name), None)
    if reduction is None:
        return name, 0
    root, margin = _grown(reduction.of, sizes)
    return root, margin + reduction.factor - 1


def _root(name: str, sizes: Sizes) -> str:
    """The size that `name` follows from, which is no smaller, if memory has rows of that too."""
    found = (each for each in sizes.reductions.values() if each.size == name)
    reduction = next(found, None)
    if reduction is None or reduction.of in sizes.filled:
        return name
    return _root(reduction.of, sizes)
