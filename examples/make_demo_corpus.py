"""Make the bundled demo corpus again: python examples/make_demo_corpus.py FOLDER

Needs espeak-ng 1.51 and the word list of Debian's wamerican; with both, the files come out byte for
byte as they lie in src/q4compile/speech/demo. Voices and sentences are disjoint from those of the
synthetic training speech of TRAINING_SEED.
"""

import sys
from pathlib import Path

from q4compile.speech.synthesis import HELD_OUT_VOICES, script, synthesize

UTTERANCES, SEED = 120, 20
TRAINING_UTTERANCES, TRAINING_SEED = 5000, 1
SPLITS = ("train", "test", "test")  # calibration hears the first third, the rest is scored
MOST_WORDS = 6  # keeps 120 utterances below 4 MB


def main(folder: Path) -> None:
    trained_on = {line.text for line in script(TRAINING_UTTERANCES, TRAINING_SEED)}
    seconds = synthesize(
        folder,
        UTTERANCES,
        SEED,
        voices=HELD_OUT_VOICES,
        without=trained_on,
        most_words=MOST_WORDS,
        splits=SPLITS,
    )
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{UTTERANCES} utterances, {seconds / 60:.1f} minutes, {size / 1e6:.2f} MB in {folder}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: python {sys.argv[0]} FOLDER")
    main(Path(sys.argv[1]))
