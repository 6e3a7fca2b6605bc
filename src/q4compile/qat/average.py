"""One network of several trainings: the mean of their weights and grids."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from time import perf_counter
from typing import cast

import torch
from torch import Tensor

from q4compile.errors import Finding, ModelError, OutputError
from q4compile.qat.load import load_package
from q4compile.qat.module import QatModule
from q4compile.quantize.weights_file import weights_path

Sums = dict[str, Tensor]
"""ONNX name → float64 sum over the runs."""


@dataclass(frozen=True)
class Averaged:
    """The files that a mean was made of, and the figures of a record."""

    runs: Sequence[Path]
    figures: Mapping[str, float]


def average_file(package: Path, runs: Sequence[Path], output: Path) -> Averaged:
    """Write the mean of `runs`, trainings of the package folder `package`, for `absorb` to read.

    Raises:
        ModelError: what `load_package` and `average` raise.
        OutputError: Q551, Q552; Q554 if `output` is one of the runs.
    """
    started = perf_counter()
    files = [weights_path(run) for run in runs]
    for file in files:
        if os.path.realpath(file) == os.path.realpath(output):
            raise OutputError(_taken(file))
    model = load_package(package)
    spread = average(model, files)
    model.save(output)
    figures = {"runs": len(files), "spread_share": spread, "seconds": perf_counter() - started}
    return Averaged(files, figures)


@torch.no_grad()
def average(model: QatModule, runs: Sequence[Path]) -> float:
    """``w̄ = (Σ wᵢ) / n`` of every real tensor of `model`, summed in float64 and rounded once.

    Scales that follow the weights (sawb, minmax) are taken from the mean weights; zero points are
    means until they are saved; integers are not trained. Trainings that begin at one point and see
    their examples in different orders end in one basin of the loss, and their mean as a rule deeper
    in it (Wortsman et al. 2022, "Model soups"); where weights are rounded, after a little training.

    Args:
        runs: one at least: folders of training runs, or .safetensors files.

    Returns:
        √(mean ‖wᵢ − w̄‖²) / ‖w̄‖ over all that is learned: 0 for equal runs, 0.02 to 0.1 for
        trainings of one beginning, about √(n − 1) for networks that have nothing in common.

    Raises:
        ModelError: what `QatModule.load` raises; Q157 for a run that began at another model.
    """
    sums, squares = _summed(model, runs)
    for name, total in sums.items():
        model.tensors()[name].copy_(total / len(runs))
    model.refresh_ranges()
    size = _size(model)
    return sqrt(max(squares / len(runs) - size, 0.0) / (size or 1.0))


def _summed(model: QatModule, runs: Sequence[Path]) -> tuple[Sums, float]:
    """Sums of the real tensors, and that of ‖wᵢ‖² over the runs; `model` holds the last run."""
    sums: Sums = {}
    squares, first = 0.0, ""
    for run in runs:
        model.load(run)
        origin = f"SHA-256 {model.about.get('source_sha256')}"[:20]
        first = first or origin
        if origin != first:
            raise ModelError(_of_another_model(runs[0], run, first, origin))
        squares += _size(model)
        for name, tensor in model.tensors().items():
            if tensor.is_floating_point():
                sums[name] = sums.get(name, 0.0) + tensor.double()
    return sums, squares


def _size(model: QatModule) -> float:
    """‖w‖² over all that is learned."""
    return sum(cast(float, each.double().square().sum().item()) for each in model.parameters())


def _of_another_model(first: Path, run: Path, need: str, got: str) -> Finding:
    need = f"a run of the model of {first}, {need}…"
    return Finding("Q157", "weights of another model", f"{run}", need, f"{got}…")


def _taken(file: Path) -> Finding:
    need, fix = "a file that is not one of the runs", "name another path with -o"
    return Finding("Q554", "the output is taken", f"{file}", need, "a run", fix)
