"""Real decodes of the tested utterances of each fold, with language models; every one is kept.

Errors are counted in words; the words of a spelled name are its letters.
"""

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import numpy as np
from fold_runs import Fold
from numpy.typing import NDArray

from q4compile.files import write_text
from q4compile.runtime.onnxruntime_executor import OnnxRuntimeExecutor
from q4compile.speech.evaluate import hear
from q4compile.speech.greedy import Floats, State, Tokens, Transducer
from q4compile.speech.recognizer import Recognizer, recognizer
from q4compile.speech.score import word_errors
from q4compile.speech.search.fusion import FusionWeights
from q4compile.speech.search.language_model import ExecutorLm, LanguageModels
from q4compile.speech.search.search import beam_search
from q4compile.speech.search.settings import SearchSettings

SETTINGS = SearchSettings(beam=8, batch=32)
Counts = NDArray[np.int64]


class EncodedOnce:
    """A `Transducer` that encodes equal batches once: weights change, the sound does not."""

    def __init__(self, transducer: Transducer) -> None:
        self._transducer = transducer
        self._known: dict[str, tuple[Floats, Tokens]] = {}

    def encode(self, features: Floats, lengths: Tokens) -> tuple[Floats, Tokens]:
        key = sha256(features.tobytes()).hexdigest()
        if key not in self._known:
            self._known[key] = self._transducer.encode(features, lengths)
        return self._known[key]

    def start(self, batch: int) -> State:
        return self._transducer.start(batch)

    def predict(self, tokens: Tokens, state: State) -> tuple[Floats, State]:
        return self._transducer.predict(tokens, state)

    def joint(self, frames: Floats, vectors: Floats) -> Floats:
        return self._transducer.joint(frames, vectors)


@dataclass(frozen=True)
class Decoder:
    """One fold's networks of one precision, and all transcripts they were asked for."""

    fold: Fold
    system: str
    settings: SearchSettings = SETTINGS

    @cached_property
    def references(self) -> list[str]:
        return [one.text for one in self.fold.tested]

    def transcripts(self, weights: FusionWeights) -> list[str]:
        """Of the fold's tested utterances."""
        key = json.dumps(asdict(weights), sort_keys=True)
        if key not in self._known:
            self._known[key] = self._decoded(weights)
            write_text(self._file, json.dumps(self._known, indent=0))
        return self._known[key]

    def counts(self, weights: FusionWeights) -> tuple[Counts, Counts]:
        """(int64[n] errors, int64[n] words) of each tested utterance."""
        return word_errors(self.references, self.transcripts(weights))

    @property
    def _file(self) -> Path:
        how = "" if self.settings == SETTINGS else f".beam{self.settings.beam}"
        if self.settings.margin_nats != SETTINGS.margin_nats:
            how += f".margin{self.settings.margin_nats}"
        return self.fold.folder / f"{self.system}{how}.transcripts.json"

    @cached_property
    def _known(self) -> dict[str, list[str]]:
        """Weights → transcripts."""
        found: dict[str, list[str]] = {}
        return json.loads(self._file.read_text()) if self._file.exists() else found

    @cached_property
    def _ears(self) -> Recognizer:
        return recognizer(self.fold.model(self.system))

    @cached_property
    def _transducer(self) -> EncodedOnce:
        return EncodedOnce(self._ears.transducer)

    @cached_property
    def _lms(self) -> tuple[ExecutorLm, ExecutorLm]:
        fold = self.fold
        files = (fold.place.external_lm(self.system), fold.source_lm(self.system))
        external, source = (ExecutorLm(OnnxRuntimeExecutor(path)) for path in files)
        return external, source

    @cached_property
    def _features(self) -> list[Floats]:
        progress = self.fold.place.progress
        return list(hear(self.fold.tested, self._ears.features, progress).features)

    def _decoded(self, weights: FusionWeights) -> list[str]:
        external, source = self._lms
        lms = LanguageModels(external, source, weights)
        found = beam_search(self._transducer, self._features, self.settings, lms)
        return [self._ears.vocabulary.decode(each.best.tokens) for each in found]
