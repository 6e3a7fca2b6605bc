"""The main job in Python: export, quantize, decode, compare; on bundled speech.

python examples/02_word_error_rate.py
"""

import os
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from q4compile.speech.checkpoint import load_rnnt, shipped
from q4compile.speech.corpus import DEMO, DEMO_SPLIT, read_corpus
from q4compile.speech.evaluate import compare, evenly, hear
from q4compile.speech.study import study


def main() -> None:
    checkpoint = shipped("small")
    utterances = evenly(read_corpus(DEMO, DEMO_SPLIT), 40)
    heard = {"speech": hear(utterances, load_rnnt(checkpoint).config.features)}
    with tempfile.TemporaryDirectory() as folder:
        trials = list(study(checkpoint, ["rnnt"], heard, DEMO, Path(folder)))
    reference, quantized = (trial.evaluations["speech"] for trial in trials)
    change = compare(reference, quantized)
    print(
        f"float: {reference.wer.percent:.1f} % words wrong, 4 bits: {quantized.wer.percent:.1f} %"
    )
    print(f"difference {change.difference_percent:+.1f} [{change.low:+.1f}, {change.high:+.1f}]")
    print(f"{trials[1].figures['compression_ratio']:.2f} times smaller")


if __name__ == "__main__":
    main()
