"""``Trace = trace_entry(program, entry, sizes, target)``: each word of a run with its time.

The run is that of `time_entry` without skipped iterations: the last span ends where its cycles do.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from q4compile.isa.instruction import Instruction
from q4compile.isa.program import Program
from q4compile.isa.target import Target
from q4compile.sim.timing.entry_timing import Sizes, start_of
from q4compile.sim.timing.events import run_entry
from q4compile.sim.timing.items import Item


@dataclass(frozen=True, slots=True)
class Span:
    """A word on its engine, once."""

    core: int
    begin: int
    end: int
    """In cycles; the results are there a latency later."""
    item: Item


@dataclass(frozen=True)
class Trace:
    """The first spans of a run, in order of their ends."""

    program: Program
    entry: str
    target: Target
    mailboxes: tuple[tuple[int, ...], ...]
    """S registers at the start, by core."""
    spans: tuple[Span, ...]
    dropped: int
    """Spans behind those."""
    cycles: int
    """Of the whole run."""

    def word(self, span: Span) -> Instruction:
        """The word of a span."""
        return self.program.code[span.item.index]

    def node(self, span: Span) -> str:
        """The node of the source map that its word belongs to."""
        return self.program.nodes[span.item.node]


@dataclass
class _Log:
    limit: int
    spans: list[Span] = field(default_factory=list)
    dropped: int = 0

    def __call__(self, core: int, begin: int, end: int, item: Item) -> None:
        if len(self.spans) < self.limit:
            self.spans.append(Span(core, begin, end, item))
        else:
            self.dropped += 1


def trace_entry(
    program: Program, entry_name: str, sizes: Sizes, target: Target, limit: int
) -> Trace:
    """At most `limit` spans of one call of an entry; raises what `time_entry` raises."""
    entry, mailboxes = start_of(program, entry_name, sizes, target)
    log = _Log(limit)
    run = run_entry(program.code, entry.start, mailboxes, target, skips=False, watch=log)
    return Trace(
        program,
        entry_name,
        target,
        tuple(map(tuple, mailboxes)),
        tuple(log.spans),
        log.dropped,
        run.now,
    )


def by_core(spans: Sequence[Span]) -> dict[int, list[Span]]:
    """Core → its spans."""
    found: dict[int, list[Span]] = {}
    for span in spans:
        found.setdefault(span.core, []).append(span)
    return found
