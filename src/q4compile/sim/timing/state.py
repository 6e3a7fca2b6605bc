"""All that there is of a run at a moment: cores with their engines, the DRAM, and the tallies."""

from array import array
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from q4compile.isa.engine import Engine
from q4compile.sim.machine import SEMAPHORES
from q4compile.sim.timing.control import Control
from q4compile.sim.timing.count_registers import LoopRegisters
from q4compile.sim.timing.dram_server import DramServer
from q4compile.sim.timing.items import Item, Items
from q4compile.sim.timing.tally import HEAD

QUEUE_WORDS = 8
STATIONS = (Engine.LD, Engine.ST, Engine.MX, Engine.VX)
NOBODY = -1
Watch = Callable[[int, int, int, Item], None]
"""(core, begin, end, item) of a word when its engine is done with it; times in cycles."""


@dataclass(slots=True)
class Station:
    """An engine of a core, and its queue."""

    engine: int
    core: int
    server_place: int
    """Its number at the DRAM; NOBODY for engines that do not go there."""
    busy_bit: int
    """In the class of overlap."""
    queue: deque[Item] = field(default_factory=deque)
    current: Item | None = None
    is_ready: bool = False
    """Whether only other cores keep its next word from beginning."""
    since: int = 0
    """When it took its current word; or until when its time without one is accounted for."""
    in_flight: deque[tuple[int, Item]] = field(default_factory=deque)
    """Words that are over but for their latency, with the time when their results are there."""

    @property
    def is_idle(self) -> bool:
        """Whether it has nothing to do and nothing to come."""
        return self.current is None and not self.queue and not self.in_flight


@dataclass(slots=True)
class Core:
    """A sequencer, four engines, semaphores."""

    number: int
    control: Control
    stations: dict[int, Station]
    """By engine."""
    hand: Item
    """What the sequencer issues."""
    at: int
    """When it has issued it; or since when it is held up."""
    is_held: bool = False
    """By a full queue, or by engines that a `bar` waits for."""
    has_halted: bool = False
    levels: list[int] = field(default_factory=lambda: [0] * SEMAPHORES)
    posted: dict[int, Item] = field(default_factory=dict)
    """Semaphore → who made it more than 0 at this very moment."""
    arrived: int = 0
    """How often it has come to a `meet` with its engines idle."""
    passed: int = 0
    """How often it has gone on behind one."""
    shares: int = 0
    """How often it has been ready for a `share`."""
    busy: int = 0
    """Class of overlap: bits of LD, MX and VX."""


@dataclass(slots=True)
class Run:
    """Of an entry, on all cores."""

    items: Items
    registers: LoopRegisters
    cores: list[Core]
    server: DramServer
    now: int = 0
    events: list[tuple[int, int, int, int]] = field(default_factory=list)
    """A heap of (time, core, engine, kind of event)."""
    tally: "array[int]" = field(default_factory=lambda: array("q", bytes(8 * HEAD)))
    skips: bool = True
    """Whether steady states of loops are found and skipped."""
    words: int = 0
    """That were issued one by one."""
    watch: Watch | None = None
