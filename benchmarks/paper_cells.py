"""Decodes of the table: each cell once, one utterance at a time, and what it asked for.

cell = (system, language models, search, set) → a JSON line of --runs

One utterance is a batch, so that sizes of calls are those of a machine with one stream.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from fold_weights import DENSITY, HALVINGS, NONE, Arm, best
from numpy.typing import NDArray

from q4compile.graph.read import read_model
from q4compile.graph.write import write_model
from q4compile.progress import Progress
from q4compile.quantize.quantize import quantize
from q4compile.recipe.read_recipe import load_recipe
from q4compile.speech.checkpoint import load_checkpoint, shipped
from q4compile.speech.corpus import read_corpus
from q4compile.speech.evaluate import Heard, hear
from q4compile.speech.export import export
from q4compile.speech.feeds import speech_feeds
from q4compile.speech.metadata import read_metadata
from q4compile.speech.score import word_errors
from q4compile.speech.search.decoder import Decoder, DecoderConfig, open_decoder
from q4compile.speech.search.fusion import FusionWeights
from q4compile.speech.search.language_model import LanguageModels
from q4compile.speech.search.search import Batch, encoded, search_encoded
from q4compile.speech.search.settings import SearchSettings

NETWORKS = {"small": "rnnt", "lm": "lm", "source_lm": "lm"}
"""Bundled checkpoint → recipe."""
SYSTEMS = ("fp32", "ptq", "qat")
ARMS = (NONE, DENSITY)
TUNED_ON, TUNING = "dev", SearchSettings(beam=8, batch=32)
SETS = ("test", "dev")
Counts = NDArray[np.int64]
Calls = dict[str, dict[str, int]]
"""Component → rows of a call → how many calls had them."""


@dataclass(frozen=True)
class Cell:
    """What is decoded, and how."""

    system: str
    arm: str
    split: str
    weights: FusionWeights
    search: SearchSettings

    def key(self, digest: str) -> str:
        """Equal for equal networks, weights, and settings."""
        return json.dumps([digest, asdict(self)])


@dataclass(frozen=True)
class Decoded:
    """By utterance, in the order of the set: lists; over the whole set: calls."""

    errors: list[int]
    words: list[int]
    audio_s: list[float]
    frames: list[int]
    labels: list[int]
    steps: list[int]
    rows: list[int]
    prefixes: list[int]
    active_steps: list[int]
    lm_prefixes: list[int]
    lm_active_steps: list[int]
    calls: Calls


@dataclass(frozen=True)
class Bench:
    """The networks, the speech, and every decode so far."""

    data: Path
    runs: Path
    qat: Path
    progress: Progress

    def decoded(self, cell: Cell) -> Decoded:
        """From the file, or made now and appended to it."""
        key = cell.key(self.digest(cell.system))
        if key not in self._cells:
            self._cells[key] = asdict(self._made(cell))
            with self._file(cell.system).open("a") as file:
                file.write(json.dumps({"key": key, "found": self._cells[key]}) + "\n")
        return Decoded(**self._cells[key])

    def weights(self, system: str, arm: Arm) -> FusionWeights:
        """Those with the fewest errors on the development speakers.

        The INT4 systems are taken to want nearly what the float one does: their search begins
        there, with its smallest steps.
        """
        start, steps = arm.start, range(HALVINGS + 1)
        if system != SYSTEMS[0]:
            start, steps = self.weights(SYSTEMS[0], arm), range(HALVINGS, HALVINGS + 1)
        return best([Trials(self, system)], arm, start, steps)

    def models(self, system: str) -> dict[str, Path]:
        """Network → ONNX file."""
        found = {name: self.runs / f"{name}.onnx" for name in NETWORKS}
        for name, path in found.items():
            if not path.exists():
                export(load_checkpoint(shipped(name)), path)
        if system == "fp32":
            return found
        quantized = {name: self._quantized(name, path) for name, path in found.items()}
        return quantized if system == "ptq" else quantized | {"small": self.qat}

    def digest(self, system: str) -> str:
        """Of the bytes of all networks."""
        found = hashlib.sha256()
        for path in self.models(system).values():
            found.update(path.read_bytes())
        return found.hexdigest()[:16]

    def heard(self, split: str) -> Heard:
        """A set with its features."""
        if split not in self._sets:
            ears = self.decoder("fp32").ears
            self._sets[split] = hear(read_corpus(self.data, split), ears.features, self.progress)
        return self._sets[split]

    def frames(self, system: str, split: str) -> list[Batch]:
        """What the encoder makes of each utterance; it does not depend on the search."""
        if (system, split) not in self._frames:
            transducer, features = self.decoder(system).ears.transducer, self.heard(split).features
            self._frames[system, split] = list(encoded(transducer, features, 1))
        return self._frames[system, split]

    def decoder(self, system: str) -> Decoder:
        """Networks under onnxruntime."""
        if system not in self._opened:
            names = map(str, self.models(system).values())
            self._opened[system] = open_decoder(DecoderConfig(*names))
        return self._opened[system]

    @cached_property
    def _opened(self) -> dict[str, Decoder]:
        return {}

    @cached_property
    def _frames(self) -> dict[tuple[str, str], list[Batch]]:
        return {}

    @cached_property
    def _sets(self) -> dict[str, Heard]:
        return {}

    @cached_property
    def _cells(self) -> dict[str, dict[str, Any]]:
        files = (self._file(system) for system in SYSTEMS)
        return {key: found for file in files for key, found in lines(file)}

    def _file(self, system: str) -> Path:
        return self.runs / f"cells-{system}.jsonl"

    def _quantized(self, name: str, path: Path) -> Path:
        goal = path.with_name(f"{name}.q4.onnx")
        if not goal.exists():
            model = read_model(path)
            metadata = read_metadata(model.metadata_props, f"{path}")
            assert metadata is not None, "an exported model says what it reads"
            done = quantize(model, load_recipe(NETWORKS[name]), speech_feeds(metadata, self.data))
            write_model(done.model, goal)
        return goal

    def _made(self, cell: Cell) -> Decoded:
        decoder, heard = self.decoder(cell.system), self.heard(cell.split)
        batches = self.frames(cell.system, cell.split)
        before = calls_of(decoder)
        lms = LanguageModels(decoder.lms.external, decoder.lms.source, cell.weights)
        found = search_encoded(
            decoder.ears.transducer, batches, len(heard.features), cell.search, lms
        )
        texts = [decoder.text(each.best.tokens) for each in found]
        errors, words = word_errors([each.text for each in heard.utterances], texts)
        frames = {each.utterances[0]: int(each.lengths[0]) for each in batches}
        counts = [vars(each.counts) for each in found]
        kept = ("steps", "rows", "prefixes", "active_steps", "lm_prefixes", "lm_active_steps")
        return Decoded(
            errors.tolist(),
            words.tolist(),
            list(heard.durations_s),
            [frames.get(i, 0) for i in range(len(found))],
            [len(each.best.tokens) for each in found],
            **{name: [each[name] for each in counts] for name in kept},
            calls=since(before, calls_of(decoder)),
        )


@dataclass(frozen=True)
class Trials:
    """Decodes of the development speakers with any weights; the encoder runs once."""

    bench: Bench
    system: str

    def counts(self, weights: FusionWeights) -> tuple[Counts, Counts]:
        """(int64[n] errors, int64[n] words) of each utterance."""
        key = json.dumps([self.bench.digest(self.system), asdict(weights), asdict(TUNING)])
        if key not in self._known:
            errors, words = self._decoded(weights)
            self._known[key] = [errors.tolist(), words.tolist()]
            with self._file.open("a") as file:
                file.write(json.dumps({"key": key, "found": self._known[key]}) + "\n")
        errors, words = (np.array(each) for each in self._known[key])
        return errors, words

    @property
    def _file(self) -> Path:
        return self.bench.runs / f"trials-{self.system}.jsonl"

    @cached_property
    def _known(self) -> dict[str, Any]:
        return dict(lines(self._file))

    @cached_property
    def _batches(self) -> list[Batch]:
        ears, heard = self.bench.decoder(self.system).ears, self.bench.heard(TUNED_ON)
        return list(encoded(ears.transducer, heard.features, TUNING.batch))

    def _decoded(self, weights: FusionWeights) -> tuple[Counts, Counts]:
        decoder, heard = self.bench.decoder(self.system), self.bench.heard(TUNED_ON)
        lms = LanguageModels(decoder.lms.external, decoder.lms.source, weights)
        count = len(heard.features)
        found = search_encoded(decoder.ears.transducer, self._batches, count, TUNING, lms)
        texts = [decoder.text(each.best.tokens) for each in found]
        return word_errors([each.text for each in heard.utterances], texts)


def lines(path: Path) -> Iterator[tuple[str, Any]]:
    """What was found by key; a last line that was cut short is left out."""
    text = path.read_text() if path.exists() else ""
    for line in text[: text.rfind("\n") + 1].splitlines():
        row = json.loads(line)
        yield row["key"], row["found"]


def calls_of(decoder: Decoder) -> dict[str, Counter[int]]:
    """Calls so far of each component by their rows; an LM is called as in the paper's system."""
    counters = dict(decoder.ears.executor.calls)
    counters |= {name: lm.executor.calls[lm.model.name] for name, lm in decoder.opened.items()}
    found: dict[str, Counter[int]] = {}
    for name, sizes in counters.items():
        rows: Counter[int] = Counter()
        for shape, count in sizes.items():
            rows[shape[0]] += count
        found[name] = rows
    return found


def since(before: Mapping[str, Counter[int]], after: Mapping[str, Counter[int]]) -> Calls:
    """Calls that came between, in a shape that JSON keeps."""
    return {
        name: {f"{rows}": count for rows, count in sorted((after[name] - before[name]).items())}
        for name in after
    }


def pooled(parts: Sequence[Decoded]) -> Decoded:
    """Several sets as one."""
    lists = {
        name: [each for part in parts for each in getattr(part, name)]
        for name in vars(parts[0])
        if name != "calls"
    }
    calls: dict[str, Counter[str]] = {}
    for part in parts:
        for name, sizes in part.calls.items():
            calls.setdefault(name, Counter()).update(sizes)
    return Decoded(**lists, calls={name: dict(sizes) for name, sizes in calls.items()})
