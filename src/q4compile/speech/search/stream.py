"""Sound that comes bit by bit: what is heard so far, and in the end what a whole decode finds.

The search is that of a whole utterance. It only stops where a hypothesis is to read a frame that
has not come yet, so that chunks, however cut, do not change its result.
"""

from dataclasses import replace

import numpy as np

from q4compile.errors import Finding, ModelError, raise_all
from q4compile.speech.features import FeatureConfig, OnlineFeatures
from q4compile.speech.greedy import Floats
from q4compile.speech.recognizer import Recognizer
from q4compile.speech.search.alsd import Alsd
from q4compile.speech.search.hypothesis import NOTHING, NBest
from q4compile.speech.search.language_model import NO_MODELS, LanguageModels
from q4compile.speech.search.settings import USUAL, SearchSettings
from q4compile.speech.transducer import ExecutorTransducer

PROBE_ROWS = 60
NEVER = np.iinfo(np.int64).max


class FeatureStream:
    """One utterance, fed as features of any number of rows at a time.

    Raises:
        ModelError: Q587 when the encoder looks ahead, or the fusion needs the mean frame.
    """

    def __init__(
        self,
        transducer: ExecutorTransducer,
        settings: SearchSettings = USUAL,
        lms: LanguageModels = NO_MODELS,
    ) -> None:
        raise_all(ModelError, _unstreamable(transducer, lms))
        self._transducer, self._settings, self._lms = transducer, settings, lms
        self._state = transducer.encoder_start(1)
        self._rows: Floats | None = None
        self._factor = 0
        self._frames = 0
        self._search: Alsd | None = None

    def feed(self, features: Floats) -> NBest:
        """The hypotheses after float32[T, F] more."""
        rows = features if self._rows is None else np.concatenate([self._rows, features])
        self._factor = self._factor or self._time_reduction(features.shape[1])
        whole = len(rows) // self._factor * self._factor
        self._rows = rows[whole:]
        self._hear(rows[:whole])
        return self._so_far()

    def finish(self) -> NBest:
        """The hypotheses of the whole utterance."""
        if self._rows is not None:
            self._hear(self._rows)
        if self._search is None:
            return NOTHING
        self._search.close(np.array([self._frames]))
        while len(self._search.beams.utterance):
            self._search.step()
        return self._search.results.n_best(0)

    def _hear(self, rows: Floats) -> None:
        if not len(rows):
            return
        lengths = np.array([len(rows)])
        frames, self._state = self._transducer.encode_chunk(rows[None], lengths, self._state)
        self._frames += frames.shape[1]
        if self._search is None:
            rest, never = np.zeros_like(frames[:, 0]), np.array([NEVER])
            self._search = Alsd(self._transducer, frames, never, rest, self._settings, self._lms)
        else:
            self._search.extend(frames)
        while not self._search.waits:
            self._search.step()

    def _so_far(self) -> NBest:
        if self._search is None:
            return NOTHING
        return self._search.results.n_best(0, self._search.beams)

    def _time_reduction(self, width: int) -> int:
        """Rows of features per frame: a chunk of a multiple of them leaves nothing over."""
        rows = np.zeros((1, PROBE_ROWS, width), np.float32)
        lengths, start = np.array([PROBE_ROWS]), self._transducer.encoder_start(1)
        frames, _ = self._transducer.encode_chunk(rows, lengths, start)
        return max(1, round(PROBE_ROWS / len(frames[0])))


class SoundStream:
    """One utterance, fed as samples at the model's rate.

    Raises:
        ModelError: Q587 when the model's encoder or its features look ahead.
    """

    def __init__(
        self,
        ears: Recognizer,
        settings: SearchSettings = USUAL,
        lms: LanguageModels = NO_MODELS,
    ) -> None:
        raise_all(ModelError, _looking_ahead(ears.features))
        self._features = OnlineFeatures(ears.features)
        self._stream = FeatureStream(ears.transducer, settings, lms)

    def feed(self, samples: Floats) -> NBest:
        """The hypotheses after float32[n] more samples."""
        return self._stream.feed(self._features.feed(samples))

    def finish(self) -> NBest:
        """The hypotheses of the whole utterance."""
        self._stream.feed(self._features.finish())
        return self._stream.finish()


def _unstreamable(transducer: ExecutorTransducer, lms: LanguageModels) -> list[Finding]:
    found = []
    if not transducer.streams:
        need = "an encoder whose recurrent layers all run forward in time"
        fix = "decode whole utterances, or windows of them: q4compile transcribe"
        found.append(Finding("Q587", TITLE, "encoder", need, "one that looks ahead", fix))
    if lms.weights.internal and lms.weights.internal_frame != "zero":
        need, got = "internal_frame zero", f"{lms.weights.internal_frame}, of the whole utterance"
        found.append(Finding("Q587", TITLE, "fusion weights", need, got))
    return found


def _looking_ahead(config: FeatureConfig) -> list[Finding]:
    plain = replace(config, normalize=False, deltas=False)
    if config == plain:
        return []
    need = "features without normalization over the utterance, and without deltas"
    got = f"normalize {config.normalize}, deltas {config.deltas}"
    return [Finding("Q587", TITLE, "features", need, got, "train with other features")]


TITLE = "the model needs whole utterances"
