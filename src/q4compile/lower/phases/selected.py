"""A component as phases: what is selected, planned and then written as words."""

from collections.abc import Mapping
from dataclasses import dataclass

from q4compile.errors import Finding
from q4compile.lower.layout.axes import Axis, Sizes
from q4compile.lower.layout.ports import PortTensor
from q4compile.lower.phases.phases import Phase
from q4compile.lower.phases.values import Numbers


@dataclass(frozen=True, eq=False)
class Selected:
    """A component as phases."""

    name: str
    sizes: Sizes
    lane: Axis | None
    """The axis of the batch, of which `Options.batch` are the most; None if all rows are alike."""
    phases: tuple[Phase, ...]
    ports: tuple[PortTensor, ...]
    outputs: Mapping[str, Numbers]
    """What other components may read."""
    made: Mapping[str, PortTensor]
    """By the name of a tensor that a phase leaves in DRAM: as which value the network knows it."""
    findings: tuple[Finding, ...]
    """Why it cannot be lowered; the rest counts only where there are none."""
