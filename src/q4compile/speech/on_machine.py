"""A quantized RNN-T on the accelerator: its program, and a whole corpus decoded by it, greedily."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from q4compile.lower.files import lower_file
from q4compile.progress import Progress, quiet
from q4compile.runtime.executor import SIM
from q4compile.speech.evaluate import Heard
from q4compile.speech.search.decode import decode_corpus
from q4compile.speech.search.decoder import DecoderConfig
from q4compile.speech.search.settings import SearchSettings
from q4compile.speech.search.summary import figures

BATCH = 32
"""Utterances decoded at a time: as many rows as programs of the simulator take."""


@dataclass(frozen=True)
class OnMachine:
    """A program file, its sizes, and the error rate, cycles and energy of the decoding."""

    path: Path
    figures: Mapping[str, float]


def on_machine(model: Path, target: str, heard: Heard, progress: Progress = quiet) -> OnMachine:
    """Lower `model` beside itself and decode `heard` on the simulator, every bit computed.

    Raises:
        TargetError, OutputError: what `lower_file` and the simulator raise.
    """
    written = lower_file(model, target)
    search = SearchSettings(beam=1, batch=BATCH)
    config = DecoderConfig(f"{model}", backend=SIM, target=target, search=search)
    rows = decode_corpus(config, heard, progress=progress)
    return OnMachine(written.output, {**written.figures, **figures(rows)})
