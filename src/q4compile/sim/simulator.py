"""Run the entries of a program on arrays, bit for bit as the machine does.

outputs = decode(run(encode(inputs)))
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from q4compile.isa.element_type import UNIT_BYTES
from q4compile.isa.program import Entry, Program
from q4compile.isa.target_parts import ADDRESSABLE_BYTES
from q4compile.sim.counters import Counters, counters_of
from q4compile.sim.engines import Code, Engines
from q4compile.sim.inputs import Feeds, dimensions_of
from q4compile.sim.kernels import plain as plain_kernels
from q4compile.sim.kernels.interface import Kernels
from q4compile.sim.machine import Machine
from q4compile.sim.memory import Bytes
from q4compile.sim.orders import run_in_issue_order, run_interleaved
from q4compile.sim.placement import Placement, place
from q4compile.sim.ports import decoded, read_codes, write_input
from q4compile.sim.races import Races
from q4compile.sim.recorder import Recorder
from q4compile.sim.team import Team

DRAM_LIMIT_BYTES = 2**30
MAX_WORDS = 2**26


@dataclass(frozen=True)
class Result:
    """Of one run of an entry."""

    outputs: Mapping[str, NDArray[Any]]
    """float32 by port, or int32 where the port holds integers, in ONNX shape."""
    codes: Mapping[str, NDArray[Any]]
    """The same before decoding."""
    counters: Counters
    memory: Mapping[str, Bytes]
    """What DRAM holds at the end: ``symbol NAME``, ``in NAME``, ``out NAME``, ``scratch NAME``;
    empty unless asked for."""
    made: Mapping[str, NDArray[Any]]
    """Codes of the values that the entry says it makes, in that order; empty unless asked for."""


class Simulator:
    """A program on a machine of as many cores as it says, for any number of runs.

    Args:
        program: sound, as `isa.container.read_program` returns it.
        sram_bytes: of each core, a multiple of 16.
        dram_limit_bytes: what a run may allocate, data included.
        plain: compute everything in numpy, without numba: slow, and easy to read.
    """

    def __init__(
        self,
        program: Program,
        *,
        sram_bytes: int,
        dram_limit_bytes: int = DRAM_LIMIT_BYTES,
        plain: bool = False,
    ) -> None:
        if sram_bytes < UNIT_BYTES or sram_bytes % UNIT_BYTES:
            raise ValueError(f"SRAM is a multiple of {UNIT_BYTES} bytes, not {sram_bytes}")
        self.program = program
        self.dram_limit_bytes = min(dram_limit_bytes, ADDRESSABLE_BYTES)
        self.machines = _cores(program.cores, sram_bytes, plain_kernels if plain else _compiled())
        numbers = range(program.cores) if program.cores > 1 else [None]
        self.codes = [Code(program.code, program.nodes, program.name, each) for each in numbers]

    def run(
        self,
        entry_name: str,
        feeds: Feeds,
        *,
        seed: int | None = None,
        check_races: bool = False,
        max_words: int = MAX_WORDS,
        keep_memory: bool = False,
        record: bool = False,
    ) -> Result:
        """Run one entry from `start` to `Halt`.

        Args:
            entry_name: one of the program's; KeyError if it has none of that name.
            feeds: float32 by name of port, integers where the port holds integers.
            seed: 0 or more; run engines and cores in a random legal order instead of that of issue,
                on SRAM of random contents instead of zeros. A right program has the same result.
            check_races: stop at two words that touch a byte, one of them writing, unordered.
            max_words: stop after as many words of a core.
            keep_memory: return what DRAM holds at the end.
            record: return the values in `Entry.made`; engines rest where one is taken.

        Raises:
            DataError: Q570 to Q577, the inputs are not those that the entry takes.
            TargetError: Q360 to Q369, the program cannot go on; Q316, it contradicts itself.
        """
        entry = self.program.entry(entry_name)
        at = f"{self.program.name}, entry {entry.name!r}"
        sizes = dimensions_of(entry, feeds, at)
        placed = place(entry, sizes, len(self.program.data), self.dram_limit_bytes, at)
        self._prepare(entry, placed, feeds, seed)
        races = Races(self.machines) if check_races else None
        team = Team(races)
        watchers = [None] * len(self.machines) if races is None else races.cores
        known = entry.sizes(sizes), placed.scalars, self.machines[0].dram
        recorder = Recorder(entry.made, *known) if record else None
        cores = [
            Engines(machine, code, entry.name, entry.start, max_words, team, watcher)
            for machine, code, watcher in zip(self.machines, self.codes, watchers, strict=True)
        ]
        cores[0].recorder = recorder
        if seed is None:
            run_in_issue_order(cores)
        else:
            run_interleaved(cores, seed)
        made = {} if recorder is None else recorder.codes
        return self._result(entry, placed, keep_memory, made)

    def _prepare(self, entry: Entry, placed: Placement, feeds: Feeds, seed: int | None) -> None:
        data, dram = self.program.data, self.machines[0].dram
        stored_from = min(each.stored_from for each in self.machines)
        for machine in self.machines:
            machine.reset()
            machine.s[:] = placed.scalars
            if entry.core_register is not None:
                machine.s[entry.core_register] = machine.core
            noise = 0 if seed is None else _noise(seed + machine.core, machine.sram.size_bytes)
            machine.sram.bytes[:] = noise
            machine.stored_from = placed.size_bytes
        if dram.resize(placed.size_bytes) or stored_from < len(data):
            dram.bytes[: len(data)] = np.frombuffer(data, np.uint8)
        dram.bytes[len(data) : placed.size_bytes] = 0
        for used, region in placed.inputs:
            write_input(used, feeds[used.port.name], dram, region.start)

    def _result(
        self, entry: Entry, placed: Placement, keep_memory: bool, made: Mapping[str, NDArray[Any]]
    ) -> Result:
        dram = self.machines[0].dram
        codes = {
            used.port.name: read_codes(used, dram, region.start) for used, region in placed.outputs
        }
        ports = {used.port.name: used.port for used, _ in placed.outputs}
        outputs = {name: decoded(ports[name], each) for name, each in codes.items()}
        memory = self._memory(placed) if keep_memory else {}
        counters = counters_of([each.tally for each in self.machines])
        return Result(outputs, codes, counters, memory, made)

    def _memory(self, placed: Placement) -> dict[str, Bytes]:
        spans = {
            f"symbol {each.name}": (each.address * UNIT_BYTES, each.bytes)
            for each in self.program.symbols
        }
        for used, region in (*placed.inputs, *placed.outputs):
            spans[f"{used.port.direction} {used.port.name}"] = (region.start, region.size_bytes)
        for name, region in placed.scratch:
            spans[f"scratch {name}"] = (region.start, region.size_bytes)
        held = self.machines[0].dram.bytes
        return {name: held[start : start + size].copy() for name, (start, size) in spans.items()}


def simulate(
    program: Program,
    entry: str,
    feeds: Feeds,
    *,
    sram_bytes: int,
    seed: int | None = None,
    check_races: bool = False,
    max_words: int = MAX_WORDS,
    keep_memory: bool = False,
    dram_limit_bytes: int = DRAM_LIMIT_BYTES,
    plain: bool = False,
) -> Result:
    """One run of one entry: arguments and errors as `Simulator` and `Simulator.run`."""
    simulator = Simulator(
        program, sram_bytes=sram_bytes, dram_limit_bytes=dram_limit_bytes, plain=plain
    )
    return simulator.run(
        entry,
        feeds,
        seed=seed,
        check_races=check_races,
        max_words=max_words,
        keep_memory=keep_memory,
    )


def _cores(count: int, sram_bytes: int, kernels: Kernels) -> list[Machine]:
    """With DRAM of no size yet, the same for all."""
    first = Machine(sram_bytes, 0, kernels, cores=count)
    others = range(1, count)
    return [
        first,
        *(Machine(sram_bytes, 0, kernels, core=n, cores=count, dram=first.dram) for n in others),
    ]


def _compiled() -> Kernels:
    from q4compile.sim.kernels import compiled  # numba, and half a second: only who computes

    return compiled


def _noise(seed: int, size_bytes: int) -> Bytes:
    return np.random.default_rng(seed).integers(0, 256, size_bytes, np.uint8)
