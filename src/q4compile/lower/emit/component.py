"""A component as an entry: words, and what a host must know to run them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from q4compile.isa.instruction import Instruction
from q4compile.isa.instructions import Halt
from q4compile.isa.program import Derived, Dimension, Entry, Scratch
from q4compile.lower.emit.coding import Coding, Constants
from q4compile.lower.emit.context import Context
from q4compile.lower.emit.extreme import extreme_words
from q4compile.lower.emit.fold import fold_words
from q4compile.lower.emit.gather import gather_words
from q4compile.lower.emit.image import Image
from q4compile.lower.emit.made import made_by
from q4compile.lower.emit.mailbox import Mailbox, Sharing
from q4compile.lower.emit.mean import mean_words
from q4compile.lower.emit.patches import patch_words
from q4compile.lower.emit.ports import ports_of
from q4compile.lower.emit.recurrence import recurrent_words
from q4compile.lower.emit.recurrence_constants import recurrent_tiles
from q4compile.lower.emit.recurrence_registers import recurrence_of
from q4compile.lower.emit.rolling import MOST_PHASES, End, rolled
from q4compile.lower.emit.rows import rows_words
from q4compile.lower.emit.rows_constants import tile_bytes as rows_tiles
from q4compile.lower.emit.semaphores import Standing, TooManySemaphores
from q4compile.lower.emit.transitions import composed, first_load, is_stored_last
from q4compile.lower.emit.windows import pad_words, window_words
from q4compile.lower.emit.words import Block, Words
from q4compile.lower.findings import Refused
from q4compile.lower.layout.axes import Sizes
from q4compile.lower.layout.places import Place
from q4compile.lower.options import Room, rows_at_most
from q4compile.lower.phases.macs import Macs, macs_of
from q4compile.lower.phases.phases import (
    FoldPhase,
    GatherPhase,
    Multiplied,
    Phase,
    RecurrentPhase,
    RowsPhase,
)
from q4compile.lower.phases.selected import Selected
from q4compile.lower.phases.windows import (
    ExtremePhase,
    MeanPhase,
    PadPhase,
    PatchPhase,
    WindowPhase,
)
from q4compile.lower.plan.fold_plan import FoldPlan
from q4compile.lower.plan.gather_plan import GatherPlan
from q4compile.lower.plan.planning import Planned
from q4compile.lower.plan.recurrent_plan import RecurrentPlan
from q4compile.lower.plan.rows_plan import RowsPlan
from q4compile.lower.plan.scratch import Areas, areas_of
from q4compile.lower.plan.window_plan import ExtremePlan, MeanPlan, PatchPlan, WindowPlan

SCRATCH, CORE = "scratch", "number of the core"


@dataclass(frozen=True, eq=False)
class Component:
    """An entry whose code begins at word 0."""

    entry: Entry
    code: tuple[Instruction, ...]
    macs: Macs
    sram_peak_bytes: int
    sram_lower_bound_bytes: int
    sram_over_bound_percent: float
    """How far the peak of a phase is above its own bound, at most."""


def component_of(
    selected: Selected, phases: Sequence[Planned], room: Room, image: Image
) -> Component:
    """The entry of `selected`; its constants go into `image`.

    Where registers are too few, phases share numbers of chunks: some then have chunks of no rows.

    Raises:
        Refused: Q327 when there are more sizes than scalar registers.
    """
    for sharing in Sharing:
        try:
            return _component(selected, phases, room, image, Mailbox(sharing=sharing))
        except Refused:
            if sharing is max(Sharing):
                raise
    raise AssertionError("the last one returns or raises")


def _component(
    selected: Selected, phases: Sequence[Planned], room: Room, image: Image, mailbox: Mailbox
) -> Component:
    sizes = selected.sizes
    plain = [each.phase for each in phases]
    areas = areas_of(plain, {each.tensor.name for each in selected.ports}, sizes)
    core = mailbox.named(CORE) if room.cores > 1 else None
    for name in (*sizes.dimensions, *(name for name, _ in sizes.derived)):
        mailbox.named(name)
    mailbox.spare = [mailbox.named(name) for name in sorted(_unread(plain, areas, sizes))]
    ports, places = ports_of(selected.ports, sizes, selected.lane, room, mailbox)
    scratch: tuple[Scratch, ...] = ()
    if areas is not None:
        scratch = (Scratch(SCRATCH, mailbox.named(SCRATCH), areas.expression),)
        places |= _scratch_places(areas, mailbox)
    coding = Coding(room.options.code_weights)
    context = Context(
        selected.name, room, sizes, selected.lane, mailbox, image, places, core, coding=coding
    )
    code, ends = _code(phases, context)
    entry = Entry(
        selected.name,
        0,
        tuple(_dimension(name, selected, mailbox, room) for name in sizes.dimensions),
        tuple(mailbox.expressions.items()),
        ports,
        scratch,
        tuple(Derived(name, mailbox.named(name), value) for name, value in sizes.derived),
        core,
        made=made_by(selected, plain, ends, areas, context),
    )
    layouts = [each.plan.layout for each in phases]
    return Component(
        entry,
        (*code, Halt()),
        macs_of(plain, sizes),
        max((each.base_bytes + each.peak_bytes for each in layouts), default=0),
        max((each.lower_bound_bytes for each in layouts), default=0),
        max((each.over_bound_percent for each in layouts), default=0.0),
    )


def _unread(phases: Sequence[Phase], areas: Areas | None, sizes: Sizes) -> set[str]:
    """Sizes that the host needs and the code never reads.

    Where memory has whole rows of a time reduction, the code knows only how many these are. Of
    sizes that convolutions make it counts those that are rows of tensors.
    """
    tensors = (tensor for each in phases for tensor in (*each.reads, *each.writes))
    counted = {axis.size for tensor in tensors for axis in tensor.rows} - set(sizes.around)
    if areas is not None and len(areas.rows.names) == 1:
        counted |= set(areas.rows.names)
    folded = {each.time.size for each in phases if isinstance(each, FoldPhase)}
    return (sizes.filled - folded) | (set(sizes.windowed) - counted)


def _tiles(planned: Planned) -> Constants | None:
    """The weights of a phase."""
    match planned.phase, planned.plan:
        case RowsPhase(product=Multiplied() as product), RowsPlan() as plan:
            return Constants(rows_tiles(product, plan), plan.tile)
        case RecurrentPhase() as recurrent, RecurrentPlan() as plan:
            return recurrent_tiles(recurrent, plan)
    return None


def _code(phases: Sequence[Planned], context: Context) -> tuple[Words, list[End]]:
    """All words but the last, and where each phase ends."""
    context.coding.learn([_tiles(each) for each in phases], MOST_PHASES)
    try:
        blocks = composed(phases, [_words(each, context) for each in phases], context)
    except TooManySemaphores:
        if context.standing.most == 0:
            raise
        return _code(phases, replace(context, standing=Standing(0)))
    give, take = context.standing.words
    words, ends = rolled(blocks, context)
    at, last = first_load(words), len(words) - is_stored_last(phases, words)
    taken = [len(take) * (end.word > last) for end in ends]
    moved = [End(end.word + len(give) + n, end.visit) for end, n in zip(ends, taken, strict=True)]
    return [*words[:at], *give, *words[at:last], *take, *words[last:]], moved


def _scratch_places(areas: Areas, mailbox: Mailbox) -> dict[str, Place]:
    """Name of a tensor → where it begins."""
    found = {}
    for name, units in areas.layout.offsets.items():
        offset, times, source = mailbox.scaled(areas.rows, units)
        found[name] = Place(offset, mailbox.named(SCRATCH), times, source)
    return found


def _dimension(name: str, selected: Selected, mailbox: Mailbox, room: Room) -> Dimension:
    lane = selected.lane
    is_lane = lane is not None and lane.size == name
    most = rows_at_most(lane, room) if is_lane else room.options.length
    sizes = selected.sizes
    return Dimension(name, mailbox.named(name), sizes.least(name), sizes.most(name, most))


def _words(planned: Planned, context: Context) -> Block:
    """The words of a phase; those that may be in another one have its node."""
    block, node = _block(planned, context), context.image.node(planned.phase.node)
    return replace(block, ahead=[replace(word, node=node) for word in block.ahead])


def _block(planned: Planned, context: Context) -> Block:
    if isinstance(planned.phase, RowsPhase) and isinstance(planned.plan, RowsPlan):
        return rows_words(planned.phase, planned.plan, context)
    if isinstance(planned.phase, RecurrentPhase) and isinstance(planned.plan, RecurrentPlan):
        return recurrent_words(recurrence_of(planned.phase, planned.plan, context))
    words = _plain_words(planned, context)
    return Block(words[:-1], words[-1:])


def _plain_words(planned: Planned, context: Context) -> Words:
    match planned.phase, planned.plan:
        case GatherPhase() as gather, GatherPlan() as plan:
            return gather_words(gather, plan, context)
        case FoldPhase() as fold, FoldPlan() as plan:
            return fold_words(fold, plan, context)
        case PadPhase() as pad, WindowPlan() as plan:
            return pad_words(pad, plan, context)
        case WindowPhase() as window, WindowPlan() as plan:
            return window_words(window, plan, context)
        case PatchPhase() as patch, PatchPlan() as plan:
            return patch_words(patch, plan, context)
        case ExtremePhase() as extreme, ExtremePlan() as plan:
            return extreme_words(extreme, plan, context)
        case MeanPhase() as mean, MeanPlan() as plan:
            return mean_words(mean, plan, context)
    raise ValueError(f"the plan of '{planned.phase.node}' is one for another kind of phase")
