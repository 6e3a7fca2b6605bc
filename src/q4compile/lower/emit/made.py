"""Where a host finds the values that phases leave in DRAM: `isa.program.Made`."""

from collections.abc import Sequence

from q4compile.isa.program import Expression, Made
from q4compile.lower.emit.context import Context
from q4compile.lower.emit.ports import port_of
from q4compile.lower.emit.rolling import End
from q4compile.lower.phases.phases import Phase
from q4compile.lower.phases.selected import Selected
from q4compile.lower.plan.scratch import Areas


def made_by(
    selected: Selected,
    phases: Sequence[Phase],
    ends: Sequence[End],
    areas: Areas | None,
    context: Context,
) -> tuple[Made, ...]:
    """The values of `selected`, in the order in which they are whole.

    Args:
        ends: for each phase, when it is over.
        areas: where in scratch memory tensors are.
    """
    last: dict[str, int] = {}
    for n, phase in enumerate(phases):
        for tensor in phase.writes:
            if tensor.name in selected.made:
                last.pop(tensor.name, None)
                last[tensor.name] = n
    found = []
    for name, n in last.items():
        port, place = selected.made[name], context.places[name]
        assert place.base is not None, "no phase writes into the image"
        start = Expression((), place.offset)
        if areas is not None and name in areas.layout.offsets:
            start = areas.start(name)
        rows = context.sizes.extent(port.tensor.rows).expression
        layout = port_of(port, place.base, 0, rows)
        found.append(
            Made(context.image.node(phases[n].node), ends[n].word, ends[n].visit, start, layout)
        )
    return tuple(found)
