"""Train the bundled models again: python examples/train_bundled_models.py AN4_DIR FOLDER

Needs espeak-ng and the speech extra; about 25 CPU-minutes on one thread of a CPU with AMX (set
OMP_NUM_THREADS=1). Interrupted, it goes on where it was. docs/training.md has the figures.
"""

import sys
from pathlib import Path

import numpy as np

from q4compile.speech.batches import Disturbance
from q4compile.speech.corpus import read_corpus
from q4compile.speech.grammar import sentences
from q4compile.speech.layouts import MANIFEST
from q4compile.speech.source import Source, mixture
from q4compile.speech.synthesis import synthesize
from q4compile.speech.train import TrainConfig, train
from q4compile.speech.train_lm import LmTrainConfig, train_lm

SYNTHETIC_UTTERANCES, SYNTHETIC_SEED = 5000, 1
LM_SENTENCES, LM_SEED, TRANSCRIPT_COPIES = 20000, 0, 8

SMALL = TrainConfig(epochs=90, disturbance=Disturbance(join=0.3), bfloat16=True)
LM = LmTrainConfig(epochs=6)


def main(an4: Path, folder: Path) -> None:
    made = folder / "synthetic"
    if not (made / MANIFEST).exists():
        synthesize(made, SYNTHETIC_UTTERANCES, SYNTHETIC_SEED)
    print(train(SMALL, mixture(an4, made), Source(an4, "dev"), folder / "small"))

    heard = [one.text for one in read_corpus(an4, "train")]
    judged = [one.text for one in read_corpus(an4, "dev")]
    invented = sentences(np.random.default_rng(LM_SEED), LM_SENTENCES)
    texts = [*invented, *heard * TRANSCRIPT_COPIES]
    print(train_lm(LM, texts, judged, folder / "lm.safetensors"))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"usage: python {sys.argv[0]} AN4_DIR FOLDER")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
