"""The paper's table: error rates of real decodes, and what they take on the target at its size.

    python benchmarks/paper_table.py --data an4 --qat build/qat/w4a4-0/trained.onnx

{FP32, INT4 PTQ, INT4 QAT} × {no language model, density ratio} × beams, on AN4, test and
development; language models of the INT4 systems are 4-bit too. Weights of each arm, the length
reward among them, are those with the fewest errors on the development speakers. Without --qat a
model is trained as benchmarks/qat.py does.

Machine time is simulated: the calls that each decode made, by their sizes, of the paper-size
network. Every decode is kept in --runs; --only SYSTEM makes that system's decodes and stops, so
that processes may share the work.
"""

import argparse
import json
import os
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from paper_calls import timed
from paper_cells import ARMS, NETWORKS, SETS, SYSTEMS, Bench, Cell
from paper_demand import CHOSEN
from paper_rows import ASSUMED, Found, calls_row, chart, figures_of, row, search_row
from rich.console import Console
from rich.table import Table

from q4compile.cli.bars import progress_for
from q4compile.graph.read import read_model
from q4compile.progress import Progress, quiet
from q4compile.quantize.summary import compression
from q4compile.report.pictures import write_picture
from q4compile.report.record import benchmark_record, new_record, write_record
from q4compile.speech.checkpoint import shipped
from q4compile.speech.search.fusion import FusionWeights
from q4compile.speech.search.settings import SearchSettings

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "paper_table.json"
PICTURE = ROOT / "docs" / "pictures" / "beams.svg"
BEAMS = {"fp32": (1, 4, 8, 16), "ptq": (1, 4, 8, 16), "qat": (1, 2, 4, 8, 16)}
WIDEST = 16
PRUNED = SearchSettings(WIDEST, margin_nats=6, batch=1)
TRADED = {
    "at once": SearchSettings(WIDEST, defer=False, batch=1),
    "deferred": SearchSettings(WIDEST, batch=1),
    "margin 8": SearchSettings(WIDEST, margin_nats=8, batch=1),
    CHOSEN: PRUNED,
}
"""Searches at the widest beam, the first the one that all are compared with."""


def decodes(bench: Bench, system: str, progress: Progress = quiet) -> Iterator[Found]:
    """Every line of a system."""
    for arm in ARMS:
        weights = bench.weights(system, arm)
        for beam in progress(BEAMS[system], f"{system} {arm.name}", len(BEAMS[system])):
            yield found(bench, system, arm.name, weights, SearchSettings(beam, batch=1))


def narrowed(bench: Bench, systems: Collection[str]) -> Iterator[Found]:
    """The chosen search with language models: the float system's widest, two of the INT4 one."""
    for system, beam in (("fp32", WIDEST), ("qat", 2), ("qat", WIDEST)):
        if system in systems:
            weights = bench.weights(system, ARMS[-1])
            yield found(bench, system, ARMS[-1].name, weights, replace(PRUNED, beam=beam))


def traded(bench: Bench) -> dict[str, Found]:
    """The searches of `TRADED`, of the INT4 system with language models."""
    arm = ARMS[-1]
    weights = bench.weights("qat", arm)
    return {name: found(bench, "qat", arm.name, weights, search) for name, search in TRADED.items()}


def found(
    bench: Bench, system: str, arm: str, weights: FusionWeights, search: SearchSettings
) -> Found:
    """Both sets."""
    cells = {split: Cell(system, arm, split, weights, search) for split in SETS}
    decoded = {name: bench.decoded(each) for name, each in cells.items()}
    return Found(system, arm, search, weights, decoded)


def main() -> int:
    arguments = options()
    if not (arguments.data / "etc" / "an4_test.fileids").is_file():
        print(f"skipped: no AN4 in {arguments.data}; clone cmusphinx/an4 or name it by --data")
        return 0
    arguments.runs.mkdir(parents=True, exist_ok=True)
    progress = progress_for(not arguments.json)
    qat = arguments.qat or trained(arguments, progress)
    bench = Bench(arguments.data, arguments.runs, qat, progress)
    chosen = arguments.only or SYSTEMS
    lines = [line for system in chosen for line in decodes(bench, system, progress)]
    pruned = list(narrowed(bench, chosen))
    searches = traded(bench) if "qat" in chosen else {}
    if not arguments.only:
        write(bench, (lines, pruned), searches, arguments)
    return 0


def write(
    bench: Bench,
    made: tuple[list[Found], list[Found]],
    searches: dict[str, Found],
    arguments: argparse.Namespace,
) -> None:
    """The record and the picture."""
    lines, pruned = made
    times = timed(arguments.runs, arguments.calls)
    figures = figures_of(lines, pruned, searches, times) | sizes(bench)
    details = {
        "rows": [row(each, times) for each in lines],
        "chosen": [row(each, times) for each in pruned],
        "searches": [search_row(name, searches, times) for name in searches],
        "calls": {name: calls_row(each) for name, each in searches.items()},
        "assumed": ASSUMED,
        "calls_timed_by_sources": times.sources,
    }
    inputs = [shipped(name) for name in NETWORKS]
    record = new_record("paper_table", [*inputs, bench.qat], figures, details)
    record = benchmark_record(record, ROOT)
    write_record(record, arguments.output)
    write_picture(chart(details["rows"]), arguments.picture)
    show(record.figures, details["rows"], arguments.json)


def trained(arguments: argparse.Namespace, progress: Progress) -> Path:
    """The INT4 model that benchmarks/qat.py trains, made or gone on with in its folder."""
    from qat_runs import VARIANTS, Place, trainings

    place = Place(arguments.data, ROOT / "build" / "qat", shipped("small"))
    return trainings(place, arguments.synthetic, None, progress).run(VARIANTS["w4a4"], 0)


def sizes(bench: Bench) -> dict[str, float]:
    """Compression of the RNN-T alone and with both language models, as files of AN4's networks."""
    before, after = bench.models("fp32"), bench.models("qat")
    parts = {name: compression(read_model(before[name]), after[name]) for name in NETWORKS}
    whole = sum(each.float32_bytes for each in parts.values())
    whole /= sum(each.data_bytes for each in parts.values())
    return {"compression_ratio_rnnt": parts["small"].ratio, "compression_ratio_system": whole}


def show(figures: Mapping[str, object], rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print(json.dumps(dict(figures), indent=2))
        return
    table = Table(*rows[0])
    for each in rows:
        table.add_row(*map(str, each.values()))
    Console(width=200).print(table)
    for name, value in figures.items():
        print(f"{name} {value}")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=ROOT / "an4", help="AN4 [default: ./an4]")
    parser.add_argument("--qat", type=Path, help="the trained INT4 model [default: trained here]")
    parser.add_argument("--synthetic", type=Path, help="a second corpus for that training")
    parser.add_argument("--runs", type=Path, default=ROOT / "build" / "paper_table")
    parser.add_argument("--calls", type=Path, help="times of calls [default: of these sources]")
    parser.add_argument("--only", action="append", choices=SYSTEMS, help="decode only these")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("-o", "--output", type=Path, default=RESULT)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
