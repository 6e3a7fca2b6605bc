"""How near the integer arithmetic of programs is to the QDQ file that they are made of.

    python benchmarks/integers.py --data an4 [--model build/qat/w4a4.q4.onnx]

Codes of h that differ from onnxruntime's, over whole utterances and after one step from the same
state; beside it the same for an LSTM that rounds all that it computes to float16, and for one in
float64. Transcripts of both, and the thresholds of every requantizer.
"""

import argparse
import json
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from q4compile.graph.parts import parts
from q4compile.graph.read import read_model, read_models
from q4compile.graph.write import write_model
from q4compile.quantize.network import Network, Node
from q4compile.quantize.network_read import read_network
from q4compile.quantize.oracle.decisions import Decisions, Direction, Lstm
from q4compile.quantize.oracle.evaluate_lstm import lstm as lstm_codes
from q4compile.quantize.oracle.evaluate_lstm import step
from q4compile.quantize.oracle.evaluate_products import accumulated
from q4compile.quantize.oracle.interpret import interpret
from q4compile.quantize.oracle.representations import decide, decide_all
from q4compile.quantize.oracle.rounding import sat16
from q4compile.quantize.oracle.tensor import Grid, encoded
from q4compile.quantize.oracle.thresholds import compare_thresholds
from q4compile.quantize.quantize import quantize
from q4compile.quantize.session import session
from q4compile.recipe.read_recipe import load_recipe
from q4compile.report.record import benchmark_record, new_record, write_record
from q4compile.runtime.executor import Ports
from q4compile.runtime.onnxruntime_executor import OnnxRuntimeExecutor
from q4compile.speech.checkpoint import load_rnnt, shipped
from q4compile.speech.corpus import read_corpus
from q4compile.speech.evaluate import Heard, evaluate, evenly, hear
from q4compile.speech.export import export_rnnt
from q4compile.speech.feeds import SpeechFeeds, speech_feeds
from q4compile.speech.metadata import SpeechMetadata, read_metadata
from q4compile.speech.transducer import ExecutorTransducer

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "integers.json"
Array = NDArray[Any]
Rounding = Callable[[Array], Array]
ROUNDINGS: dict[str, Rounding] = {
    "float64": lambda x: x,
    "fp16": lambda x: np.asarray(x, np.float16).astype(np.float64),
}


def main() -> int:
    arguments = options()
    if not arguments.data.is_dir():
        print(f"skipped: no AN4 in {arguments.data}; clone cmusphinx/an4 or name it by --data")
        return 0
    with tempfile.TemporaryDirectory() as name:
        path = arguments.model or quantized(arguments.data, Path(name))
        model = read_model(path)
        metadata = read_metadata(model.metadata_props, "model")
        assert metadata is not None, "a speech model says what it hears"
        chosen = evenly(read_corpus(arguments.data, "test"), arguments.utterances)
        figures, details = codes(model, SpeechFeeds(metadata, chosen))
        figures |= transcripts(path, metadata, arguments)
    details["model"] = "the bundled one" if arguments.model is None else arguments.model.name
    record = new_record("benchmarks/integers.py", [], figures, details)
    record = benchmark_record(record, ROOT)
    write_record(record, arguments.output)
    print(json.dumps(figures | details, indent=2))
    return 0


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT / "an4", help="AN4 [default: ./an4]")
    parser.add_argument("--model", type=Path, help="a QDQ file [the bundled model, quantized]")
    parser.add_argument("--utterances", type=int, default=8, help="to compare codes of [8]")
    parser.add_argument("--decoded", type=int, default=130, help="to compare transcripts of [130]")
    parser.add_argument("-o", "--output", type=Path, default=RESULT, help="the record to write")
    return parser.parse_args()


def quantized(data: Path, folder: Path) -> Path:
    """The bundled model by the recipe rnnt, calibrated on training utterances."""
    print("exporting and quantizing the bundled model", file=sys.stderr, flush=True)
    export_rnnt(load_rnnt(shipped("small")), folder / "model.onnx")
    model = read_model(folder / "model.onnx")
    metadata = read_metadata(model.metadata_props, "model")
    assert metadata is not None, "it has just been exported"
    made = quantize(model, load_recipe("rnnt"), speech_feeds(metadata, data)).model
    write_model(made, folder / "model.q4.onnx")
    return folder / "model.q4.onnx"


@dataclass
class Count:
    """Codes that differ, of how many."""

    differing: int = 0
    of: int = 0

    def add(self, ours: Array, theirs: Array) -> None:
        self.differing += int((ours != theirs).sum())
        self.of += theirs.size

    @property
    def percent(self) -> float:
        return round(100 * self.differing / self.of, 3)


def codes(model: ir.Model, feeds: SpeechFeeds) -> tuple[dict[str, float], dict[str, Any]]:
    """Shares of differing codes, and where thresholds differ."""
    network = read_network(model)
    decided = decide(network)
    nodes = [node for node in network.nodes if node.op == "LSTM"]
    runner = session(observed(model, [n for node in nodes for n in near(network, node)]))
    names = [port.name for port in runner.get_outputs()]
    counts = defaultdict[str, Count](Count)
    for feed in feeds:
        seen = dict(zip(names, runner.run(None, dict(feed)), strict=True)) | feed
        ours = interpret(network, feed, decided)
        for n, node in enumerate(nodes):
            lstm = decided.lstm[node.name]
            theirs = encoded(seen[node.outputs[0]], lstm.hidden)
            counts[f"whole_integers_{n}"].add(ours[node.outputs[0]].codes, theirs)
            for way, compared in layer(network, decided, node, seen):
                counts[f"{way}_{n}"].add(compared, theirs)
        best = (ours["logits"].real.argmax(-1), seen["logits"].argmax(-1))
        counts["best_symbol_integers"].add(*best)
    shares = {f"{name}_percent": each.percent for name, each in counts.items()}
    found = compare_thresholds(decided)
    details = {
        "layers": [node.name for node in nodes],
        "thresholds": {n: f"{a.equal_thresholds} of {a.thresholds}" for n, a in found.items()},
        "accumulators_between": {
            n: sum(each.accumulators for each in a.differences) for n, a in found.items()
        },
    }
    return shares, details


def near(network: Network, node: Node) -> Iterator[str]:
    """The result of `node`, and its input where a node makes it."""
    yield node.outputs[0]
    if node.inputs[0].value not in {port.name for port in network.inputs}:
        yield node.inputs[0].value


def observed(model: ir.Model, names: list[str]) -> ir.Model:
    copy = model.clone()
    values = {value.name: value for node in copy.graph for value in node.outputs}
    copy.graph.outputs.extend(values[name] for name in dict.fromkeys(names))
    return copy


def layer(
    network: Network, decided: Decisions, node: Node, seen: Mapping[str, Array]
) -> Iterator[tuple[str, Array]]:
    """Codes of h of one layer on onnxruntime's input: in each rounding, and step by step."""
    lstm = decided.lstm[node.name]
    operand = lstm.directions[0].inputs.operand
    x = encoded(seen[node.inputs[0].value], operand)
    bias = network.constants[node.inputs[3].value].astype(np.float64)
    yield "layer_integers", lstm_codes(lstm, x, None, None, None)[0]
    sequences: dict[str, list[Array]] = {}
    for direction, b in zip(lstm.directions, bias.reshape(len(bias), 2, -1).sum(1), strict=True):
        for name, each in recurrence(lstm, direction, b, x):
            sequences.setdefault(name, []).append(each)
    for name, rows in sequences.items():
        yield name, np.stack(rows, axis=1)


def recurrence(
    lstm: Lstm, direction: Direction, bias: Array, x: Array
) -> Iterator[tuple[str, Array]]:
    w, r = (real_rows(each) for each in (direction.inputs, direction.recurrent))
    gx = real(x, direction.inputs.operand) @ w.T + bias
    integer_gx = sat16(direction.inputs.multipliers.times(accumulated(direction.inputs, x)))
    start = np.full((x.shape[1], r.shape[1]), lstm.hidden.zero_point)
    states = {name: (start, np.zeros(start.shape)) for name in ROUNDINGS}
    made = {name: [start] * len(x) for name in ("step_integers", "step_fp16")}
    made |= {f"layer_{name}": [start] * len(x) for name in ROUNDINGS}
    for t in range(len(x))[::-1] if direction.reverse else range(len(x)):
        h, c = states["float64"]
        fixed = encoded(c, lstm.cell)
        made["step_integers"][t] = step(lstm, direction, integer_gx[t], (h, fixed))[0]
        z = gx[t] + real(h, lstm.hidden) @ r.T
        made["step_fp16"][t] = real_step(lstm.hidden, z, c, ROUNDINGS["fp16"])[0]
        for name, rounding in ROUNDINGS.items():
            h, c = states[name]
            z = gx[t] + real(h, lstm.hidden) @ r.T
            states[name] = real_step(lstm.hidden, z, c, rounding)
            made[f"layer_{name}"][t] = states[name][0]
    for name, each in made.items():
        yield name, np.stack(each)


def real_step(grid: Grid, z: Array, c: Array, rounding: Rounding) -> tuple[Array, Array]:
    i, o, f, g = np.split(rounding(z), 4, axis=-1)
    i, o, f = (rounding(1 / (1 + np.exp(-each))) for each in (i, o, f))
    c = rounding(f * c + i * rounding(np.tanh(g)))
    return encoded(rounding(o * rounding(np.tanh(c))), grid), c


def real(q: Array, grid: Grid) -> Array:
    return np.asarray((q - grid.zero_point) * float(grid.scale))


def real_rows(product: Any) -> Array:
    """Rows of a weight from its codes: M stands for s_x · s_w · 2^11."""
    unit = float(product.operand.scale) * 2**11
    scales = np.array([float(ratio) / unit for ratio in product.multipliers.ratios])
    return np.asarray(product.codes * scales[:, None])


class IntegerExecutor:
    """An `Executor` that interprets each component."""

    def __init__(self, path: Path, ports: Mapping[str, Ports]) -> None:
        self.components = ports
        cut = parts(read_models(path))
        self._networks = {each.name: read_network(each.model, each.name) for each in cut}
        found = decide_all(self._networks.values())
        self._decided = dict(zip(self._networks, found, strict=True))

    def run(self, component: str, feeds: Mapping[str, Array]) -> dict[str, Array]:
        network = self._networks[component]
        made = interpret(network, feeds, self._decided[component])
        return {port.name: made[port.name].real.astype(np.float32) for port in network.outputs}


def transcripts(
    path: Path, metadata: SpeechMetadata, arguments: argparse.Namespace
) -> dict[str, float]:
    print("decoding", file=sys.stderr, flush=True)
    assert metadata.features is not None, "a transducer hears"
    chosen = evenly(read_corpus(arguments.data, "test"), arguments.decoded)
    heard: Heard = hear(chosen, metadata.features)
    theirs = OnnxRuntimeExecutor(path)
    one, two = (
        evaluate(ExecutorTransducer(each), heard, metadata.vocabulary)
        for each in (theirs, IntegerExecutor(path, theirs.components))
    )
    same = sum(a == b for a, b in zip(one.hypotheses, two.hypotheses, strict=True))
    return {
        "wer_percent_onnxruntime": round(one.wer.percent, 2),
        "wer_percent_integers": round(two.wer.percent, 2),
        "same_transcripts_percent": round(100 * same / len(one.hypotheses), 1),
    }


if __name__ == "__main__":
    raise SystemExit(main())
