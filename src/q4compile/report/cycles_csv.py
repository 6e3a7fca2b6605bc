"""Cycles by node as CSV, columns named as users of SCALE-Sim and of Vela know them.

    LayerID, Total Cycles, Stall Cycles, Overall Util %       SCALE-Sim's COMPUTE_REPORT
    Op Cycles, Network%, SRAM AC, DRAM AC, MAC Count, Util%, Name    Vela's per-layer report

Total and Op Cycles are the node's own; a stall is a cycle of it in which no array, lane or transfer
was busy. AC are cycles of access: bytes over the rate of the port or memory. Util% is that of the
array's peak within the node's cycles, and equal to Overall Util %.
"""

import csv
import io
from collections.abc import Iterator, Sequence

from q4compile.isa.engine import Precision
from q4compile.sim.timing.cost import dram_bytes_per_cycle
from q4compile.sim.timing.result import NodeTime, Timing

COLUMNS = (
    "LayerID",
    "Component",
    "Name",
    "Total Cycles",
    "Stall Cycles",
    "Overall Util %",
    "Op Cycles",
    "Network%",
    "SRAM AC",
    "DRAM AC",
    "MAC Count",
    "Util%",
    "DRAM Bytes",
    "SRAM Bytes",
    "Energy mJ",
)


def cycles_csv(timings: Sequence[Timing]) -> str:
    """A line for each node of each entry, in the order of the source map."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    total = sum(each.cycles * each.cores for each in timings)
    nodes = [(timing, node) for timing in timings for node in timing.nodes]
    for number, (timing, node) in enumerate(nodes):
        writer.writerow(_row(number, timing, node, total))
    return file.getvalue()


def _row(number: int, timing: Timing, node: NodeTime, total: int) -> Iterator[object]:
    target, work = timing.target, node.work
    utilization = f"{100 * _mac_cycles(timing, node) / max(node.cycles, 1):.2f}"
    yield number
    yield timing.entry
    yield node.name
    yield node.cycles
    yield node.limits["waiting"]
    yield utilization
    yield node.cycles
    yield f"{100 * node.cycles / max(total, 1):.2f}"
    yield -(-work.sram_bytes // target.sram.activation_port_bytes_per_cycle)
    yield round(work.dram_burst_bytes / dram_bytes_per_cycle(target))
    yield work.macs
    yield utilization
    yield work.dram_bytes
    yield work.sram_bytes
    yield f"{node.energy.total_mj:.6g}"


def _mac_cycles(timing: Timing, node: NodeTime) -> float:
    """Of an array at its peak."""
    return sum(
        int(getattr(node.work, f"macs_{each.name.lower()}"))
        / timing.target.matrix.macs_per_cycle(each)
        for each in Precision
        if each is not Precision.NONE
    )
