"""Cycles of the paper-size network for the calls that real decodes made.

time of a decode = Σ over components and sizes: calls × cycles of one call at that size

The network is that of paper_scale.py, lowered for each target at 4 and at 16 bits. Sizes of calls
are the rows that the search gave, 1 to the width of the beam.
"""

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from pathlib import Path

from models.paper_system import export_system, float_parts, quantized_parts
from paper_cells import Decoded
from paper_scale import FRAMES_PER_SECOND, TARGETS, program

import q4compile
from q4compile.files import write_text
from q4compile.isa.target import load_target
from q4compile.lower.lower import Lowered
from q4compile.sim.timing.entry_timing import time_entry

PRECISIONS = ("fp16", "int4")
BEAM = 16
LABEL_NETS = ("predictor", "joint", "lm", "source_lm")
LMS = ("lm", "source_lm")
FRAME_STEP = 10
"""Frames of an utterance are rounded up to whole steps, so that few sizes have to be timed."""
MOST_FRAMES = 500
PARTS = ("isa", "lower", "sim")
Key = tuple[str, str, str, int]
"""Target, precision, component, rows (of the encoder: frames)."""


@dataclass(frozen=True)
class Times:
    """Seconds of one call."""

    seconds: Mapping[Key, float]
    sources: str
    """Digest of the sources that they were timed by."""

    def decode(self, decoded: Decoded, target: str, precision: str) -> dict[str, float]:
        """Component → seconds of machine time for a second of sound."""
        audio_s = sum(decoded.audio_s)
        found = {"encoder": sum(self._encoder(each, target, precision) for each in decoded.audio_s)}
        for name in LABEL_NETS:
            sizes = decoded.calls.get(name, {})
            found[name] = sum(
                count * self.seconds[target, precision, name, int(rows)]
                for rows, count in sizes.items()
            )
        return {name: spent / audio_s for name, spent in found.items()}

    def _encoder(self, audio_s: float, target: str, precision: str) -> float:
        frames = FRAME_STEP * ceil(audio_s * FRAMES_PER_SECOND / FRAME_STEP)
        return self.seconds[target, precision, "encoder", frames]


def timed(runs: Path, known: Path | None = None) -> Times:
    """Every call that a decode may make: from `known`, from the file of `runs`, or made now."""
    path = known or runs / f"calls-{_digest()}.json"
    if not path.exists():
        found = [[*key, seconds] for key, seconds in Timer().all().items()]
        write_text(path, json.dumps(found, indent=0))
    rows = json.loads(path.read_text())
    return Times({tuple(row[:4]): row[4] for row in rows}, path.stem.removeprefix("calls-"))


class Timer:
    """Programs of the paper-size network, lowered once each."""

    def all(self) -> dict[Key, float]:
        """Seconds of one call at each size."""
        return {
            (target, precision, name, size): self._one(target, precision, name, size)
            for target in TARGETS
            for precision in PRECISIONS
            for name, size in self._sizes()
        }

    def _sizes(self) -> Sequence[tuple[str, int]]:
        frames = range(FRAME_STEP, MOST_FRAMES + 1, FRAME_STEP)
        rows = [(name, count) for name in LABEL_NETS for count in range(1, BEAM + 1)]
        return [*(("encoder", count) for count in frames), *rows]

    def _one(self, target: str, precision: str, name: str, size: int) -> float:
        machine = load_target(target)
        sizes = {"batch": size, "labels": 1}
        if name == "encoder":
            sizes = {"batch": 1, "frames": size}
        elif name == "joint":
            sizes |= {"frames": 1}
        done = self._programs[target, precision]
        return time_entry(done.program, name, sizes, machine).cycles / (machine.clock_ghz * 1e9)

    @cached_property
    def _programs(self) -> dict[tuple[str, str], Lowered]:
        with tempfile.TemporaryDirectory() as name:
            files = export_system(Path(name))
            parts = {"int4": quantized_parts(files, "rnnt"), "fp16": float_parts(files)}
        return {
            (target, precision): program(parts[precision], target, precision)
            for target in TARGETS
            for precision in PRECISIONS
        }


def _digest() -> str:
    """Of the sources that the times depend on."""
    found = hashlib.sha256()
    folder = Path(q4compile.__file__).parent
    for path in sorted(each for part in PARTS for each in (folder / part).rglob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()[:12]
