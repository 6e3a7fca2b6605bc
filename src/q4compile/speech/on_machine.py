"""A whole corpus decoded by a quantized RNN-T on the simulated accelerator, greedily."""

from pathlib import Path

from q4compile.progress import Progress, quiet
from q4compile.runtime.executor import SIM
from q4compile.speech.evaluate import Heard
from q4compile.speech.search.decode import decode_corpus
from q4compile.speech.search.decoder import DecoderConfig
from q4compile.speech.search.settings import SearchSettings
from q4compile.speech.search.summary import figures

BATCH = 32
"""Utterances decoded at a time: as many rows as programs of the simulator take."""


def decoded_on_machine(
    model: Path, target: str, heard: Heard, progress: Progress = quiet
) -> dict[str, float]:
    """Error rates, cycles and energy of the decoding, every bit of it computed.

    Raises:
        ModelError, TargetError: what `open_decoder` raises.
    """
    search = SearchSettings(beam=1, batch=BATCH)
    config = DecoderConfig(f"{model}", backend=SIM, target=target, search=search)
    return figures(decode_corpus(config, heard, progress=progress))
