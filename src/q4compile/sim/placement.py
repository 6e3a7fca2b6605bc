"""Where things lie in DRAM for given dimensions: data at 0, then ports, then scratch, 64 by 64."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from q4compile.errors import DataError, Finding, TargetError, raise_all
from q4compile.isa.element_type import UNIT_BYTES
from q4compile.isa.operand import REGISTERS
from q4compile.isa.program import Entry, Expression, Port
from q4compile.isa.program_findings import not_there
from q4compile.sim.data_findings import too_much_memory
from q4compile.sim.ports import Extent, extent

ALIGNMENT_BYTES = 64
LEAST, MOST = -(2**31), 2**31 - 1


@dataclass(frozen=True)
class Placed:
    """A region of DRAM."""

    start: int
    size_bytes: int


@dataclass(frozen=True)
class Placement:
    """Of one entry."""

    inputs: tuple[tuple[Extent, Placed], ...]
    outputs: tuple[tuple[Extent, Placed], ...]
    scratch: tuple[tuple[str, Placed], ...]
    size_bytes: int
    """Of all of DRAM."""
    scalars: tuple[int, ...]
    """S0 to S15 at the start, on core 0."""

    def scalars_of(self, entry: Entry, core: int) -> list[int]:
        """The same on another core."""
        scalars = list(self.scalars)
        if entry.core_register is not None:
            scalars[entry.core_register] = core
        return scalars


def place(
    entry: Entry, dimensions: Mapping[str, int], data_bytes: int, limit_bytes: int, at: str
) -> Placement:
    """The placement, which is no larger than the limit.

    Raises:
        DataError: Q577, the limit is too small, or a register cannot hold its number.
        TargetError: Q316, the entry allocates less than it uses.
    """
    sizes = entry.sizes(dimensions)
    raise_all(TargetError, list(_room_findings(entry, sizes, at)))
    blocks = _blocks(entry, sizes)
    starts: dict[int, int] = {}
    top = _aligned(data_bytes)
    for register, size in blocks.items():
        starts[register], top = top, _aligned(top + size)
    if top > limit_bytes:
        need = f"at most {limit_bytes} bytes of DRAM"
        raise DataError(too_much_memory(at, need, f"{top}"))
    scalars = _scalars(entry, sizes, starts)
    _require_registers(scalars, at)
    ports = [(extent(each, sizes), _placed(each, sizes, starts)) for each in entry.ports]
    scratch = tuple(
        (each.name, Placed(starts[each.register], _size(each.bytes, sizes)))
        for each in entry.scratch
    )
    return Placement(_of(ports, "in"), _of(ports, "out"), scratch, top, tuple(scalars))


def _size(expression: Expression, sizes: Mapping[str, int], times: int = 1) -> int:
    return max(expression.value(sizes) * times, 0)


def _placed(port: Port, sizes: Mapping[str, int], starts: Mapping[int, int]) -> Placed:
    start = starts[port.register] + port.offset * UNIT_BYTES
    return Placed(start, _size(port.rows, sizes, port.pitch_bytes))


def _blocks(entry: Entry, sizes: Mapping[str, int]) -> dict[int, int]:
    """S register → bytes of the block whose address it holds; ports may share one."""
    blocks: dict[int, int] = {}
    for port in entry.ports:
        stop = port.offset * UNIT_BYTES + _size(port.rows, sizes, port.pitch_bytes)
        blocks[port.register] = max(blocks.get(port.register, 0), stop)
    for each in entry.scratch:
        blocks[each.register] = _size(each.bytes, sizes)
    return blocks


def _scalars(entry: Entry, sizes: Mapping[str, int], starts: Mapping[int, int]) -> list[int]:
    scalars = [0] * REGISTERS
    for register, start in starts.items():
        scalars[register] = start // UNIT_BYTES
    for dimension in entry.dimensions:
        scalars[dimension.register] = sizes[dimension.name]
    for derived in entry.derived:
        scalars[derived.register] = sizes[derived.name]
    for register, expression in entry.registers:
        scalars[register] = expression.value(sizes)
    return scalars


def _aligned(size_bytes: int) -> int:
    return -(-size_bytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


def _of(ports: list[tuple[Extent, Placed]], direction: str) -> tuple[tuple[Extent, Placed], ...]:
    return tuple(each for each in ports if each[0].port.direction == direction)


def _room_findings(entry: Entry, sizes: Mapping[str, int], at: str) -> Iterator[Finding]:
    for port in entry.ports:
        used, where = extent(port, sizes), f"{at}, port {port.name!r}"
        size_bytes = _size(port.rows, sizes, port.pitch_bytes)
        last = (used.rows - 1) * port.pitch_bytes + used.row_bytes if used.rows else 0
        if used.row_bytes > port.pitch_bytes and used.rows > 1:
            need = f"pitch_bytes: at least {used.row_bytes}"
            yield not_there(where, need, f"{port.pitch_bytes}")
        elif last > size_bytes:
            yield not_there(where, f"rows that hold {last} bytes", f"{size_bytes}")


def _require_registers(scalars: list[int], at: str) -> None:
    wrong = [index for index, value in enumerate(scalars) if not LEAST <= value <= MOST]
    raise_all(
        DataError,
        [too_much_memory(at, f"S{index} in int32", f"{scalars[index]}") for index in wrong],
    )
