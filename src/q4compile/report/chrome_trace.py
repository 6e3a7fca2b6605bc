"""A trace as the JSON that Perfetto and chrome://tracing open.

One process per core with a track per engine; counters for the SRAM in use and the DRAM's rate.
Times are microseconds at the target's clock. Format: "Trace Event Format" of the Chromium project.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence

from q4compile.isa.engine import Engine
from q4compile.report.json_file import Json
from q4compile.sim.timing.occupancy import sram_levels
from q4compile.sim.timing.trace import Span, Trace, by_core

Event = dict[str, Json]
TRACKS = (Engine.LD, Engine.MX, Engine.VX, Engine.ST)


def chrome_trace(trace: Trace) -> str:
    """The whole file; `otherData` says how many words do not stand in it."""
    found: Event = {
        "displayTimeUnit": "ns",
        "otherData": {
            "program": trace.program.name,
            "entry": trace.entry,
            "target": trace.target.name,
            "cycles": trace.cycles,
            "words_dropped": trace.dropped,
        },
        "traceEvents": list(_events(trace)),
    }
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")) + "\n"


def _events(trace: Trace) -> Iterator[Event]:
    for core, spans in sorted(by_core(trace.spans).items()):
        yield _named("process_name", core, 0, f"core {core}")
        for engine in TRACKS:
            yield _named("thread_name", core, int(engine), engine.name)
        for span in spans:
            yield _word(trace, span)
        for level in sram_levels(trace, core, spans):
            yield _counter("SRAM in use", core, _us(trace, level.cycle), "bytes", level.bytes)
        for cycle, rate in dram_rates(spans):
            gigabytes = rate * trace.target.clock_ghz
            yield _counter("DRAM", core, _us(trace, cycle), "GB/s", round(gigabytes, 3))


def _word(trace: Trace, span: Span) -> Event:
    word = trace.word(span)
    return {
        "ph": "X",
        "name": word.mnemonic,
        "cat": trace.node(span),
        "pid": span.core,
        "tid": span.item.engine,
        "ts": _us(trace, span.begin),
        "dur": _us(trace, span.end - span.begin),
        "args": {
            "node": trace.node(span),
            "instr": span.item.index,
            "cycles": span.end - span.begin,
            "limit": span.item.cost.limit,
        },
    }


def dram_rates(spans: Sequence[Span]) -> Iterator[tuple[int, float]]:
    """(cycle, bytes per cycle from there on): each transfer spread evenly over its span.

    Two that end at different times share the memory unevenly, so that their sum may look higher
    than its rate for a moment.
    """
    changes: defaultdict[int, float] = defaultdict(float)
    for span in spans:
        moved, cycles = span.item.cost.work.dram_burst_bytes, span.end - span.begin
        if moved and cycles:
            changes[span.begin] += moved / cycles
            changes[span.end] -= moved / cycles
    rate = 0.0
    for cycle in sorted(changes):
        rate += changes[cycle]
        yield cycle, max(round(rate, 6), 0.0)


def _us(trace: Trace, cycles: int) -> float:
    return round(cycles / (trace.target.clock_ghz * 1e3), 6)


def _named(kind: str, pid: int, tid: int, name: str) -> Event:
    return {"ph": "M", "name": kind, "pid": pid, "tid": tid, "args": {"name": name}}


def _counter(name: str, pid: int, ts: float, unit: str, value: float) -> Event:
    return {"ph": "C", "name": name, "pid": pid, "ts": ts, "args": {unit: value}}
