"""How large the sizes of an entry may be at run time: as far as DRAM, addresses and int32 reach."""

from collections.abc import Mapping
from dataclasses import replace

from q4compile.isa.element_type import UNIT_BYTES
from q4compile.isa.operand import MAX_UNITS
from q4compile.isa.program import Entry
from q4compile.isa.target import Target

MAX_SCALAR = 2**31 - 1


def limited(entry: Entry, data_bytes: int, target: Target) -> Entry:
    """`entry` with the largest maximum of each size for which it runs, all others being least."""
    room = min(target.dram.size_bytes, MAX_UNITS * UNIT_BYTES) - data_bytes
    least = {each.name: each.minimum for each in entry.dimensions}
    dimensions = []
    for each in entry.dimensions:
        low, high = each.minimum, each.maximum
        while low < high:
            middle = (low + high + 1) // 2
            if _fits(entry, least | {each.name: middle}, room):
                low = middle
            else:
                high = middle - 1
        dimensions.append(replace(each, maximum=low))
    return replace(entry, dimensions=tuple(dimensions))


def _fits(entry: Entry, dimensions: Mapping[str, int], room_bytes: int) -> bool:
    sizes = entry.sizes(dimensions)
    if any(expression.value(sizes) > MAX_SCALAR for _, expression in entry.registers):
        return False
    ports = sum(port.rows.value(sizes) * port.pitch_bytes for port in entry.ports)
    scratch = sum(each.bytes.value(sizes) for each in entry.scratch)
    return ports + scratch <= room_bytes
