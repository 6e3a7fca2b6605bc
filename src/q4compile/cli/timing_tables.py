"""The timing of a program as tables: components, engines, nodes, energy."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from q4compile.cli.tables import heading, table

if TYPE_CHECKING:
    from q4compile.sim.timing.result import Timing

RESOURCES = ("macs", "weight_port", "dram", "vector")
COMPONENTS = ("component", "sizes", "cycles", "ms", "share", "MAC", "port", "DRAM", "VX", "x floor")
NODES = ("component", "node", "cycles", "share", "MX", "VX", "LD", "waits for", "read", "written")
ENGINES = ("component", "engine", "busy", "waits for", "done")
MOST_NODES = 40
LEAST_SHARE = 0.005


def timing_parts(
    timings: "Sequence[Timing]", audio_seconds: float | None = None
) -> list[RenderableType]:
    """One call of each entry: how long, and why."""
    target = timings[0].target
    cores = f", {timings[0].cores} cores" if timings[0].cores > 1 else ""
    rows = _nodes(timings)
    dropped = len(rows) - MOST_NODES
    return [
        heading(f"cycles on {target.name}, {target.clock_ghz:g} GHz{cores}"),
        table(COMPONENTS, _components(timings), 8),
        Text(),
        table(ENGINES, _engines(timings)),
        Text(),
        table(NODES, rows[:MOST_NODES], 2),
        *([Text(f"and {dropped} nodes more, all of them in --json")] if dropped > 0 else []),
        Text(),
        Text(_energy(timings)),
        Text(_sums(timings, audio_seconds)),
    ]


def percent(share: float) -> str:
    """``12.3 %``."""
    return f"{100 * share:.1f} %"


def _components(timings: "Sequence[Timing]") -> list[list[object]]:
    total = sum(each.cycles for each in timings)
    return [
        [
            each.entry,
            " ".join(f"{name}={size}" for name, size in each.sizes.items()),
            each.cycles,
            f"{1e3 * each.seconds:.4g}",
            percent(each.cycles / max(total, 1)),
            *(percent(each.utilization(resource)) for resource in RESOURCES),
            f"{each.cycles / max(each.floor_cycles, 1):.2f}",
        ]
        for each in timings
    ]


def _engines(timings: "Sequence[Timing]") -> list[list[object]]:
    rows: list[list[object]] = []
    for timing in timings:
        total = max(timing.cycles * timing.cores, 1)
        for name, engine in timing.engines.items():
            waits = _causes([(cause, cycles / total) for cause, cycles in engine.stalls.items()])
            busy, done = engine.busy_cycles / total, engine.done_cycles / total
            rows.append([timing.entry, name, percent(busy), waits, percent(done)])
    return rows


def _causes(shares: list[tuple[str, float]], most: int = 4) -> str:
    """The greatest first."""
    shown = sorted((each for each in shares if each[1] >= LEAST_SHARE), key=lambda each: -each[1])
    return ", ".join(f"{cause} {percent(share)}" for cause, share in shown[:most]) or "–"


def _nodes(timings: "Sequence[Timing]") -> list[list[object]]:
    total = max(sum(each.cycles * each.cores for each in timings), 1)
    rows: list[tuple[int, list[object]]] = []
    for timing in timings:
        for node in timing.nodes:
            own = max(node.cycles, 1)
            busy = [node.busy_cycles.get(name, 0) / own for name in ("mx", "vx", "ld")]
            stalls: dict[str, int] = {}
            for engine in ("mx", "vx"):
                for cause, cycles in node.stalls.get(engine, {}).items():
                    stalls[f"{engine}: {cause}"] = cycles
            waits = _causes([(cause, cycles / own) for cause, cycles in stalls.items()], 2)
            moved = [node.work.dram_read_bytes, node.work.dram_written_bytes]
            name = node.name or "(no node)"
            cells = [timing.entry, name, node.cycles, percent(node.cycles / total)]
            rows.append((node.cycles, [*cells, *map(percent, busy), waits, *moved]))
    return [row for _, row in sorted(rows, key=lambda row: -row[0])]


def _energy(timings: "Sequence[Timing]") -> str:
    energies = [each.energy for each in timings]
    total = sum(each.total_pj for each in energies) or 1.0
    parts = {
        "products": sum(each.mac_pj for each in energies),
        "SRAM": sum(each.sram_pj for each in energies),
        "DRAM": sum(each.dram_pj for each in energies),
        "vector": sum(each.vector_pj for each in energies),
    }
    shares = ", ".join(f"{name} {percent(part / total)}" for name, part in parts.items())
    return f"energy: {sum(each.total_mj for each in energies):.4g} mJ ({shares})"


def _sums(timings: "Sequence[Timing]", audio_seconds: float | None) -> str:
    seconds = sum(each.seconds for each in timings)
    moved = sum(each.work.dram_bytes for each in timings)
    rtf = "" if audio_seconds is None else f", {seconds / audio_seconds:.5f} of real time"
    cycles = f"{sum(each.cycles for each in timings):,}".replace(",", " ")
    return f"{cycles} cycles, {1e3 * seconds:.4g} ms{rtf}; {moved / 2**20:.2f} MiB from and to DRAM"
