"""Everything that turns features into hypotheses: a recognizer, language models, a search."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from q4compile.speech.checkpoint import shipped
from q4compile.speech.greedy import Floats
from q4compile.speech.recognizer import (
    USUAL_CELL_BITS,
    USUAL_TARGET,
    Recognizer,
    recognizer,
)
from q4compile.speech.search.fusion import FusionWeights
from q4compile.speech.search.hypothesis import NBest
from q4compile.speech.search.language_model import LanguageModels
from q4compile.speech.search.open_lm import OpenLm, open_lm
from q4compile.speech.search.search import beam_search
from q4compile.speech.search.settings import SearchSettings


@dataclass(frozen=True)
class DecoderConfig:
    """What is decoded with, by names and numbers alone, so that another process can open it.

    `backend` None is that of each file. Language models with weight 0 are opened, but never run.
    """

    model: str
    lm: str | None = None
    source_lm: str | None = None
    backend: str | None = None
    target: str = USUAL_TARGET
    search: SearchSettings = field(default_factory=SearchSettings)
    weights: FusionWeights = field(default_factory=FusionWeights)
    precision: str | None = None
    """Of float models on the simulator."""
    cell_bits: int = USUAL_CELL_BITS
    """Of the LSTMs of quantized ones there."""

    def fingerprint(self) -> str:
        """Equal for equal settings and files of equal bytes; 16 hexadecimal digits."""
        found = hashlib.sha256(json.dumps(asdict(self)).encode())
        for name in (self.model, self.lm, self.source_lm):
            for path in _files(name):
                found.update(hashlib.sha256(path.read_bytes()).digest())
        return found.hexdigest()[:16]


@dataclass(frozen=True)
class Decoder:
    """`DecoderConfig` with its networks in memory."""

    config: DecoderConfig
    ears: Recognizer
    lms: LanguageModels
    opened: dict[str, OpenLm]

    def decode(self, features: Sequence[Floats]) -> list[NBest]:
        """See `beam_search`."""
        return beam_search(self.ears.transducer, features, self.config.search, self.lms)

    def text(self, tokens: Sequence[int]) -> str:
        """What the labels spell."""
        return self.ears.vocabulary.decode(tokens)

    def figures(self) -> dict[str, float]:
        """Calls and rows of each component so far; on the simulator what it did for them."""
        found = dict(self.ears.counts())
        for name, lm in self.opened.items():
            found |= lm.figures(name)
        return found


def open_decoder(config: DecoderConfig) -> Decoder:
    """Read every file that `config` names.

    Raises:
        ModelError, DataError, TargetError: what `recognizer`, `open_lm` and weights without their
            language model raise.
    """
    runs = config.backend, config.target, config.precision, config.cell_bits
    ears = recognizer(config.model, *runs)
    named = {"lm": config.lm, "source_lm": config.source_lm}
    opened = {
        name: open_lm(path, ears.vocabulary, *runs)
        for name, path in named.items()
        if path is not None
    }
    models = {name: lm.model for name, lm in opened.items()}
    lms = LanguageModels(models.get("lm"), models.get("source_lm"), config.weights)
    return Decoder(config, ears, lms, opened)


def _files(name: str | None) -> list[Path]:
    if name is None:
        return []
    path = Path(name)
    if path.is_dir():
        return sorted(each for each in path.iterdir() if each.is_file())
    return [path if path.exists() else shipped(name)]
