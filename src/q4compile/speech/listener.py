"""What recordings and transcripts become on their way into a network."""

from dataclasses import dataclass
from typing import Protocol

from q4compile.speech.features import FeatureConfig
from q4compile.speech.vocabulary import Vocabulary


class Listener(Protocol):
    """Features of sound in, symbols out: an `RnntConfig`, or the metadata of an exported model."""

    @property
    def features(self) -> FeatureConfig:
        """What the network hears."""
        ...

    @property
    def vocabulary(self) -> Vocabulary:
        """What it writes."""
        ...


@dataclass(frozen=True)
class Hearing:
    """The `Listener` of an exported model."""

    features: FeatureConfig
    vocabulary: Vocabulary
