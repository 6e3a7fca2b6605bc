"""Ranges that training learns (Choi et al. 2018, Esser et al. 2020) and calibration only begins."""

from q4compile.quantize.ranges.mse import MseRange


class LearnedRange(MseRange):
    """The clip of least squared error, to train on from.

    A wider one would do for pact, which learns from what it clips, but not for a model that runs
    untrained.
    """

    def __init__(self, name: str) -> None:
        self.name = name
