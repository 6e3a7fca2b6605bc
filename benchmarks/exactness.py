"""Whether the machine computes what the integer oracle computes: every value, code by code.

    python benchmarks/fuzz_programs.py && python benchmarks/exactness.py --data an4

Recorded speech through the bundled RNN-T in every shipped recipe that integer programs can carry
out, and random networks, with LSTM cells of 16 and of 32 bits, on machines of 64 KiB to 32 MiB and
of 1 to 4 cores, each in the order of issue and in random legal orders with a check for races.
Beside it: one program for 1 step and for 100 000; whether each requantizer has the thresholds of
the QDQ file; and what became of spoiled program files (the record of fuzz_programs.py). Without AN4
the bundled demo corpus is heard.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from q4compile.cli.bars import progress_for
from q4compile.graph.read import read_model
from q4compile.graph.write import write_model
from q4compile.lower.files import read_parts
from q4compile.lower.lower import lower
from q4compile.lower.options import CELL_BITS, NARROW_BITS, WIDE_BITS
from q4compile.quantize.oracle.thresholds import compare_thresholds
from q4compile.quantize.quantize import quantize
from q4compile.recipe.read_recipe import load_recipe
from q4compile.report.record import (
    benchmark_record,
    new_record,
    read_record,
    write_record,
)
from q4compile.sim.simulator import Simulator
from q4compile.speech.checkpoint import load_rnnt, shipped
from q4compile.speech.corpus import DEMO, read_corpus
from q4compile.speech.evaluate import evenly, hear
from q4compile.speech.export import export_rnnt
from q4compile.speech.feeds import speech_feeds
from q4compile.speech.metadata import read_metadata

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
sys.path.insert(0, str(ROOT / "tests" / "lower"))

from exact_runs import Counts, Exact, run_all  # noqa: E402
from targets_to_try import TRIALS  # noqa: E402
from test_exact_runs import long_model  # noqa: E402
from test_lower_random import FEATURES, Stack  # noqa: E402

Floats = np.ndarray
RECIPES = ("rnnt", "w3a3", "w2a4", "w4a8", "w8a8")
LONGEST_STEPS = 100_000
LABELS = 6
MOST_WIDE = 2
"""Sequences of a call with wide cells, on the smallest machine."""


def main() -> int:
    arguments = options()
    data = arguments.data if (arguments.data / "etc").is_dir() else DEMO
    counts, details = Counts(), {"corpus": data.name, "trials": [t.name for t in TRIALS]}
    with tempfile.TemporaryDirectory() as folder:
        models = dict(quantized(data, Path(folder)))
        figures = spoken(models, data, arguments, counts, details)
    figures |= by_chance(arguments, counts)
    # Of wide cells only the h has other numbers, and its pairs of gates are too many to count.
    narrow = {name: exact for name, exact in models.items() if exact.cell_bits == NARROW_BITS}
    figures |= thresholds(narrow, arguments.graphs, details)
    figures |= one_program(arguments.long_steps)
    figures |= spoiled()
    figures |= {
        "tensors_compared": counts.tensors,
        "codes_compared": counts.codes,
        "codes_different": counts.different,
        "runs": counts.runs,
        "interleavings": counts.interleavings,
    }
    details["first_different"] = counts.first[:5]
    record = new_record("benchmarks/exactness.py", [shipped("small")], figures, details)
    write_record(benchmark_record(record, ROOT), arguments.output)
    print(json.dumps(figures, indent=2))
    return 1 if counts.different or not figures["same_outputs_on_all_machines"] else 0


def quantized(data: Path, folder: Path) -> Iterator[tuple[str, Exact]]:
    """The bundled RNN-T in each recipe, and in the first one with cells of 32 bits."""
    exported = folder / "model.onnx"
    export_rnnt(load_rnnt(shipped("small")), exported)
    model = read_model(exported)
    metadata = read_metadata(model.metadata_props, "model")
    assert metadata is not None, "an exported model says what it hears"
    for recipe in RECIPES:
        path = folder / recipe / "model.q4.onnx"
        path.parent.mkdir()
        feeds = speech_feeds(metadata, data, limit=16)
        write_model(quantize(model, load_recipe(recipe), feeds).model, path)
        yield recipe, Exact(dict(read_parts(path)))
    first = dict(read_parts(folder / RECIPES[0] / "model.q4.onnx"))
    yield f"{RECIPES[0]}, {WIDE_BITS}-bit cells", Exact(first, WIDE_BITS)


def spoken(
    models: dict[str, Exact],
    data: Path,
    arguments: argparse.Namespace,
    counts: Counts,
    details: dict[str, Any],
) -> dict[str, float]:
    """Utterances on every machine: one batch at a time, in order and in random orders."""
    network = load_rnnt(shipped("small"))
    chosen = evenly(read_corpus(data, "test"), arguments.utterances)
    heard = hear(chosen, network.config.features)
    rng = np.random.default_rng(0)
    batches = [feeds_of(heard.features[n : n + 2], rng) for n in range(0, len(heard.features), 2)]
    refused, programs, same = [], set(), True
    work = [(recipe, exact) for recipe, exact in models.items()]
    for recipe, exact in progress_for(not arguments.json)(work, "recipes", len(work)):
        expected = [list(exact.expected(feeds)) for feeds in batches]
        seen: list[dict[str, bytes] | None] = [None] * len(batches)
        for n, trial in enumerate(TRIALS):
            program = exact.program(trial)
            if program is None:
                refused.append(f"{recipe} on {trial.name}")
                continue
            programs.add((recipe, program.code))
            for k, values in enumerate(expected):
                outputs = run_all(program, trial, values, (None, n * len(batches) + k), counts)
                same &= seen[k] is None or seen[k] == outputs
                seen[k] = outputs
    details["refused_for_memory"] = refused
    return {
        "machines": len(TRIALS),
        "programs_of_models": len(programs),
        "same_outputs_on_all_machines": float(same),
        "speech_seconds": round(heard.seconds, 1),
    }


def feeds_of(heard: Sequence[Floats], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Features side by side, zeros behind the shorter, and some labels."""
    lengths = np.array([len(each) for each in heard])
    features = np.zeros((len(heard), lengths.max(), heard[0].shape[1]), np.float32)
    for row, each in zip(features, heard, strict=True):
        row[: len(each)] = each
    tokens = rng.integers(0, 29, (len(heard), LABELS))
    return {"features": features, "feature_lengths": lengths, "tokens": tokens}


def by_chance(arguments: argparse.Namespace, counts: Counts) -> dict[str, float]:
    """Networks by chance, each on a machine of every other size; half of them have wide cells."""
    for seed in progress_for(not arguments.json)(
        range(arguments.graphs), "random networks", arguments.graphs
    ):
        exact = Exact(Stack(1000 + seed).made(), CELL_BITS[seed // 2 % 2])
        rng = np.random.default_rng(seed)
        frames, batch = int(rng.integers(1, 12)), int(rng.integers(1, 4))
        batch = min(batch, MOST_WIDE) if exact.cell_bits == WIDE_BITS else batch
        feeds = {"x": rng.normal(0, 1, (frames, batch, FEATURES)).astype(np.float32)}
        if any(port.name == "n" for port in exact.parts["model"].inputs):
            feeds["n"] = rng.integers(1, frames + 1, batch)
        expected = list(exact.expected(feeds))
        for trial in TRIALS[seed % 2 :: 2]:
            program = exact.program(trial)
            if program is not None:
                run_all(program, trial, expected, (seed,), counts)
    return {"random_networks": arguments.graphs}


def thresholds(models: dict[str, Exact], graphs: int, details: dict[str, Any]) -> dict[str, float]:
    """Requantizers channel by channel: as many as have every threshold of the file, or have not.

    Those of the hidden state stand apart: their accumulators have 30 bits, mul has 24.
    """
    random = {f"random {n}": Exact(Stack(1000 + n).made()) for n in range(graphs)}
    proved = unequal = 0
    hidden = hidden_thresholds = hidden_unequal = pairs = 0
    for name, exact in (models | random).items():
        for component, decisions in exact.decisions.items():
            for node, each in compare_thresholds(decisions).items():
                if node.endswith(".h"):
                    hidden += each.channels
                    hidden_thresholds += each.thresholds
                    hidden_unequal += len(each.differences)
                    pairs = max(pairs, sum(d.accumulators for d in each.differences))
                    continue
                proved += each.equal_channels
                unequal += each.channels - each.equal_channels
                if each.equal_channels < each.channels:
                    told = details.setdefault("requantizers_not_equal", [])
                    told.append(f"{name}, {component}, {node}")
    return {
        "requantizers_proved": proved,
        "requantizers_not_equal": unequal,
        "hidden_requantizers": hidden,
        "hidden_thresholds": hidden_thresholds,
        "hidden_thresholds_not_equal": hidden_unequal,
        "hidden_gate_pairs_not_equal_most": pairs,
    }


def one_program(steps: int) -> dict[str, float]:
    """The program of an LSTM at 1 step and at many, all codes beside the oracle's."""
    trial = TRIALS[2]
    exact = Exact(long_model())
    program = lower(exact.parts.items(), trial.target, trial.options)
    machine = Simulator(program, sram_bytes=trial.target.sram.size_bytes)
    x = np.random.default_rng(0).normal(0, 1, (steps, 1, 8)).astype(np.float32)
    machine.run("model", {"x": x[:1]})
    started = time.perf_counter()
    whole = machine.run("model", {"x": x}).codes["y"]
    seconds = time.perf_counter() - started
    different = 0
    for count in (1, steps):
        ((_, _, exact_values),) = exact.expected({"x": x[:count]})
        codes = machine.run("model", {"x": x[:count]}).codes["y"]
        different += int((codes != exact_values["y"].codes).sum())
    return {
        "longest_steps": steps,
        "longest_host_seconds": round(seconds, 2),
        "longest_codes": whole.size,
        "longest_codes_different": different,
    }


def spoiled() -> dict[str, float]:
    """What fuzz_programs.py found."""
    found = read_record(RESULTS / "fuzz.json").figures
    return {"mutants": found["mutants_total"], "mutants_crashed": found["mutants_escaped"]}


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    an4 = Path(os.environ.get("Q4COMPILE_AN4", ROOT / "an4"))
    parser.add_argument("--data", type=Path, default=an4, help="AN4 [$Q4COMPILE_AN4 or ./an4]")
    parser.add_argument("--utterances", type=int, default=4, help="of the test set [4]")
    parser.add_argument("--graphs", type=int, default=24, help="random networks [24]")
    parser.add_argument("--long-steps", type=int, default=LONGEST_STEPS)
    parser.add_argument("--json", action="store_true", help="no progress bars")
    parser.add_argument("-o", "--output", type=Path, default=RESULTS / "exactness.json")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
