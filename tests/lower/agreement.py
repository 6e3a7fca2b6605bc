"""A lowered network on the simulated machine against the integer oracle, code by code."""

from dataclasses import replace

import numpy as np

from q4compile.isa.container import parse_program, program_bytes
from q4compile.isa.target import load_target
from q4compile.isa.verify import verify
from q4compile.lower.lower import lower
from q4compile.lower.options import Options
from q4compile.quantize.oracle.interpret import interpret
from q4compile.quantize.oracle.representations import decide_all
from q4compile.quantize.oracle.tensor import Grid
from q4compile.sim.simulator import Simulator

RAPID1 = load_target("rapid1")


def target_of(kib=None):
    """rapid1, or one with another size of on-chip memory."""
    if kib is None:
        return RAPID1
    return replace(RAPID1, name="small", sram=replace(RAPID1.sram, size_kib=kib))


def compiled(parts, target=RAPID1, **options):
    """The program, verified, written and read back."""
    program = lower(parts, target, Options(**options))
    verify(program, target)
    return parse_program(program_bytes(program, target), target=target)


class Machine:
    """Programs of `parts`, run and compared with the oracle."""

    def __init__(self, parts, target=RAPID1, **options):
        self.parts = dict(parts)
        self.program = compiled(self.parts.items(), target, **options)
        decided = decide_all(self.parts.values(), wide_cells=options.get("cell_bits") == 32)
        self.decisions = dict(zip(self.parts, decided, strict=True))
        self.simulator = Simulator(self.program, sram_bytes=target.sram.size_bytes)

    def agree(self, feeds, component="model", seeds=(None, 0)):
        """Assert that all outputs are equal, in several orders of the engines, without races."""
        network, decisions = self.parts[component], self.decisions[component]
        expected = interpret(network, feeds, decisions)
        ports = {port.name: port for port in self.program.entry(component).ports}
        for seed in seeds:
            found = self.simulator.run(component, feeds, seed=seed, check_races=seed is not None)
            for port in network.outputs:
                wanted = expected[port.name]
                kind = wanted.representation
                offset = (
                    kind.zero_point - ports[port.name].zero_point if isinstance(kind, Grid) else 0
                )
                codes = np.asarray(found.codes[port.name], np.int64) + offset
                np.testing.assert_array_equal(codes, wanted.codes, port.name)
        return expected
