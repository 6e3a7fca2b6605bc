"""What a host does before an entry starts: places ports and scratch in DRAM, fills the mailbox.

Areas lie behind DATA with gaps between them, so that no word reaches from one into another unseen.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from q4compile.isa.element_type import UNIT_BYTES, aligned_bytes
from q4compile.isa.operand import REGISTERS
from q4compile.isa.program import Entry
from q4compile.isa.region import Memory, Region

GAP_UNITS = 4096


@dataclass(frozen=True)
class Area:
    """Bytes [start, stop) of DRAM that an entry may use."""

    name: str
    start: int
    stop: int
    is_writable: bool


@dataclass(frozen=True)
class Host:
    """An entry that is ready to start."""

    sizes: Mapping[str, int]
    """Of dimensions and derived sizes."""
    mailbox: tuple[int, ...]
    """S0 to S15 of core 0."""
    areas: tuple[Area, ...]
    stop: int
    """One past the last byte of DRAM in use."""


def written_registers(entry: Entry) -> frozenset[int]:
    """The S registers that hold something when the entry starts."""
    parts = (entry.dimensions, entry.derived, entry.ports, entry.scratch)
    held = {each.register for part in parts for each in part}
    held |= {register for register, _ in entry.registers}
    return frozenset(held if entry.core_register is None else held | {entry.core_register})


def mailbox_of(entry: Entry, host: "Host", core: int) -> tuple[int, ...]:
    """S0 to S15 of one of the cores."""
    s = list(host.mailbox)
    if entry.core_register is not None:
        s[entry.core_register] = core
    return tuple(s)


def prepared(entry: Entry, dimensions: Mapping[str, int], data_bytes: int) -> Host:
    """The entry at these dimensions, in front of DRAM whose first bytes are DATA."""
    sizes = entry.sizes(dimensions)
    mailbox = _numbers(entry, sizes)
    areas: list[Area] = []
    units = aligned_bytes(data_bytes) // UNIT_BYTES
    for register, block in sorted(_blocks(entry, sizes).items()):
        mailbox[register] = units + GAP_UNITS
        start = UNIT_BYTES * mailbox[register]
        areas += (Area(a.name, start + a.start, start + a.stop, a.is_writable) for a in block)
        units = areas[-1].stop // UNIT_BYTES
    return Host(sizes, tuple(mailbox), tuple(areas), UNIT_BYTES * units)


def _numbers(entry: Entry, sizes: Mapping[str, int]) -> list[int]:
    mailbox = [0] * REGISTERS
    for dimension in entry.dimensions:
        mailbox[dimension.register] = sizes[dimension.name]
    for derived in entry.derived:
        mailbox[derived.register] = sizes[derived.name]
    for register, expression in entry.registers:
        mailbox[register] = expression.value(sizes)
    return mailbox


def _blocks(entry: Entry, sizes: Mapping[str, int]) -> dict[int, list[Area]]:
    """Register → what lies behind the address in it, in order."""
    blocks: dict[int, list[Area]] = defaultdict(list)
    for port in sorted(entry.ports, key=lambda port: port.offset):
        start = UNIT_BYTES * port.offset
        room = aligned_bytes(port.rows.value(sizes) * port.pitch_bytes)
        area = Area(port.name, start, start + room, port.direction == "out")
        blocks[port.register].append(area)
    for scratch in entry.scratch:
        room = aligned_bytes(scratch.bytes.value(sizes))
        blocks[scratch.register].append(Area(scratch.name, 0, room, True))
    return blocks


def fits(host: Host, dram_bytes: int) -> bool:
    """Whether DRAM has room, and every register holds an int32."""
    return host.stop <= dram_bytes and all(-(2**31) <= s < 2**31 for s in host.mailbox)


def spans(areas: Sequence[Area]) -> Iterator[tuple[int, int]]:
    """``[start, stop)`` of the areas, those that adjoin as one."""
    start = stop = -1
    for area in sorted(areas, key=lambda area: area.start):
        if area.start > stop:
            if stop > start:
                yield start, stop
            start = area.start
        stop = max(stop, area.stop)
    if stop > start:
        yield start, stop


def described(region: Region, host: Host, data_bytes: int) -> str:
    """The bytes of a region, in DRAM counted from the start of the area nearest before it."""
    if region.memory is Memory.SRAM:
        return f"[{region.start}, {region.stop}) of sram"
    before = [each for each in host.areas if each.start <= region.start]
    data = Area("DATA", 0, data_bytes, False)
    area = max(before, key=lambda each: each.start, default=data)
    name = area.name if area is data else repr(area.name)
    here = f"[{region.start - area.start}, {region.stop - area.start})"
    return f"{here} of {name}, which has {area.stop - area.start} bytes"
