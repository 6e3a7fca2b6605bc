"""From the tallies of a run to its `Timing`: sums by engine and by node."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import ceil

from q4compile.isa.engine import Engine, Precision
from q4compile.isa.program import Entry
from q4compile.isa.target import Target
from q4compile.sim.timing.cost import LIMITS, dram_bytes_per_cycle
from q4compile.sim.timing.energy import energy_of
from q4compile.sim.timing.items import Item
from q4compile.sim.timing.result import STALL_CAUSES, EngineTime, NodeTime, Timing
from q4compile.sim.timing.state import Run
from q4compile.sim.timing.tally import CLASSES, HELD, STALLS, Place, row_of
from q4compile.sim.timing.work import NAMES, Work


def timing_of(
    run: Run, entry: Entry, sizes: Mapping[str, int], nodes: Sequence[str], target: Target
) -> Timing:
    """All that a run shows."""
    items = [each for each in run.items.found if _number(run, each, Place.EXECUTED)]
    work = _work(run, items)
    return Timing(
        entry.name,
        dict(sizes),
        target,
        len(run.cores),
        run.now,
        {each.name.lower(): _engine(run, each, items) for each in Engine},
        tuple(_nodes(run, items, nodes, target)),
        tuple(run.tally[:CLASSES]),
        work,
        energy_of(work, target),
        bounds_of(work, target, len(run.cores)),
        sum(_number(run, each, Place.EXECUTED) * _serial(each, target) for each in items),
        run.words,
    )


def bounds_of(work: Work, target: Target, cores: int) -> dict[str, int]:
    """Each resource at its peak from the first cycle to the last [cycles]."""
    matrix = target.matrix
    macs = sum(
        getattr(work, f"macs_{each.name.lower()}") / matrix.macs_per_cycle(each)
        for each in Precision
        if each is not Precision.NONE
    )
    port = target.sram.weight_port_bytes_per_cycle
    return {
        "macs": ceil(macs / cores),
        "weight_port": -(-work.weight_port_bytes // (port * cores)),
        "dram": ceil(work.dram_burst_bytes / dram_bytes_per_cycle(target)),
        "vector": -(-work.vector_lane_cycles // (target.vector.lanes * cores)),
        "issue": -(-work.words * target.sequencer.issue_cycles // cores),
    }


def _number(run: Run, item: Item, place: Place) -> int:
    return run.tally[row_of(item.number) + place]


def _serial(item: Item, target: Target) -> int:
    """Of one word, if it had the machine to itself."""
    if item.engine == Engine.SQ:
        return item.work_cycles
    issue = target.sequencer.issue_cycles
    return issue + max(item.work_cycles, item.least_cycles) + item.latency_cycles


def _work(run: Run, items: Sequence[Item]) -> Work:
    totals = [0] * len(NAMES)
    for item in items:
        times, work = _number(run, item, Place.EXECUTED), item.cost.work
        for place, name in enumerate(NAMES):
            totals[place] += times * getattr(work, name)
    return Work(*totals)


def _busy(run: Run, items: Sequence[Item]) -> int:
    return sum(_number(run, each, Place.EXECUTED) * each.work_cycles for each in items)


def _stalls(run: Run, items: Sequence[Item]) -> dict[str, int]:
    return {
        cause: sum(_number(run, each, place) for each in items)
        for cause, place in zip(STALL_CAUSES, STALLS, strict=True)
    }


def _engine(run: Run, engine: Engine, items: Sequence[Item]) -> EngineTime:
    own = [each for each in items if each.engine == engine]
    if engine is Engine.SQ:
        issue = run.items.target.sequencer.issue_cycles
        busy = issue * sum(_number(run, each, Place.EXECUTED) for each in items)
        names = ("bar", *(f"{each.name.lower()}_full" for each in Engine if each is not engine))
        stalls = dict(zip(names, run.tally[HELD : HELD + len(Engine)], strict=True))
    else:
        busy, stalls = _busy(run, own), _stalls(run, own)
    done = run.now * len(run.cores) - busy - sum(stalls.values())
    return EngineTime(busy, stalls, done)


def _nodes(
    run: Run, items: Sequence[Item], names: Sequence[str], target: Target
) -> Sequence[NodeTime]:
    by_node: dict[int, list[Item]] = defaultdict(list)
    for item in items:
        by_node[item.node].append(item)
    return [_node(run, own, names[node], target) for node, own in sorted(by_node.items())]


def _node(run: Run, items: Sequence[Item], name: str, target: Target) -> NodeTime:
    by_engine: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        by_engine[Engine(item.engine).name.lower()].append(item)
    engines = {name: own for name, own in sorted(by_engine.items()) if name != "sq"}
    work = _work(run, items)
    return NodeTime(
        name,
        sum(_number(run, each, Place.WALL) for each in items),
        {
            limit: sum(_number(run, each, Place.WALL) for each in items if each.cost.limit == limit)
            for limit in LIMITS
        },
        {engine: _busy(run, own) for engine, own in engines.items()},
        {engine: _stalls(run, own) for engine, own in engines.items()},
        work,
        energy_of(work, target),
    )
