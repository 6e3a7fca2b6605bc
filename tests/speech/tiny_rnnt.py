"""A transducer of the bundled model's form, small enough to train in a test."""

from dataclasses import replace

from q4compile.speech.config import SMALL
from q4compile.speech.features import FeatureConfig

TINY = replace(
    SMALL,
    features=FeatureConfig(n_mels=4, stack=2, skip=2),
    encoder_layers=2,
    encoder_hidden=6,
    predictor_embedding=5,
    predictor_hidden=7,
    joint_dim=8,
)
