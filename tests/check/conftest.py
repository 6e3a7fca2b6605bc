"""One small run with every outcome, shared by the tests of each way to show it."""

from pathlib import Path

import pytest

from q4compile.check.baseline import Baseline
from q4compile.check.bounds import KIND_NAMED, Bound
from q4compile.check.gates import Gate
from q4compile.check.verdicts import judge
from q4compile.report.record import Record


@pytest.fixture(scope="session")
def record_of():
    """A record of a command with the given figures."""

    def make(command, **figures):
        return Record(command, "0.1.0", "2026-01-31T12:00:00Z", {}, figures)

    return make


@pytest.fixture(scope="session")
def gate_of():
    """A gate at a line, with its bounds as keywords."""

    def make(figure, line=1, record="*", required=False, why=None, **limits):
        bounds = tuple(Bound(KIND_NAMED[name], limit) for name, limit in limits.items())
        return Gate(figure, bounds, record, required, why, Path("gates.yaml"), line)

    return make


@pytest.fixture
def verdicts(record_of, gate_of):
    """Passed and failed bounds and tolerances, a missing and an absent figure, a new figure."""
    records = {
        "model.q4.onnx": record_of("quantize", compression_ratio=7.91, image_bytes=1_200_345),
        "w4a4": record_of("eval", wer_percent=11.9, cer_percent=4.25),
    }
    gates = [
        gate_of("compression_ratio", 3, required=True, min=7.6),
        gate_of("compression_ratio", 4, min=8, why="50 % more, as promised: see the README"),
        gate_of("wer_percent", 5, record="eval", max=11.5, max_increase=0.5),
        gate_of("*_bytes", 6, max_increase_percent=1),
        gate_of("cer_percent", 7, max_increase=1),
        gate_of("compresion_ratio", 8, required=True),
        gate_of("rtf", 9, max=1),
        gate_of("*_percent", 10, required=True),
    ]
    baseline = Baseline(
        {"model.q4.onnx": {"image_bytes": 1_100_000}, "w4a4": {"wer_percent": 11.4}}
    )
    return judge(gates, records, baseline)
