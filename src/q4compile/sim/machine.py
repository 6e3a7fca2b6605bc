"""The state of a core: memories, registers, semaphores, counts, and what computes for it."""

from collections.abc import Iterable

from q4compile.isa.operand import REGISTERS
from q4compile.sim.counters import Tally
from q4compile.sim.fault import MAX_SEMAPHORE, semaphore_overflow
from q4compile.sim.kernels import plain
from q4compile.sim.kernels.interface import Kernels
from q4compile.sim.memory import Memory

SEMAPHORES = 16


class Machine:
    """One core.

    Lists and tallies stay the same objects for its whole life: bound words hold on to them.
    """

    def __init__(
        self,
        sram_bytes: int,
        dram_bytes: int,
        kernels: Kernels,
        *,
        core: int = 0,
        cores: int = 1,
        dram: Memory | None = None,
    ) -> None:
        self.core, self.cores = core, cores
        self.sram = Memory("sram", sram_bytes)
        self.dram = Memory("dram", dram_bytes) if dram is None else dram
        """That of the other cores too."""
        self.a, self.s = [0] * REGISTERS, [0] * REGISTERS
        self.semaphores = [0] * SEMAPHORES
        self.tally = Tally()
        self.kernels = kernels
        self.stored_from = dram_bytes
        """The lowest DRAM address that a word has written since this was last set."""

    def reset(self) -> None:
        """Registers, semaphores and counts to 0; memories stay."""
        self.a[:] = self.s[:] = [0] * REGISTERS
        self.semaphores[:] = [0] * SEMAPHORES
        self.tally.clear()

    def ready(self, wait: Iterable[int]) -> bool:
        """True when all these semaphores are above 0."""
        return all(self.semaphores[index] for index in wait)

    def take(self, wait: Iterable[int]) -> None:
        """1 from each, which is above 0."""
        for index in wait:
            self.semaphores[index] -= 1

    def post(self, post: Iterable[int]) -> None:
        """1 to each."""
        for index in post:
            if self.semaphores[index] == MAX_SEMAPHORE:
                raise semaphore_overflow(index)
            self.semaphores[index] += 1

    def kernels_for(self, *, overlap: bool) -> Kernels:
        """Those that are right where what a word writes overlaps what it reads, or not."""
        return plain if overlap else self.kernels
