"""The sizes that define a network: enough to rebuild it, nothing about how it was trained."""

from dataclasses import dataclass, replace
from string import ascii_uppercase, digits

from q4compile.speech.features import FeatureConfig
from q4compile.speech.vocabulary import AN4, BLANK_SYMBOL, Vocabulary


@dataclass(frozen=True)
class TimeReduction:
    """T' = ceil(T / factor): behind encoder layer `after_layer` (1 is the first) frames are joined.

    `factor` neighbours are concatenated; places past the end are zero.
    """

    after_layer: int
    factor: int


@dataclass(frozen=True)
class RnntConfig:
    """logits = W tanh(E(features) * P(tokens)) + b, for every frame and every token position.

    E is a stack of `encoder_layers` bidirectional LSTMs of `encoder_hidden` cells per direction, P
    an embedding and one LSTM of `predictor_hidden` cells; both end in `joint_dim` values.
    `ivector_dim` more inputs per frame describe the speaker (0: none).
    """

    features: FeatureConfig
    encoder_layers: int
    encoder_hidden: int
    time_reduction: TimeReduction | None
    predictor_embedding: int
    predictor_hidden: int
    joint_dim: int
    vocabulary: Vocabulary
    ivector_dim: int = 0

    @property
    def input_dim(self) -> int:
        """Width F of the `features` input."""
        return self.features.dim + self.ivector_dim

    @property
    def frame_ms(self) -> float:
        """Time from one encoder frame to the next."""
        factor = self.time_reduction.factor if self.time_reduction else 1
        return self.features.frame_ms * factor


@dataclass(frozen=True)
class LmConfig:
    """P(next symbol | symbols so far): embedding, `layers` LSTMs of `hidden` cells, linear."""

    embedding: int
    layers: int
    hidden: int
    vocabulary: Vocabulary


SWITCHBOARD = Vocabulary((BLANK_SYMBOL, " ", *ascii_uppercase, *digits, *"'-.&/_[]"))
"""46 outputs, as many as the paper's: which 45 characters it had is not known."""

PAPER = RnntConfig(
    features=FeatureConfig(n_mels=40, stack=2, skip=2, deltas=True),
    encoder_layers=6,
    encoder_hidden=640,
    time_reduction=None,
    predictor_embedding=10,
    predictor_hidden=768,
    joint_dim=256,
    vocabulary=SWITCHBOARD,
)
"""Fasoli et al., Interspeech 2022 (arXiv 2206.07882): 56.7 M parameters over 240 inputs."""

PAPER_IVECTOR = replace(PAPER, ivector_dim=100)
"""The same over 340 inputs (100 of them an i-vector): the 57.2 M parameters the paper reports."""

SMALL = RnntConfig(
    features=FeatureConfig(n_mels=40, stack=3, skip=3),
    encoder_layers=3,
    encoder_hidden=160,
    time_reduction=TimeReduction(after_layer=1, factor=2),
    predictor_embedding=64,
    predictor_hidden=160,
    joint_dim=160,
    vocabulary=AN4,
)
"""The bundled model: 2.3 M parameters, one encoder frame per 60 ms, 29 characters."""

SMALL_LM = LmConfig(embedding=32, layers=1, hidden=192, vocabulary=AN4)
"""The bundled character language model: 0.18 M parameters."""

PRESETS = {"paper": PAPER, "paper-ivector": PAPER_IVECTOR, "small": SMALL}
