"""Which values of the network lie in DRAM between phases, and how a host finds their numbers."""

from collections.abc import Iterator, Mapping, Sequence
from math import prod

from q4compile.lower.findings import Refused
from q4compile.lower.layout.ports import PortTensor, memory_axes
from q4compile.lower.layout.tensors import Tensor
from q4compile.lower.phases.phases import Phase
from q4compile.lower.phases.values import Numbers, Value


def known_values(
    values: Mapping[str, Value], phases: Sequence[Phase], ports: Sequence[PortTensor]
) -> Iterator[tuple[str, PortTensor]]:
    """Name of a tensor that a phase writes → the value it is; none for sums and widened codes."""
    outputs = {each.tensor.name: each for each in ports if not each.is_input}
    written = {tensor.name: tensor for phase in phases for tensor in phase.writes}
    for name, tensor in written.items():
        found = outputs.get(name) or next(_views(values, tensor), None)
        if found is not None:
            yield name, found


def _views(values: Mapping[str, Value], tensor: Tensor) -> Iterator[PortTensor]:
    """Values that `tensor` holds and a host could read, the one of its own name first."""
    names = [name for name, value in values.items() if isinstance(value, Numbers)]
    for name in sorted(names, key=lambda each: each != tensor.name):
        value = values[name]
        assert isinstance(value, Numbers), "the others are left out"
        if _is_same(value.view.tensor, tensor):
            port = PortTensor(name, False, value.view)
            if _is_readable(port):
                yield port


def _is_same(one: Tensor, other: Tensor) -> bool:
    """Whether both are the same bytes: what one has as slices may be rows of the other."""
    if (one.name, one.kind, one.element) != (other.name, other.kind, other.element):
        return False
    known = [
        each.pitch_bytes * prod(axis.size for axis in each.rows if isinstance(axis.size, int))
        for each in (one, other)
    ]
    return one == other or (one.slices != other.slices and known[0] == known[1])


def _is_readable(port: PortTensor) -> bool:
    try:
        memory_axes(port)
    except Refused:
        return False
    return True
