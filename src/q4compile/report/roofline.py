"""Every node of a timing on its target's roofline: MAC/s ≤ min(peak, MAC per DRAM byte · rate).

Williams, Waterman and Patterson, "Roofline", CACM 52(4), 2009. The peak is that of the precision
that most products have; a node above no roof is our bug, and `sim.timing.self_checks` says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from q4compile.isa.engine import Precision
from q4compile.isa.target import Target
from q4compile.sim.timing.cost import dram_bytes_per_cycle
from q4compile.sim.timing.result import NodeTime, Timing

WIDTH, HEIGHT = 640, 420


@dataclass(frozen=True)
class Point:
    """A node."""

    component: str
    node: str
    macs_per_byte: float
    gmacs_per_second: float
    share_percent: float
    """Of all cycles."""
    limit: str
    """What most of its cycles went to."""


@dataclass(frozen=True)
class Roof:
    """Of a target with `cores` at a precision."""

    peak_gmacs_per_second: float
    gigabytes_per_second: float

    @property
    def ridge_macs_per_byte(self) -> float:
        """Where the two meet."""
        return self.peak_gmacs_per_second / self.gigabytes_per_second

    def at(self, macs_per_byte: float) -> float:
        """GMAC/s that nothing can exceed."""
        return min(self.peak_gmacs_per_second, macs_per_byte * self.gigabytes_per_second)


def roof_of(target: Target, precision: Precision, cores: int) -> Roof:
    """From the target's array and DRAM."""
    peak = target.matrix.macs_per_cycle(precision) * cores * target.clock_ghz
    return Roof(peak, float(dram_bytes_per_cycle(target)) * target.clock_ghz)


def points_of(timings: Sequence[Timing]) -> list[Point]:
    """The nodes with products and transfers."""
    total = sum(each.cycles * each.cores for each in timings)
    return [
        _point(timing, node, total)
        for timing in timings
        for node in timing.nodes
        if node.work.macs and node.work.dram_bytes and node.cycles
    ]


def _point(timing: Timing, node: NodeTime, total: int) -> Point:
    seconds = node.cycles / timing.cores / (timing.target.clock_ghz * 1e9)
    return Point(
        timing.entry,
        node.name,
        node.work.macs / node.work.dram_bytes,
        node.work.macs / seconds / 1e9,
        100 * node.cycles / total,
        max(node.limits, key=lambda name: node.limits[name]),
    )


def _short(component: str, node: str) -> str:
    """The last three parts of a path in its component: a layer, its module, its operator."""
    return "/".join(node.removeprefix(f"/{component}").strip("/").split("/")[-3:])


def roofline_chart(points: Sequence[Point], roofs: dict[str, Roof], title: str) -> Any:
    """An altair chart; `roofs` by name of a precision."""
    import altair as alt

    first = min([each.macs_per_byte for each in points] + [1.0]) / 2
    last = 2 * max(
        [each.macs_per_byte for each in points]
        + [roof.ridge_macs_per_byte for roof in roofs.values()]
    )
    lines = [
        {"x": x, "y": roof.at(x), "roof": name}
        for name, roof in roofs.items()
        for x in (first, roof.ridge_macs_per_byte, last)
    ]
    x = alt.X("x:Q", title="MAC per byte of DRAM").scale(type="log", domain=[first, last])
    y = alt.Y("y:Q", title="GMAC/s").scale(type="log", nice=False)
    roof_lines = (
        alt.Chart({"values": lines})
        .mark_line(color="#555")
        .encode(x=x, y=y, strokeDash=alt.StrokeDash("roof:N", title="peak"))
    )
    dots = [
        {
            "x": each.macs_per_byte,
            "y": each.gmacs_per_second,
            "name": f"{each.component}: {_short(each.component, each.node)}",
            "share": each.share_percent,
            "limit": each.limit,
        }
        for each in points
    ]
    marks = alt.Chart({"values": dots}).encode(x=x, y=y)
    circles = marks.mark_circle(opacity=0.8).encode(
        size=alt.Size("share:Q", title="% of cycles").scale(domain=[0, 100], range=[30, 900]),
        color=alt.Color("limit:N", title="limited by"),
        tooltip=["name:N", "x:Q", "y:Q", "share:Q", "limit:N"],
    )
    names = marks.mark_text(align="left", dx=9, dy=-6, fontSize=9).encode(text="name:N")
    chart = roof_lines + circles + names
    return chart.properties(width=WIDTH, height=HEIGHT, title=title)
