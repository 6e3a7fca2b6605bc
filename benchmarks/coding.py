"""What lossless coding of weights gains: bytes of files, DRAM time at the paper's size, host speed.

    python benchmarks/coding.py --data an4 [--trained build/final]

Files: the bundled model quantized by each recipe on AN4's training speech, or on the bundled one
without --data, and, where a folder of trainings is named, the networks that `finetune` made of
them; each lowered for `rapid1` as it is and with `--code-weights`. The ratio is that of all
parameters in float32 to the data section.

Time: the system of `paper_scale.py`, whose weights are random. Their codes are drawn anew here from
the histogram of the bundled model's codes under `rnnt`, since bytes depend on nothing else.
Speed-ups are over halves as they are: coded are codes of 4 bits, halves never.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from models.paper_system import export_system, float_parts, quantized_parts
from paper_scale import ASSUMED, BEAM, SECONDS, TARGETS, Decode, decode
from rich.console import Console
from rich.table import Table

from q4compile.graph.read import read_model
from q4compile.graph.write import write_model
from q4compile.isa.engine import Precision
from q4compile.isa.instructions import Ldc
from q4compile.isa.target import load_target
from q4compile.lower.files import lower_file, read_parts
from q4compile.lower.lower import Part, lowered
from q4compile.lower.options import Options
from q4compile.numerics import coded_stream, compiled_coded_stream
from q4compile.quantize.network import Network
from q4compile.quantize.quantize import quantize
from q4compile.quantize.rows import Blocking
from q4compile.recipe.read_recipe import load_recipe
from q4compile.report.record import benchmark_record, new_record, write_record
from q4compile.speech.checkpoint import load_rnnt, shipped
from q4compile.speech.export import export_rnnt
from q4compile.speech.feeds import DEMO, speech_feeds
from q4compile.speech.metadata import read_metadata

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "coding.json"
TARGET = "rapid1"
RECIPES = ("rnnt", "w3a3", "w2a4")
TRAININGS = ("w4a4-0", "w3a3-0", "w2a4-0")
"""Folders of a training with a ``trained.onnx``."""
LARGEST = 7
"""Of int4 codes that weights take."""
Row = dict[str, float | str]
Decodes = dict[tuple[str, str], Decode]
"""By fp16, raw or coded, and target."""


def main() -> int:
    arguments = options()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = dict(quantized(arguments.data, folder)) | dict(trained(arguments.trained))
        say("lowering the bundled model")
        rows = [row(each, path, folder) for each, path in files.items()]
        say("lowering the paper's system, raw and coded")
        shares = code_shares([part for _, part in read_parts(files["rnnt"])])
        decodes, ratios = at_paper_size(folder, shares)
        speed = host_speed(folder / "rnnt.coded.q4p", files["rnnt"])
    write(figures_of(rows, decodes) | ratios | speed, rows, shares, arguments)
    return 0


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def quantized(corpus: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    """Recipe → the bundled model quantized by it, calibrated on the corpus."""
    export_rnnt(load_rnnt(shipped("small")), folder / "model.onnx")
    model = read_model(folder / "model.onnx")
    metadata = read_metadata(model.metadata_props, "model.onnx")
    assert metadata is not None, "our export says what the model is"
    feeds = list(speech_feeds(metadata, corpus))
    for recipe in RECIPES:
        say(f"quantizing by {recipe}")
        path = folder / f"{recipe}.q4.onnx"
        write_model(quantize(model, load_recipe(recipe), feeds).model, path)
        yield recipe, path


def trained(folder: Path | None) -> Iterator[tuple[str, Path]]:
    for name in TRAININGS if folder is not None else ():
        path = folder / name / "trained.onnx"
        if path.is_file():
            yield f"trained {name}", path


def row(name: str, path: Path, folder: Path) -> Row:
    """Bytes of both programs, each written, verified."""
    stem = path.name.removesuffix(".q4.onnx")
    raw = lower_file(path, TARGET, folder / f"{stem}.raw.q4p").figures
    coded = lower_file(
        path, TARGET, folder / f"{stem}.coded.q4p", Options(code_weights=True)
    ).figures
    return {
        "model": name,
        "float32_bytes": int(raw["float32_parameter_bytes"]),
        "data_bytes": int(raw["data_bytes"]),
        "coded_data_bytes": int(coded["data_bytes"]),
        "coded_file_bytes": int(coded["file_bytes"]),
        "coded_percent": round(coded["coded_percent"], 1),
        "ratio": round(raw["compression_ratio"], 4),
        "ratio_coded": round(coded["compression_ratio"], 4),
    }


def code_shares(networks: Sequence[Network]) -> np.ndarray:
    """How frequent the codes −7 to 7 are in all 4-bit weights."""
    counts = np.zeros(2 * LARGEST + 1)
    for network in networks:
        for name, grid in network.weights.items():
            if grid.format == "int4":
                constant = network.constants[name]
                blocking = Blocking(constant.shape, grid.channel_axes, grid.row_elements)
                codes = blocking.rows(constant) / grid.scales[:, None]
                whole = np.clip(codes.round().astype(int), -LARGEST, LARGEST)
                counts += np.bincount((whole + LARGEST).ravel(), minlength=counts.size)
    return counts / counts.sum()


def redrawn(network: Network, shares: np.ndarray) -> Network:
    """Its 4-bit weights with codes of these shares on the scales that they have."""
    random = np.random.default_rng(0)
    constants = dict(network.constants)
    for name, grid in network.weights.items():
        if grid.format == "int4":
            shape = constants[name].shape
            blocking = Blocking(shape, grid.channel_axes, grid.row_elements)
            size = len(grid.scales), grid.row_elements
            codes = random.choice(np.arange(-LARGEST, LARGEST + 1), size, p=shares)
            constants[name] = blocking.restored(codes.astype(np.float32) * grid.scales[:, None])
    return replace(network, constants=constants)


def at_paper_size(folder: Path, shares: np.ndarray) -> tuple[Decodes, dict[str, float]]:
    """Ten seconds of audio in halves, and with raw and with coded weights; ratios of programs."""
    files = export_system(folder)
    parts: list[Part] = [
        (name, redrawn(network, shares)) for name, network in quantized_parts(files, "rnnt")
    ]
    halves = Options(precision=Precision.FP16, batch=BEAM)
    found: Decodes = {}
    ratios = {}
    for target in TARGETS:
        done = lowered(float_parts(files), load_target(target), halves)
        found["fp16", target] = decode(done, target, "fp16", SECONDS[-1])
        for name, is_coded in (("raw", False), ("coded", True)):
            done = lowered(parts, load_target(target), Options(batch=BEAM, code_weights=is_coded))
            found[name, target] = decode(done, target, "int4", SECONDS[-1])
            if target == TARGET:
                ratios[f"compression_ratio_{name}_paper_size"] = done.figures["compression_ratio"]
    return found, ratios


def dram_bytes(one: Decode) -> float:
    """For a second of audio."""
    return sum(each.dram_bytes for each in one.components.values()) / one.audio_seconds


def host_speed(written: Path, source: Path) -> dict[str, float]:
    """Decoded megabytes a second of CPU time, on the longest stream of a program."""
    program = lower_file(source, TARGET, written, Options(code_weights=True)).program
    data = np.frombuffer(program.data, np.uint8)
    word = max((w for w in program.code if isinstance(w, Ldc)), key=lambda each: each.to_bytes)
    start = 16 * word.source.offset
    stream = data[start : start + word.source_bytes]
    found = {}
    for name, decoder in (
        ("compiled", compiled_coded_stream.decode),
        ("plain", coded_stream.decode),
    ):
        decoder(stream, word.to_bytes)
        taken = []
        for _ in range(5):
            started = time.process_time()
            decoder(stream, word.to_bytes)
            taken.append(time.process_time() - started)
        found[f"host_{name}_megabytes_per_second"] = word.to_bytes / 1e6 / min(taken)
    return found


def figures_of(rows: Sequence[Row], decodes: Decodes) -> dict[str, float]:
    by = {each["model"]: each for each in rows}
    found = {"compression_ratio_coded": by["rnnt"]["ratio_coded"]}
    for name, each in by.items():
        label = name.replace("trained ", "trained_").replace("-", "_")
        found[f"compression_ratio_{label}"] = each["ratio"]
        found[f"compression_ratio_coded_{label}"] = each["ratio_coded"]
    raw, coded = decodes["raw", TARGET], decodes["coded", TARGET]
    for name in TARGETS:
        fastest = decodes["coded", name]
        found[f"rtf_int4_coded_{name}"] = fastest.rtf()
        found[f"speedup_fp16_int4_coded_{name}"] = decodes["fp16", name].rtf() / fastest.rtf()
    target = load_target(TARGET)
    rate = target.dram.gigabytes_per_second * target.dram.efficiency_share * 1e9
    saved = dram_bytes(raw) - dram_bytes(coded)
    return found | {
        "rtf_int4_raw_rapid1": raw.rtf(),
        "speedup_coded_rapid1": raw.rtf() / coded.rtf(),
        "time_over_floor_coded_rapid1": coded.over_floor,
        "dram_mib_per_second_raw": dram_bytes(raw) / 2**20,
        "dram_mib_per_second_coded": dram_bytes(coded) / 2**20,
        "dram_ms_saved_per_second": 1e3 * saved / rate,
    }


def write(
    figures: dict[str, float],
    rows: Sequence[Row],
    shares: np.ndarray,
    arguments: argparse.Namespace,
) -> None:
    rounded = {name: round(value, 5) for name, value in figures.items()}
    details = {
        "files": list(rows),
        "calibrated_on": "the bundled speech" if arguments.data == DEMO else "AN4, train",
        "assumed": ASSUMED | {"decode_bytes_per_cycle": "64, decoded: no source confirms it"},
        "paper_size_codes": "drawn from the shares below, which are those of the bundled model",
        "code_shares": [round(float(each), 5) for each in shares],
    }
    record = benchmark_record(new_record("coding", [], rounded, details), ROOT)
    write_record(record, arguments.output)
    if arguments.json:
        print(json.dumps(rounded, indent=2))
        return
    table = Table(*rows[0])
    for each in rows:
        table.add_row(*map(str, each.values()))
    Console(width=140).print(table)
    for name, value in rounded.items():
        print(f"{name} {value}")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DEMO, help="speech that calibrates")
    parser.add_argument("--trained", type=Path, help="a folder of trainings, to be lowered too")
    parser.add_argument("-o", "--output", type=Path, default=RESULT, help="the record to write")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
