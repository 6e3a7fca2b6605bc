"""How long the paper's system takes on the targets, at 16 and at 4 bits, and what bounds it.

    python benchmarks/paper_scale.py

RNN-T (encoder 6 × 640 both ways, prediction 768, joint 256), external and source LM; one second and
ten seconds of audio. Cycles are those of `q4compile sim --timing-only`, so each figure is simulated
time, and the same on every machine, but for `timing_only_seconds`. How often each component is
called, and with how many rows, is what decodes of AN4 at beam 16 with both language models foretell
for the paper's frames and labels (paper_demand.py). Figures in `_full` take what was assumed before
there were decodes: 22.8 calls per second of all 16 rows. Those in `_32_bit_cells` are of programs
that hear what onnxruntime hears (`lower --cell-bits 32`), over the same halves.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "1")

from models.paper_system import export_system, float_parts, quantized_parts
from paper_demand import PAPER_FRAMES, Demand, measured
from rich.console import Console
from rich.table import Table

from q4compile.isa.engine import Precision
from q4compile.isa.target import load_target
from q4compile.lower.lower import Lowered, Part, lowered
from q4compile.lower.options import Options
from q4compile.report.record import benchmark_record, new_record, write_record
from q4compile.runtime.call_clock import CallClock
from q4compile.sim.timing.comparison import Side, causes_of
from q4compile.sim.timing.entry_timing import time_entry
from q4compile.sim.timing.result import Timing

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "paper_scale.json"
TARGETS = ("rapid1", "rapid4")
SECONDS = (1, 10)
FRAMES_PER_SECOND = int(PAPER_FRAMES)
BEAM = 16
FULL = Demand(
    {"joint": 65, "predictor": 22.8, "lm": 22.8, "source_lm": 22.8},
    {name: {BEAM: 1.0} for name in ("joint", "predictor", "lm", "source_lm")},
)
"""Steps of 16 hypotheses, 35 % of them with a prefix that is not cached."""
MOST_FILLING = 0.05
"""Of the products of a component: the 46 symbols of the joint are 48 columns on four cores."""
RNNT, LMS = ("encoder", "predictor", "joint"), ("lm", "source_lm")
ASSUMED = {
    "frames_per_second": FRAMES_PER_SECOND,
    "beam": BEAM,
    "external_lm": "2 x 2048, embedding 512",
    "source_lm": "1 x 1024, embedding 512",
    "search_on_host": "runs while the next weights load; its time is a figure of its own",
    "weights_between_calls": "none stay in SRAM",
    "recurrent_weights": "at both precisions as many stay on chip as fit, the others come by at"
    " every step",
    "cores": "rapid4 has four, with 2 MiB of SRAM each, and a DRAM of 128 GB/s for all: products"
    " are split by columns, recurrences by units",
}


@dataclass(frozen=True)
class Spent:
    """Cycles of all calls of a component, and the least that they could be."""

    calls: float = 0
    cycles: float = 0
    floor_cycles: float = 0
    energy_mj: float = 0
    dram_bytes: float = 0

    def plus(self, times: float, one: Timing) -> "Spent":
        """With so many calls more."""
        return Spent(
            self.calls + times,
            self.cycles + times * one.cycles,
            self.floor_cycles + times * one.floor_cycles,
            self.energy_mj + times * one.energy.total_mj,
            self.dram_bytes + times * one.work.dram_bytes,
        )


@dataclass(frozen=True)
class Decode:
    """A precision on a target, for some seconds of audio."""

    target: str
    precision: str
    audio_seconds: int
    clock_hz: float
    components: dict[str, Spent]

    def rtf(self, names: Sequence[str] | None = None) -> float:
        """Seconds for each second of audio, of all components or of some."""
        chosen = [each for name, each in self.components.items() if not names or name in names]
        return sum(each.cycles for each in chosen) / self.clock_hz / self.audio_seconds

    @property
    def over_floor(self) -> float:
        """Cycles / the sum of the greatest bounds of all calls."""
        spent = self.components.values()
        return sum(each.cycles for each in spent) / sum(each.floor_cycles for each in spent)


def main() -> int:
    arguments = options()
    with tempfile.TemporaryDirectory() as name:
        say("exporting and quantizing the models")
        files = export_system(Path(name))
        parts = {"int4": quantized_parts(files, "rnnt"), "fp16": float_parts(files)}
    decodes: list[Decode] = []
    full: dict[tuple[str, str], Decode] = {}
    wide: dict[str, Decode] = {}
    causes: dict[str, dict[str, float]] = {}
    timing_seconds = 0.0
    for target in TARGETS:
        say(f"lowering for {target}")
        programs = {
            precision: program(each, target, precision) for precision, each in parts.items()
        }
        require_products(programs["int4"], target)
        for precision, done in programs.items():
            decodes += [decode(done, target, precision, seconds) for seconds in SECONDS]
            full[target, precision] = decode(done, target, precision, SECONDS[-1], FULL)
        finest = lowered(parts["int4"], load_target(target), Options(batch=BEAM, cell_bits=32))
        wide[target] = decode(finest, target, "int4", SECONDS[-1])
        causes[target] = where_from(programs, target)
        if target == TARGETS[0]:
            timing_seconds = encoder_seconds(programs["int4"], target, arguments.runs)
    figures = figures_of(decodes, timing_seconds)
    for target, one in wide.items():
        ratio = figures[f"rtf_fp16_{target}"] / one.rtf()
        figures[f"rtf_int4_{target}_32_bit_cells"] = one.rtf()
        figures[f"speedup_fp16_int4_{target}_32_bit_cells"] = ratio
    write(figures | full_figures(full), decodes, causes, arguments)
    return 0


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def program(parts: Sequence[Part], target: str, precision: str) -> Lowered:
    kind = Precision.FP16 if precision == "fp16" else None
    return lowered(parts, load_target(target), Options(precision=kind, batch=BEAM))


def calls(
    audio_seconds: int, demand: Demand | None = None
) -> Iterator[tuple[str, dict[str, int], float]]:
    """Entry, sizes, how often; as measured, if no `demand` is given."""
    yield "encoder", {"batch": 1, "frames": FRAMES_PER_SECOND * audio_seconds}, 1
    for name, rows, times in (demand or measured()).calls():
        frames = {"frames": 1} if name == "joint" else {}
        yield name, {"batch": rows, **frames, "labels": 1}, times * audio_seconds


def decode(
    done: Lowered,
    target: str,
    precision: str,
    audio_seconds: int,
    demand: Demand | None = None,
) -> Decode:
    clock = CallClock(done.program, load_target(target))
    found: dict[str, Spent] = {}
    for name, sizes, times in calls(audio_seconds, demand):
        one = clock.account_sizes(name, sizes)
        found[name] = found.get(name, Spent()).plus(times, one)
    return Decode(target, precision, audio_seconds, clock.cycles_per_second, found)


def require_products(done: Lowered, target: str) -> None:
    """As many products as the graph has: of one step, times the steps.

    On several cores those of columns that fill up a core's part come on top.
    """
    filling = 0 if done.program.cores == 1 else MOST_FILLING
    for name, sizes, _ in calls(1):
        steps = 1
        for size in sizes.values():
            steps *= size
        ours = time_entry(done.program, name, sizes, load_target(target)).work.macs
        graph = done.figures[f"{name}_macs_per_step"] * steps
        if not graph <= ours <= graph * (1 + filling):
            raise AssertionError(f"{name} makes {ours} products, the graph has {graph:.0f}")


def where_from(programs: dict[str, Lowered], target: str) -> dict[str, float]:
    """What takes ten seconds' time at each precision, in ms for a second of audio."""
    machine = load_target(target)
    shown: dict[str, float] = {}
    for name, sizes, times in calls(SECONDS[-1]):
        sides = {
            each: side(each, time_entry(done.program, name, sizes, machine))
            for each, done in programs.items()
        }
        for precision, each in sides.items():
            for cause, seconds in causes_of(each, sides["int4"]).items():
                key = f"{precision}, {cause}"
                shown[key] = shown.get(key, 0.0) + 1e3 * seconds * times / SECONDS[-1]
    return {key: round(shown[key], 4) for key in sorted(shown)}


def side(precision: str, timing: Timing) -> Side:
    return Side(precision, Precision[precision.upper()], (timing,))


def encoder_seconds(done: Lowered, target: str, runs: int) -> float:
    """Median CPU seconds of one timing of the whole encoder for ten seconds of audio."""
    _, sizes, _ = next(calls(SECONDS[-1]))
    taken = []
    for _ in range(runs):
        started = time.process_time()
        time_entry(done.program, "encoder", sizes, load_target(target))
        taken.append(time.process_time() - started)
    return median(taken)


def figures_of(decodes: Sequence[Decode], timing_seconds: float) -> dict[str, float]:
    by = {(each.target, each.precision, each.audio_seconds): each for each in decodes}
    found: dict[str, float] = {}
    for target in TARGETS:
        wide, narrow = (by[target, each, SECONDS[-1]] for each in ("fp16", "int4"))
        found[f"rtf_int4_{target}"] = narrow.rtf()
        found[f"rtf_fp16_{target}"] = wide.rtf()
        found[f"rtf_int4_{target}_one_second"] = by[target, "int4", SECONDS[0]].rtf()
        found[f"speedup_fp16_int4_{target}"] = wide.rtf() / narrow.rtf()
        found[f"speedup_no_lm_{target}"] = wide.rtf(RNNT) / narrow.rtf(RNNT)
        found[f"speedup_lms_{target}"] = wide.rtf(LMS) / narrow.rtf(LMS)
        found[f"time_over_floor_{target}"] = narrow.over_floor
        found[f"time_over_floor_fp16_{target}"] = wide.over_floor
        energy = sum(each.energy_mj for each in narrow.components.values()) / SECONDS[-1]
        found[f"energy_mj_per_second_int4_{target}"] = energy
    steps = measured().calls_per_second["joint"]
    steps *= load_target(TARGETS[0]).host.search_us_per_step
    return found | {"host_search_rtf": steps / 1e6, "timing_only_seconds": timing_seconds}


def full_figures(full: Mapping[tuple[str, str], Decode]) -> dict[str, float]:
    """At 22.8 calls of 16 rows."""
    found = {}
    for target in TARGETS:
        wide, narrow = full[target, "fp16"].rtf(), full[target, "int4"].rtf()
        found[f"rtf_int4_{target}_full"] = narrow
        found[f"speedup_fp16_int4_{target}_full"] = wide / narrow
    return found


def rows(decodes: Sequence[Decode]) -> list[dict[str, object]]:
    return [
        {
            "target": each.target,
            "precision": each.precision,
            "audio_seconds": each.audio_seconds,
            "component": name,
            "calls": round(spent.calls, 1),
            "ms_per_second": round(1e3 * spent.cycles / each.clock_hz / each.audio_seconds, 4),
            "time_over_floor": round(spent.cycles / spent.floor_cycles, 4),
            "mj_per_second": round(spent.energy_mj / each.audio_seconds, 3),
            "dram_mib_per_second": round(spent.dram_bytes / 2**20 / each.audio_seconds, 2),
        }
        for each in decodes
        for name, spent in each.components.items()
    ]


def write(
    figures: dict[str, float],
    decodes: Sequence[Decode],
    causes: dict[str, dict[str, float]],
    arguments: argparse.Namespace,
) -> None:
    rounded = {name: round(value, 5) for name, value in figures.items()}
    shown = rows(decodes)
    demand = measured()
    asked = {
        name: {"calls_per_second": round(times, 2), "mean_rows": round(demand.mean_rows(name), 2)}
        for name, times in demand.calls_per_second.items()
    }
    details = {
        "assumed": ASSUMED,
        "measured_demand": asked,
        "components": shown,
        "ms_per_second_by_cause": causes,
    }
    record = benchmark_record(new_record("paper_scale", [], rounded, details), ROOT)
    write_record(record, arguments.output)
    if arguments.json:
        print(json.dumps(rounded, indent=2))
        return
    table = Table(*shown[0])
    for row in shown:
        table.add_row(*map(str, row.values()))
    Console(width=140).print(table)
    for name, value in rounded.items():
        print(f"{name} {value}")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7, help="of the timing of the encoder [7]")
    parser.add_argument("-o", "--output", type=Path, default=RESULT, help="the record to write")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
