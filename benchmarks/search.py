"""The search: beside one hypothesis at a time, against the clock, and on two backends.

    python benchmarks/search.py --data an4

* time_ratio_vs_reference: CPU time of a straightforward search over that of `beam_search`, both at
  beam 16 on the same networks under onnxruntime, interleaved. The reference has the same rules and
  keeps the state of each hypothesis, but runs the networks for one hypothesis at a time and merges
  prefixes in a dictionary. It must find the same hypotheses.
* times_real_time: seconds of sound per CPU second at beam 8, the bundled RNN-T in float32 under
  onnxruntime, encoder included, features not.
* same_hypotheses_share: utterances of which onnxruntime and the simulator hear the same, RNN-T and
  both language models in 4 bits, beam 8, density ratio, LSTM cells of 32 bits (`--cell-bits 32`);
  those that differ are listed. Figures in _16_bit_cells are of programs without the option.
  same_hypotheses_share_on_same_frames: the same where onnxruntime's search, prediction network,
  joint and language models start from the simulator's encoder frames. What the shares differ by
  comes from the encoder: float32 between the codes against integers, through three recurrent
  layers in two directions; frames_difference is the root mean square of it over that of the frames.
  explained_share: of the utterances heard differently, those heard alike from the same frames, or
  from the same frames and prediction vectors: what differs is in these codes, and nowhere else.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from q4compile.cli.bars import progress_for
from q4compile.graph.read import read_model
from q4compile.graph.write import write_model
from q4compile.progress import Progress
from q4compile.quantize.quantize import quantize
from q4compile.recipe.read_recipe import load_recipe
from q4compile.report.record import benchmark_record, new_record, write_record
from q4compile.speech.checkpoint import load_checkpoint, shipped
from q4compile.speech.corpus import read_corpus
from q4compile.speech.evaluate import Heard, evenly, hear
from q4compile.speech.export import export
from q4compile.speech.feeds import speech_feeds
from q4compile.speech.greedy import Floats, State, Tokens, Transducer, padded
from q4compile.speech.metadata import read_metadata
from q4compile.speech.recognizer import recognizer
from q4compile.speech.score import wer
from q4compile.speech.search.decoder import Decoder, DecoderConfig, open_decoder
from q4compile.speech.search.fusion import FusionWeights
from q4compile.speech.search.hypothesis import Counts
from q4compile.speech.search.search import Batch, beam_search, encoded, search_encoded
from q4compile.speech.search.settings import SearchSettings

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "search.json"
RECIPES = {"small": "rnnt", "lm": "lm", "source_lm": "lm"}
WEIGHTS = FusionWeights(external=0.3, source=0.1, length=0.2)
BEAMS = (1, 2, 4, 8, 16, 32)
ROUNDS = 3


def main() -> int:
    arguments = options()
    if not (arguments.data / "etc" / "an4_test.fileids").is_file():
        print(f"skipped: no AN4 in {arguments.data}; clone cmusphinx/an4 or name it by --data")
        return 0
    progress = progress_for(not arguments.json)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made(arguments.data, folder)
        ears = recognizer(folder / "small.onnx")
        parts = [hear(read_corpus(arguments.data, s), ears.features, progress) for s in SETS]
        few = hear(evenly(parts[0].utterances, 16), ears.features)
        figures, details = beside_the_reference(ears.transducer, few, progress)
        rows = by_beam(ears.transducer, parts[0], progress)
        figures["times_real_time"] = rows["8"]["times_real_time"]
        for bits, suffix in CELL_BITS.items():
            more, apart = two_backends(folder, parts, bits, progress)
            figures |= {f"{name}{suffix}": value for name, value in more.items()}
            details[f"differ{suffix}"] = apart
    details |= {"beams": rows, "weights": asdict(WEIGHTS)}
    show(figures, details, arguments.json)
    inputs = [shipped(each) for each in RECIPES]
    record = benchmark_record(new_record("search", inputs, figures, details), ROOT)
    write_record(record, arguments.output)
    return 0


SETS = ("test", "dev")


def made(data: Path, folder: Path) -> None:
    """NAME.onnx and NAME.q4.onnx of each bundled network."""
    for name, recipe in RECIPES.items():
        exported = folder / f"{name}.onnx"
        export(load_checkpoint(shipped(name)), exported)
        model = read_model(exported)
        metadata = read_metadata(model.metadata_props, f"{exported}")
        assert metadata is not None, "an exported model says what it reads"
        done = quantize(model, load_recipe(recipe), speech_feeds(metadata, data))
        write_model(done.model, folder / f"{name}.q4.onnx")


def beside_the_reference(
    transducer: Transducer, heard: Heard, progress: Progress
) -> tuple[dict[str, float], dict[str, Any]]:
    """The ratio of times, and both."""
    settings = SearchSettings(beam=16)
    ours, theirs, same = [], [], True
    for _ in progress(range(ROUNDS), "beside the reference", ROUNDS):
        started = process_time()
        found = beam_search(transducer, heard.features, settings)
        ours.append(process_time() - started)
        started = process_time()
        wanted = [one_by_one(transducer, each, settings) for each in heard.features]
        theirs.append(process_time() - started)
        pairs = zip(found, wanted, strict=True)
        same &= all(ours.best.tokens == theirs for ours, theirs in pairs)
    assert same, "the reference finds something else"
    ratio = median(b / a for a, b in zip(ours, theirs, strict=True))
    seconds = {"beam_search": median(ours), "one_hypothesis_at_a_time": median(theirs)}
    return {"time_ratio_vs_reference": ratio}, {"median_cpu_seconds": seconds}


@dataclass(frozen=True)
class One:
    """A hypothesis of the reference."""

    score: float
    vector: Floats
    state: State
    symbols: int


def one_by_one(
    transducer: Transducer, features: Floats, settings: SearchSettings
) -> tuple[int, ...]:
    """Labels of an utterance: as `beam_search`, the obvious way."""
    frames, lengths = transducer.encode(*padded([features]))
    count = int(lengths[0])
    active = {(): stepped(transducer, 0, transducer.start(1), 0.0, 0)}
    finals: list[tuple[float, tuple[int, ...]]] = []
    step = 0
    while active:
        candidates: dict[tuple[int, ...], tuple[float, tuple[int, ...], int]] = {}
        for prefix, one in active.items():
            logits = transducer.joint(frames[:, step - len(prefix)], one.vector)[0]
            scores = logits - np.logaddexp.reduce(logits.astype(np.float64))
            extensions = [(prefix, scores[0])]
            if one.symbols < settings.max_symbols_per_frame:
                extensions += [((*prefix, k), scores[k]) for k in range(1, len(scores))]
            for longer, gain in extensions:
                score = one.score + float(gain)
                if longer in candidates:
                    score = float(np.logaddexp(score, candidates[longer][0]))
                candidates[longer] = score, prefix, len(longer) - len(prefix)
        step += 1
        best = sorted(candidates.items(), key=lambda each: -each[1][0])[: settings.beam]
        after = {}
        for prefix, (score, before, written) in best:
            if step - len(prefix) == count:
                finals.append((score, prefix))
            elif prefix in active:
                after[prefix] = replace(active[prefix], score=score, symbols=0)
            else:
                old = active[before]
                after[prefix] = stepped(
                    transducer, prefix[-1], old.state, score, old.symbols + written
                )
        finals = sorted(finals, reverse=True)[: settings.beam]
        highest = max((each.score for each in after.values()), default=-np.inf)
        active = {} if len(finals) == settings.beam and highest <= finals[-1][0] else after
    return max(finals)[1]


def stepped(transducer: Transducer, token: int, state: State, score: float, symbols: int) -> One:
    vector, after = transducer.predict(np.array([token]), state)
    return One(score, vector, after, symbols)


def by_beam(
    transducer: Transducer, heard: Heard, progress: Progress
) -> dict[str, dict[str, float]]:
    """Speed and shares by width, without language models."""
    rows = {}
    for beam in progress(BEAMS, "widths", len(BEAMS)):
        seconds = []
        for _ in range(ROUNDS):
            started = process_time()
            found = beam_search(transducer, heard.features, SearchSettings(beam))
            seconds.append(process_time() - started)
        counts = sum((each.counts for each in found), Counts()).figures()
        rows[f"{beam}"] = {"times_real_time": heard.seconds / median(seconds)} | counts
    return rows


def two_backends(
    folder: Path, parts: Sequence[Heard], cell_bits: int, progress: Progress
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """Share of equal hypotheses, both backends' errors, and what differs."""
    names = [f"{folder / name}.q4.onnx" for name in RECIPES]
    settings = SearchSettings(beam=8)
    usual = DecoderConfig(*names, BACKENDS[0], search=settings, weights=WEIGHTS)
    machine = replace(usual, backend=BACKENDS[1], cell_bits=cell_bits)
    decoders = {each.backend: open_decoder(each) for each in (usual, machine)}
    texts: Texts = {name: [] for name in (*BACKENDS, FRAMES, VECTORS)}
    seconds = dict.fromkeys(BACKENDS, 0.0)
    errors, words, squares = dict.fromkeys(BACKENDS, 0), 0, np.zeros((0, 2))
    for part in progress(parts, f"two backends, cells of {cell_bits} bits", len(parts)):
        batches = {}
        for name, decoder in decoders.items():
            started = process_time()
            batches[name] = list(encoded(decoder.ears.transducer, part.features, settings.batch))
            texts[name] += searched(decoder, batches[name], part)
            seconds[name] += process_time() - started
            heard = [each[0][0] for each in texts[name][-len(part.features) :]]
            rate = wer([each.text for each in part.utterances], heard)
            errors[name] += rate.errors
        words += rate.length
        squares = np.concatenate([squares, distances(*batches.values())])
        theirs, ours = (decoders[name] for name in BACKENDS)
        texts[FRAMES] += searched(theirs, batches["sim"], part)
        mixed = OthersJoint(ours.ears.transducer, theirs.ears.transducer)
        texts[VECTORS] += searched(theirs, batches["sim"], part, mixed)
    ids = [each.id for part in parts for each in part.utterances]
    audio_s = sum(part.seconds for part in parts)
    found = {"utterances": float(len(ids)), "frames_difference": relative(squares)}
    for key, other in SHARES.items():
        found[key] = sum(heard_alike(texts, i, other) for i in range(len(ids))) / len(ids)
    for name in BACKENDS:
        found[f"wer_{name}_percent"] = 100 * errors[name] / words
        found[f"times_real_time_int4_{name}"] = audio_s / seconds[name]
    apart = [
        {
            "id": ids[i],
            **{name: texts[name][i] for name in BACKENDS},
            "frames_difference": round(relative(squares[i : i + 1]), 4),
            "same_on_same_frames": heard_alike(texts, i, FRAMES),
            "same_on_same_vectors": heard_alike(texts, i, VECTORS),
        }
        for i in range(len(ids))
        if not heard_alike(texts, i, "onnxruntime")
    ]
    alike = [each["same_on_same_frames"] or each["same_on_same_vectors"] for each in apart]
    found["explained_share"] = sum(alike) / len(alike) if alike else 1.0
    return found, apart


BACKENDS = ("onnxruntime", "sim")
FRAMES, VECTORS = "on the simulator's frames", "on its frames and prediction vectors"
Texts = dict[str, list[list[tuple[str, float]]]]
"""By what computed them: text and score of the two best hypotheses of each utterance."""
CELL_BITS = {32: "", 16: "_16_bit_cells"}
"""Of the simulator's LSTMs, and how their figures end."""
SHARES = {
    "same_hypotheses_share": "onnxruntime",
    "same_hypotheses_share_on_same_frames": FRAMES,
}


@dataclass(frozen=True)
class OthersJoint:
    """A `Transducer` whose joint is that of another backend."""

    own: Transducer
    other: Transducer

    def encode(self, features: Floats, lengths: Tokens) -> tuple[Floats, Tokens]:
        return self.own.encode(features, lengths)

    def start(self, batch: int) -> State:
        return self.own.start(batch)

    def predict(self, tokens: Tokens, state: State) -> tuple[Floats, State]:
        return self.own.predict(tokens, state)

    def joint(self, frames: Floats, vectors: Floats) -> Floats:
        return self.other.joint(frames, vectors)


def searched(
    decoder: Decoder,
    batches: Sequence[Batch],
    heard: Heard,
    transducer: Transducer | None = None,
) -> list[list[tuple[str, float]]]:
    """Text and score of the two best hypotheses of each utterance."""
    config, networks = decoder.config, transducer or decoder.ears.transducer
    n_best = search_encoded(networks, batches, len(heard.features), config.search, decoder.lms)
    return [
        [(decoder.text(each.tokens), round(each.score, 3)) for each in found.hypotheses[:2]]
        for found in n_best
    ]


def heard_alike(texts: Texts, i: int, other: str) -> bool:
    """Whether the simulator's best hypothesis of an utterance is the other's."""
    return texts["sim"][i][0][0] == texts[other][i][0][0]


def distances(ours: Sequence[Batch], theirs: Sequence[Batch]) -> Floats:
    """Sums of squares of each utterance: the difference of two encoders' frames, and the frames."""
    found: dict[int, tuple[float, float]] = {}
    for a, b in zip(ours, theirs, strict=True):
        for at, i in enumerate(a.utterances):
            mine, other = (each.frames[at, : a.lengths[at]] for each in (a, b))
            found[i] = float(((mine - other) ** 2).sum()), float((mine**2).sum())
    return np.array([found[i] for i in sorted(found)])


def relative(squares: Floats) -> float:
    """Root mean square of the difference over that of the frames."""
    apart, whole = squares.sum(axis=0)
    return float((apart / whole) ** 0.5)


def show(figures: dict[str, float], details: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps({"figures": figures, "details": details}, indent=2, ensure_ascii=False))
        return
    for name, value in figures.items():
        print(f"{name} {value:.4f}")
    for beam, row in details["beams"].items():
        active = 100 * row["active_step_share"]
        print(f"beam {beam}: {row['times_real_time']:.0f}x real time, active steps {active:.0f} %")
    for suffix in CELL_BITS.values():
        for each in details[f"differ{suffix}"]:
            print(each)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=ROOT / "an4", help="AN4 [default: ./an4]")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.add_argument("-o", "--output", type=Path, default=RESULT)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
