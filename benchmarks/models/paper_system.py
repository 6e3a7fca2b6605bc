"""The paper's system as a subject of measurement: RNN-T, external LM and source LM, random weights.

LM sizes are assumptions: the external one 2 × 2048 cells, that of the source domain 1 × 1024, both
with embeddings of 512 (hardware study, section 4).
"""

from pathlib import Path

import numpy as np
from models.paper import SEED, export_paper, features
from onnx import ModelProto

from q4compile.graph.read import read_model
from q4compile.lower.files import read_parts
from q4compile.lower.lower import Part
from q4compile.quantize.quantize import quantize
from q4compile.recipe.read_recipe import load_recipe
from q4compile.speech.config import PAPER, LmConfig

EMBEDDING = 512
LMS = {
    "lm": LmConfig(EMBEDDING, 2, 2048, PAPER.vocabulary),
    "source_lm": LmConfig(EMBEDDING, 1, 1024, PAPER.vocabulary),
}
FRAMES, LABELS = 60, 12
"""Of the one utterance that ranges are taken from."""


def export_system(folder: Path) -> dict[str, Path]:
    """Name → float32 ONNX file of the RNN-T and of both LMs."""
    import torch

    from q4compile.speech.export import export_lm
    from q4compile.speech.lm import CharLm

    found = {name: folder / f"{name}.onnx" for name in ("model", *LMS)}
    export_paper(found["model"])
    for name, config in LMS.items():
        torch.manual_seed(SEED)
        export_lm(CharLm(config).eval(), found[name])
    return found


def float_parts(files: dict[str, Path]) -> list[Part]:
    """The components, to be lowered in halves; an LM's is called as its file."""
    return [_named(name, part) for name, path in files.items() for part in read_parts(path)]


def quantized_parts(files: dict[str, Path], recipe: str) -> list[Part]:
    """The components quantized by a recipe."""
    from q4compile.graph.write import write_model

    found: list[Part] = []
    for name, path in files.items():
        goal = path.with_name(f"{name}.{recipe}.onnx")
        write_model(_quantized(path, name, recipe), goal)
        found += [_named(name, part) for part in read_parts(goal)]
    return found


def _quantized(path: Path, name: str, recipe: str) -> ModelProto:
    feed = {"tokens": np.arange(LABELS)[None] % len(PAPER.vocabulary)}
    if name not in LMS:
        feed |= {"features": features(1, FRAMES), "feature_lengths": np.full(1, FRAMES)}
    return quantize(read_model(path), load_recipe(recipe), [feed], name).model


def _named(name: str, part: Part) -> Part:
    return (name, part[1]) if name in LMS else part
