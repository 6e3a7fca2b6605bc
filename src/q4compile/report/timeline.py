"""A trace as a picture: what each engine does when, coloured by node, for a stretch of cycles."""

from collections.abc import Sequence
from typing import Any

from q4compile.isa.engine import Engine
from q4compile.sim.timing.trace import Span, Trace

WIDTH, TRACK = 1000, 34
ORDER = [Engine.LD, Engine.MX, Engine.VX, Engine.ST]


def timeline_chart(trace: Trace, first: int, last: int) -> Any:
    """An altair chart of the words that run in the cycles [first, last)."""
    import altair as alt

    spans = [each for each in trace.spans if each.begin < last and each.end > first]
    tracks = _tracks(spans)
    values = [
        {
            "track": _track(span),
            "begin": max(span.begin, first),
            "end": min(span.end, last),
            "word": trace.word(span).mnemonic,
            "node": trace.node(span) or "(no node)",
        }
        for span in spans
        if span.end > span.begin
    ]
    return (
        alt.Chart({"values": values})
        .mark_bar(stroke="white", strokeWidth=0.4)
        .encode(
            x=alt.X("begin:Q", title="cycle").scale(domain=[first, last]),
            x2="end:Q",
            y=alt.Y("track:N", sort=tracks, title=None),
            color=alt.Color("node:N", legend=alt.Legend(labelLimit=400)),
            tooltip=["word:N", "node:N", "begin:Q", "end:Q"],
        )
        .properties(
            width=WIDTH,
            height=TRACK * max(len(tracks), 1),
            title=f"{trace.program.name}, {trace.entry}, on {trace.target.name}",
        )
    )


def _tracks(spans: Sequence[Span]) -> list[str]:
    """Core by core, in the order in which data flows."""
    keys = sorted({(each.core, ORDER.index(Engine(each.item.engine))) for each in spans})
    return [f"core {core} {ORDER[place].name}" for core, place in keys]


def _track(span: Span) -> str:
    return f"core {span.core} {Engine(span.item.engine).name}"
