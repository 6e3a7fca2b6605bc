"""A model on many machines: every value that a run leaves in DRAM, beside the oracle's."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from targets_to_try import Trial

from q4compile.errors import TargetError
from q4compile.isa.program import Program
from q4compile.isa.verify import verify
from q4compile.lower.lower import lower
from q4compile.quantize.network import Network
from q4compile.quantize.oracle.interpret import interpret
from q4compile.quantize.oracle.representations import decide_all
from q4compile.quantize.oracle.tensor import Tensor
from q4compile.runtime.compare import Compared, compared, values_of
from q4compile.sim.simulator import Simulator

FIRST_STATE = ".h_in", ".c_in"


@dataclass
class Counts:
    """What was compared in all."""

    tensors: int = 0
    codes: int = 0
    different: int = 0
    runs: int = 0
    interleavings: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, found: Sequence[Compared], at: str, seed: int | None) -> None:
        self.runs += 1
        self.interleavings += seed is not None
        for each in found:
            self.tensors += 1
            self.codes += each.codes
            if each.oracle is not None:
                self.different += each.oracle.count
                self.first.append(f"{at}, seed {seed}: {each.name} {each.oracle}")


@dataclass
class Exact:
    """A model by its components, in an order in which data flows."""

    parts: dict[str, Network]
    cell_bits: int = 16

    @cached_property
    def decisions(self):
        decided = decide_all(self.parts.values(), wide_cells=self.cell_bits == 32)
        return dict(zip(self.parts, decided, strict=True))

    def program(self, trial: Trial) -> Program | None:
        """None where the memory is too small (Q326), which is a refusal by name.

        Wide sums take twice the memory, so there is half of the batch.
        """
        batch = trial.options.batch * 16 // self.cell_bits
        options = replace(trial.options, cell_bits=self.cell_bits, batch=batch)
        try:
            made = lower(self.parts.items(), trial.target, options)
        except TargetError as refused:
            if {each.code for each in refused.findings} != {"Q326"}:
                raise
            return None
        verify(made, trial.target)
        return made

    def expected(self, given: Mapping[str, np.ndarray]) -> Iterator[tuple[str, dict, dict]]:
        """Component, its feeds, and every value that the oracle computes of them."""
        pool = dict(given)
        for name, network in self.parts.items():
            batch = next(iter(given.values())).shape[0]
            for port in network.inputs:
                if port.name.endswith(FIRST_STATE):
                    pool[port.name] = np.zeros((1, batch, port.shape[2]), np.float32)
            feeds = {port.name: pool[port.name] for port in network.inputs}
            found: dict[str, Tensor] = interpret(network, feeds, self.decisions[name])
            pool |= {p.name: np.float32(found[p.name].real) for p in network.outputs}
            yield name, feeds, found


def run_all(
    program: Program,
    trial: Trial,
    expected: Sequence[tuple[str, dict, dict]],
    seeds: Sequence[int | None],
    counts: Counts,
) -> dict[str, bytes]:
    """Every component in every order; the bytes of its outputs by name."""
    machine = Simulator(program, sram_bytes=trial.target.sram.size_bytes)
    outputs: dict[str, bytes] = {}
    for name, feeds, exact in expected:
        entry = program.entry(name)
        for seed in seeds:
            done = machine.run(name, feeds, seed=seed, check_races=seed is not None, record=True)
            values = [each for each in values_of(program, entry, done) if each.port.name in exact]
            found = [compared(v, exact[v.port.name], None, is_output=False) for v in values]
            counts.add(found, f"{trial.name}, {name}", seed)
            outputs |= {key: each.tobytes() for key, each in done.outputs.items()}
    return outputs
