"""What a phase needs first loads while the one before is still at work, where memory has room.

    before [base, base + peak)  and  what lies ahead in the layout of the next one  share no byte

Constants and states that enter are written by nobody, so memory on chip is all that they wait for.
Layers that repeat must lie alike to become one loop: of these only products behind recurrences
move, all of them alike.
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import replace

from q4compile.lower.options import Room
from q4compile.lower.phases.phases import RecurrentPhase, RowsPhase
from q4compile.lower.plan.planning import Planned, cores_of
from q4compile.lower.plan.recurrent_plan import RecurrentPlan
from q4compile.lower.plan.rows_plan import Held, RowsPlan
from q4compile.lower.plan.sram import Layout, aligned


def overlapped(phases: Sequence[Planned], room: Room) -> tuple[Planned, ...]:
    """The phases, some moved so that the one before can load for them."""
    alike = repeated(phases)
    found = list(phases[:1])
    for n, each in enumerate(phases[1:], 1):
        before = found[-1]
        may_move = not (alike[n] or alike[n - 1]) or _are_layers(before, each)
        if each.plan.layout.ahead_bytes and cores_of(before.plan) == room.cores and may_move:
            each = _holding(each, before, room) or _moved(each, before.plan.layout, room)
        found.append(each)
    return tuple(found)


def _moved(each: Planned, before: Layout, room: Room) -> Planned:
    """With the first weights that come by ahead, if that fits; else without."""
    plan, layout = each.plan, apart(each.plan.layout, before, room)
    if isinstance(plan, RecurrentPlan) and plan.with_tile is not None:
        with_tile = apart(plan.with_tile, before, room)
        layout = with_tile if with_tile.is_ahead else layout
    return replace(each, plan=replace(plan, layout=layout))


def _holding(each: Planned, before: Planned, room: Room) -> Planned | None:
    """A product behind a recurrence, where memory has room for it beside h of one step."""
    phase, plan, last, step = each.phase, each.plan, before.phase, before.plan
    if not (isinstance(phase, RowsPhase) and isinstance(plan, RowsPlan)):
        return None
    if not (isinstance(last, RecurrentPhase) and isinstance(step, RecurrentPlan)):
        return None
    h, time = last.output, last.time
    is_read = h is not None and phase.inputs == (h,) and phase.product is not None
    is_one_call = bool(last.entering) and last.fold == 1 and len(last.directions) == 1
    if not (is_read and is_one_call and plan.is_resident and plan.loops.is_chunked):
        return None
    if h is None or h.pitch_bytes != step.hidden_pitch_bytes or plan.loops.rows < step.shape.rows:
        return None
    layout = apart(plan.layout, step.layout, room, step.slots_end_bytes)
    if time is None or not isinstance(time.size, str) or not layout.is_ahead:
        return None
    held = Held(step.first_hidden, time.size)
    return replace(each, plan=replace(plan, layout=layout, held=held))


def repeated(phases: Sequence[Planned]) -> list[bool]:
    """Whether there are others like each phase, so that they may become one loop."""
    alike = Counter(_key(each) for each in phases if not _has_own_places(each))
    return [alike[_key(each)] > 1 for each in phases]


def _are_layers(before: Planned, each: Planned) -> bool:
    """A recurrence and the product behind it: so are all layers, and all move alike."""
    return isinstance(before.phase, RecurrentPhase) and isinstance(each.phase, RowsPhase)


def apart(layout: Layout, before: Layout, room: Room, first_bytes: int = 0) -> Layout:
    """`layout` where what lies ahead in it meets nothing of `before`; as it is where none fits.

    It begins at `first_bytes` at the earliest.
    """
    end_bytes = before.base_bytes + before.peak_bytes
    base = first_bytes
    if first_bytes + layout.peak_bytes > before.base_bytes:
        least = end_bytes - (layout.peak_bytes - layout.ahead_bytes)
        base = max(least, first_bytes)
    base = aligned(base, room.alignment_bytes)
    if base + layout.peak_bytes > room.sram_bytes:
        return layout
    moved = {name: base + offset for name, offset in layout.offsets.items()}
    return replace(layout, offsets=moved, base_bytes=base, is_ahead=True)


def _has_own_places(planned: Planned) -> bool:
    """Whether its words name places of its own: those of states keep it out of a loop."""
    return isinstance(planned.phase, RecurrentPhase) and bool(planned.phase.entering)


def _key(planned: Planned) -> Hashable:
    """Equal for phases that may be layers of one loop."""
    layout = planned.plan.layout
    return type(planned.phase), tuple(layout.offsets.items()), layout.peak_bytes
