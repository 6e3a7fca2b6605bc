"""Components on the simulated accelerator: lowered once, then run bit for bit."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from q4compile.graph.parts import Part, parts
from q4compile.graph.read import read_models
from q4compile.graph.state import StatePort
from q4compile.isa import program
from q4compile.isa.engine import Precision
from q4compile.isa.target import Target, load_target
from q4compile.isa.verify import verify
from q4compile.lower.lower import USUAL, lower
from q4compile.lower.options import Options
from q4compile.quantize.network_read import read_network
from q4compile.runtime.call_clock import CallClock
from q4compile.runtime.executor import Array, Port, Ports, State
from q4compile.sim.counters import Counters
from q4compile.sim.ports import is_of_integers
from q4compile.sim.simulator import Simulator
from q4compile.sim.timing.self_checks import require_same_counts


@dataclass
class Totals:
    """Sums over all calls of a component."""

    calls: int = 0
    words: int = 0
    macs: int = 0
    loaded_bytes: int = 0
    stored_bytes: int = 0
    clipped_cell_states: int = 0

    def add(self, counters: Counters) -> None:
        """One more call."""
        self.calls += 1
        self.words += sum(counters.words.values())
        for name in ("macs", "loaded_bytes", "stored_bytes", "clipped_cell_states"):
            setattr(self, name, getattr(self, name) + getattr(counters, name))

    def figures(self, component: str) -> dict[str, float]:
        """``<component>_calls`` and so on."""
        return {f"{component}_{each.name}": getattr(self, each.name) for each in fields(self)}


class SimExecutor:
    """An `Executor` on the machine that `target` describes.

    The model is lowered when this is made; what cannot be lowered is refused then, by name.

    Raises:
        ModelError, TargetError: as reading, `lower` and `verify` raise them.
    """

    def __init__(self, path: Path, target: Target, options: Options = USUAL) -> None:
        models = read_models(path)
        self.metadata = {k: v for each in models.values() for k, v in each.metadata_props.items()}
        found = list(parts(models))
        networks = [(part.name, read_network(part.model, part.name)) for part in found]
        self.program = lower(networks, target, options, path.stem)
        verify(self.program, target)
        self.most_rows = options.batch
        """Of a call; `SplittingExecutor` makes several of one with more."""
        self.totals = {part.name: Totals() for part in found}
        self.clock = CallClock(self.program, target)
        self._simulator = Simulator(self.program, sram_bytes=target.sram.size_bytes)
        self._ports = {part.name: _ports(self.program.entry(part.name), part) for part in found}

    @property
    def components(self) -> Mapping[str, Ports]:
        """Component name → its ports, in the model's order."""
        return self._ports

    def run(self, component: str, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Output name → float32 array.

        Raises:
            DataError: Q570 to Q577, arrays that the component does not take.
        """
        done = self._simulator.run(component, {k: np.asarray(v) for k, v in feeds.items()})
        self.totals[component].add(done.counters)
        require_same_counts(self.clock.account(component, feeds), done.counters)
        return dict(done.outputs)

    def figures(self) -> dict[str, float]:
        """What all calls together did, by component, and the cycles that they took."""
        did = {k: v for name, each in self.totals.items() for k, v in each.figures(name).items()}
        return did | self.clock.figures()


def _ports(entry: program.Entry, part: Part) -> Ports:
    states = {name for each in part.states for name in (each.input_name, each.output_name)}
    data = [each for each in entry.ports if each.name not in states]
    made = {way: [_port(each) for each in data if each.direction == way] for way in ("in", "out")}
    return Ports(tuple(made["in"]), tuple(made["out"]), tuple(_state(each) for each in part.states))


def _port(port: program.Port) -> Port:
    return Port(port.name, len(port.axes), is_of_integers(port))


def _state(state: StatePort) -> State:
    directions, _, units = state.shape
    return State(state.input_name, state.output_name, int(directions), int(units))


def simulated(
    path: Path,
    target: str | Path,
    precision: str | None = None,
    cell_bits: int = USUAL.cell_bits,
) -> SimExecutor:
    """A model file, or a folder of them, on the target of that name or in that file.

    At a `precision` (``fp16``) the model is a float one.
    """
    asked = None if precision is None else Precision[precision.upper()]
    options = Options(precision=asked, cell_bits=cell_bits)
    return SimExecutor(path, load_target(target), options)
