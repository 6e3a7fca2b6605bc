"""How fine an LSTM cell has to be for the machine to hear what onnxruntime hears.

    python benchmarks/cell_precision.py --data an4

The bundled encoder in float64 on the codes of its file, with one thing changed: how many fraction
bits the sums of the gates, the gates themselves and c keep, and how tanh and sigmoid are read from
tables. The rest of the decode is onnxruntime's, RNN-T and language models in 4 bits, as
benchmarks/search.py decodes. Shown are the share of codes of h that are not those of an exact cell,
by layer, and of how many utterances the hypothesis is onnxruntime's.

`machine` is what programs compute (docs/integer-semantics.md), but for the bias, which is added as
it is; without rounding every hypothesis has to be onnxruntime's, which is checked. The last rows
are programs themselves, by the integer oracle: cells of 16 bits, and those of `--cell-bits 32`.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from integers import real, real_rows
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from search import RECIPES, SETS, WEIGHTS, made

from q4compile.cli.bars import progress_for
from q4compile.graph.parts import parts
from q4compile.graph.read import read_models
from q4compile.quantize.network import Network
from q4compile.quantize.network_read import read_network
from q4compile.quantize.oracle.decisions import Decisions, Direction, Lstm
from q4compile.quantize.oracle.interpret import interpret
from q4compile.quantize.oracle.representations import decide_all
from q4compile.quantize.oracle.tensor import encoded as on_grid
from q4compile.report.record import benchmark_record, new_record, write_record
from q4compile.speech.checkpoint import shipped
from q4compile.speech.corpus import read_corpus
from q4compile.speech.evaluate import hear
from q4compile.speech.search.decoder import Decoder, DecoderConfig, open_decoder
from q4compile.speech.search.search import Batch, encoded, search_encoded
from q4compile.speech.search.settings import SearchSettings

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "cell_precision.json"
Reals = NDArray[np.float64]
Codes = NDArray[np.int64]
FROM_FILE = -1
"""Fraction bits of c as the machine has them, from the layer's range."""


@dataclass(frozen=True)
class Cell:
    """Fraction bits that are kept, None for all; segments of a table from −16 to 16."""

    name: str
    sums: int | None = None
    gates: int | None = None
    cell: int | None = None
    segments: int | None = None
    order: int = 1
    """Of the interpolation: 2 takes the slopes from the value, tanh' = 1 − tanh²."""


EXACT = Cell("exact")
CELLS = (
    EXACT,
    Cell("machine", 11, 15, FROM_FILE, 1024),
    Cell("c of 20 bits", 11, 15, 20, 1024),
    Cell("sums of 16 bits too, larger tables", 16, 18, 20, 4096),
    Cell("and tables of order 2", 16, 20, 20, 512, 2),
    Cell("near float32", 20, 24, 24, 1024, 2),
)
PROGRAMS = {
    16: Cell("program of 16 bits", 11, 15, FROM_FILE, 1024),
    32: Cell("program of 32 bits", 20, 23, 20, 1024, 2),
}


def main() -> int:
    arguments = options()
    if not (arguments.data / "etc" / "an4_test.fileids").is_file():
        print(f"skipped: no AN4 in {arguments.data}; clone cmusphinx/an4 or name it by --data")
        return 0
    progress = progress_for(not arguments.json)
    with tempfile.TemporaryDirectory() as name:
        made(arguments.data, Path(name))
        names = [f"{Path(name) / each}.q4.onnx" for each in RECIPES]
        settings = SearchSettings(beam=8)
        decoder = open_decoder(DecoderConfig(*names, search=settings, weights=WEIGHTS))
        encoder = Encoder.of(Path(names[0]))
        programs = [Integers.of(Path(names[0]), bits) for bits in PROGRAMS]
    features = []
    for split in progress(SETS, "features", len(SETS)):
        features += hear(read_corpus(arguments.data, split), decoder.ears.features).features
    theirs = list(encoded(decoder.ears.transducer, features, settings.batch))
    wanted = hypotheses(decoder, theirs)
    rows, exact = [], None
    runs = [*((cell, partial(encoder.encode, cell=cell)) for cell in CELLS)]
    runs += [(PROGRAMS[each.bits], each.encode) for each in programs]
    for cell, encode in progress(runs, "cells", len(runs)):
        ours = [encode(features, batch) for batch in theirs]
        codes = [each[1] for each in ours]
        exact = exact or codes
        found = hypotheses(decoder, [each[0] for each in ours])
        same = sum(a == b for a, b in zip(found, wanted, strict=True)) / len(wanted)
        rows.append(row(cell, shares(codes, exact), same))
    assert rows[0]["same_hypotheses_share"] == 1, "the exact cell hears something else"
    write(rows, arguments)
    return 0


def hypotheses(decoder: Decoder, batches: Sequence[Batch]) -> list[tuple[int, ...]]:
    """The best one of each utterance, from the encoder's frames on."""
    count = sum(len(each.utterances) for each in batches)
    search = decoder.config.search
    found = search_encoded(decoder.ears.transducer, batches, count, search, decoder.lms)
    return [each.best.tokens for each in found]


@dataclass(frozen=True)
class Encoder:
    """The bundled encoder's LSTMs, frames joined in pairs behind the first, and its projection."""

    layers: tuple[Lstm, ...]
    biases: tuple[Reals, ...]
    weight: Reals
    bias: Reals

    @classmethod
    def of(cls, path: Path) -> "Encoder":
        networks = [read_network(each.model, each.name) for each in parts(read_models(path))]
        decided = decide_all(networks)
        at = [each.name for each in networks].index("encoder")
        network, lstms = networks[at], decided[at].lstm
        nodes = [node for node in network.nodes if node.op == "LSTM"]
        biases = [network.constants[node.inputs[3].value] for node in nodes]
        return cls(
            tuple(lstms[node.name] for node in nodes),
            tuple(b.astype(np.float64).reshape(len(b), 2, -1).sum(1) for b in biases),
            constant(network, "encoder.projection.weight"),
            constant(network, "encoder.projection.bias"),
        )

    def encode(self, features: Sequence[Any], like: Batch, cell: Cell) -> tuple[Batch, list[Codes]]:
        """Frames of the utterances of a batch, and the codes of h [T, B, D, H] by layer."""
        x, lengths = side_by_side(features, like)
        x, made = x.transpose(1, 0, 2), list[Codes]()
        for n, (layer, bias) in enumerate(zip(self.layers, self.biases, strict=True)):
            made.append(ran(layer, bias, x, lengths, cell))
            x = real(made[-1], layer.hidden).reshape(*x.shape[:2], -1)
            if n == 0:
                x, lengths = paired(x), -(-lengths // 2)
        frames = (x.transpose(1, 0, 2) @ self.weight + self.bias).astype(np.float32)
        return replace(like, frames=frames), made


@dataclass(frozen=True)
class Integers:
    """The bundled encoder as programs with cells of so many bits compute it."""

    bits: int
    network: Network
    decisions: Decisions

    @classmethod
    def of(cls, path: Path, bits: int) -> "Integers":
        networks = [read_network(each.model, each.name) for each in parts(read_models(path))]
        at = [each.name for each in networks].index("encoder")
        return cls(bits, networks[at], decide_all(networks, wide_cells=bits == 32)[at])

    def encode(self, features: Sequence[Any], like: Batch) -> tuple[Batch, list[Codes]]:
        """As `Encoder.encode`."""
        x, lengths = side_by_side(features, like)
        feeds = {"features": x, "feature_lengths": lengths}
        found = interpret(self.network, feeds, self.decisions)
        lstms = [node for node in self.network.nodes if node.op == "LSTM"]
        made = [found[node.outputs[0]].codes.transpose(0, 2, 1, 3) for node in lstms]
        frames = found[self.network.outputs[0].name].real.astype(np.float32)
        return replace(like, frames=frames.reshape(*frames.shape[:2], -1)), made


def side_by_side(features: Sequence[Any], like: Batch) -> tuple[Reals, Codes]:
    """The utterances of a batch [B, T, K], zeros behind the shorter; and their lengths."""
    chosen = [features[i] for i in like.utterances]
    lengths = np.array([len(each) for each in chosen])
    x = np.zeros((len(chosen), lengths.max(), chosen[0].shape[1]))
    for row, each in zip(x, chosen, strict=True):
        row[: len(each)] = each
    return x, lengths


def constant(network: Network, name: str) -> Reals:
    return network.constants[name].astype(np.float64)


def paired(x: Reals) -> Reals:
    """[T, B, K] → [T / 2, B, 2 K], a last frame of zeros where T is odd."""
    x = np.concatenate([x, np.zeros((len(x) % 2, *x.shape[1:]))])
    return np.concatenate([x[0::2], x[1::2]], axis=-1)


def ran(layer: Lstm, bias: Reals, x: Reals, lengths: Codes, cell: Cell) -> Codes:
    """Codes of h of both directions, of a layer on x [T, B, K]."""
    codes = on_grid(x.astype(np.float32), layer.directions[0].inputs.operand)
    ways = zip(layer.directions, bias, strict=True)
    return np.stack([recurred(layer, way, b, codes, lengths, cell) for way, b in ways], axis=2)


def recurred(
    layer: Lstm, way: Direction, bias: Reals, codes: Codes, lengths: Codes, cell: Cell
) -> Codes:
    w, r = (real_rows(each) for each in (way.inputs, way.recurrent))
    gx = kept(real(codes, way.inputs.operand) @ w.T + bias, cell.sums)
    bits = layer.cell.f if cell.cell == FROM_FILE else cell.cell
    h = np.full((codes.shape[1], r.shape[1]), layer.hidden.zero_point)
    c = np.zeros(h.shape)
    found = np.full((len(codes), *h.shape), layer.hidden.zero_point)
    for t in range(len(codes))[::-1] if way.reverse else range(len(codes)):
        z = kept(gx[t] + real(h, layer.hidden) @ r.T, cell.sums)
        *z_sigmoid, g = np.split(z, 4, axis=-1)
        i, o, f = (sigmoid(each, cell) for each in z_sigmoid)
        after = kept(f * c + i * tanh(g, cell), bits)
        seen = kept(after, cell.sums)
        runs = (t < lengths)[:, None]
        h = np.where(runs, on_grid(o * tanh(seen, cell), layer.hidden), h)
        c = np.where(runs, after, c)
        found[t] = np.where(runs, h, layer.hidden.zero_point)
    return found


def kept(x: Reals, bits: int | None) -> Reals:
    """The nearest number with so many fraction bits."""
    return x if bits is None else np.rint(x * 2.0**bits) / 2.0**bits


def tanh(x: Reals, cell: Cell) -> Reals:
    if cell.segments is None:
        return np.tanh(x)
    width = 32 / cell.segments
    x = np.clip(x, -16, 16)
    if cell.order == 2:
        knot = np.rint(x / width) * width
        t, d = kept(np.tanh(knot), cell.gates), x - knot
        return kept(t + (1 - t * t) * d * (1 - t * d), cell.gates)
    knot = np.minimum(np.floor(x / width) * width, 16 - width)
    low, high = (kept(np.tanh(each), cell.gates) for each in (knot, knot + width))
    return kept(low + (high - low) * (x - knot) / width, cell.gates)


def sigmoid(x: Reals, cell: Cell) -> Reals:
    """By tanh where the table is of order 2; else from one of its own."""
    if cell.segments is None or cell.order == 2:
        return (1 + tanh(x / 2, cell)) / 2
    width = 32 / cell.segments
    knot = np.minimum(np.floor(np.clip(x, -16, 16) / width) * width, 16 - width)
    low, high = (kept(1 / (1 + np.exp(-each)), cell.gates) for each in (knot, knot + width))
    return kept(low + (high - low) * (np.clip(x, -16, 16) - knot) / width, cell.gates)


def shares(ours: Sequence[list[Codes]], exact: Sequence[list[Codes]]) -> list[float]:
    """Of differing codes, by layer."""
    return list(_shares(ours, exact))


def _shares(ours: Sequence[list[Codes]], exact: Sequence[list[Codes]]) -> Iterator[float]:
    for layer in range(len(ours[0])):
        pairs = [(a[layer], b[layer]) for a, b in zip(ours, exact, strict=True)]
        yield sum(int((a != b).sum()) for a, b in pairs) / sum(a.size for a, _ in pairs)


def row(cell: Cell, differing: Sequence[float], same: float) -> dict[str, Any]:
    by_layer = [round(100 * each, 3) for each in differing]
    return asdict(cell) | {"differing_percent": by_layer, "same_hypotheses_share": round(same, 4)}


def write(rows: Sequence[dict[str, Any]], arguments: argparse.Namespace) -> None:
    figures = {
        f"same_hypotheses_share_{each['name'].split(',')[0].replace(' ', '_')}": each[
            "same_hypotheses_share"
        ]
        for each in rows
    }
    inputs = [shipped(each) for each in RECIPES]
    record = new_record("cell_precision", inputs, figures, {"rows": list(rows)})
    write_record(benchmark_record(record, ROOT), arguments.output)
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    table = Table("cell", "codes of h that differ, by layer [%]", "same hypotheses")
    for each in rows:
        codes = " ".join(f"{one:.2f}" for one in each["differing_percent"])
        table.add_row(each["name"], codes, f"{100 * each['same_hypotheses_share']:.1f} %")
    Console().print(table)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=ROOT / "an4", help="AN4 [default: ./an4]")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("-o", "--output", type=Path, default=RESULT)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
