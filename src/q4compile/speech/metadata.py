"""What an exported model says about itself, so that it can be fed: kind, symbols, features.

read_metadata(metadata.props()) == metadata
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from q4compile.errors import DataError, Finding, ModelError
from q4compile.speech.vocabulary import Vocabulary

if TYPE_CHECKING:  # it loads a library that a model of another kind does without
    from q4compile.speech.features import FeatureConfig

KIND, FEATURES, VOCABULARY = "q4compile.kind", "q4compile.features", "q4compile.vocabulary"
RNNT, LM = "rnnt", "lm"
INPUTS = {RNNT: ("features", "feature_lengths", "tokens"), LM: ("tokens",)}
"""The inputs of an exported graph, by kind; its output is `logits`."""


@dataclass(frozen=True)
class SpeechMetadata:
    """`kind` is ``rnnt`` or ``lm``; a language model hears nothing and has no `features`."""

    kind: str
    vocabulary: Vocabulary
    features: "FeatureConfig | None" = None

    def props(self) -> dict[str, str]:
        """The entries of ``metadata_props`` in the ONNX file."""
        symbols = json.dumps(self.vocabulary.symbols, ensure_ascii=False)
        found = {KIND: self.kind, VOCABULARY: symbols}
        if self.features is not None:
            found[FEATURES] = json.dumps(asdict(self.features))
        return found


def read_metadata(props: Mapping[str, str], at: str) -> SpeechMetadata | None:
    """The metadata in ``metadata_props``; None for a model that is not one of speech or text.

    Raises:
        ModelError: Q128 when the entries contradict each other or cannot be read; `at` names the
            model.
    """
    if KIND not in props:
        return None
    try:
        kind = props[KIND]
        vocabulary = Vocabulary(tuple(json.loads(props[VOCABULARY])))
        if kind not in INPUTS:
            raise ValueError(f"{KIND} is {kind!r}")
        features = _features(props[FEATURES]) if kind == RNNT else None
    except (KeyError, TypeError, ValueError, DataError) as error:
        raise ModelError(_broken(at, error)) from error
    return SpeechMetadata(kind, vocabulary, features)


def _features(text: str) -> "FeatureConfig":
    from q4compile.speech.features import FeatureConfig

    return FeatureConfig(**json.loads(text))


def _broken(at: str, error: Exception) -> Finding:
    reason = f"no {error.args[0]}" if isinstance(error, KeyError) else f"{error}"
    return Finding(
        "Q128",
        "the model's metadata cannot be read",
        at,
        f"{KIND} {' or '.join(INPUTS)}, {VOCABULARY}, and for {RNNT} {FEATURES}",
        reason,
        "export the checkpoint again with q4compile export",
    )
