"""Files in, files out: read every model, quantize every model, and only then write the first."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import onnx_ir as ir

from q4compile.errors import Finding, ModelError, OutputError, RecipeError, raise_all
from q4compile.graph.read import read_models
from q4compile.graph.write import write_model
from q4compile.progress import Progress, quiet
from q4compile.quantize.feeds import Feed
from q4compile.quantize.leftover import Leftover, leftover, unquantized
from q4compile.quantize.pack_int2 import pack_int2
from q4compile.quantize.plan import Plan
from q4compile.quantize.quantize import Quantized, quantize
from q4compile.quantize.summary import figures
from q4compile.recipe.recipe import Recipe

SUFFIX = ".q4.onnx"
FeedsOf = Callable[[Path, str, Mapping[str, str]], Iterable[Feed]]
"""Model file, component and the model's metadata → its calibration data."""


@dataclass(frozen=True)
class Source:
    """A model that was read, and where its quantized form goes."""

    file: Path
    component: str
    model: ir.Model
    output: Path


@dataclass(frozen=True)
class Written:
    """A quantized model that was written, and how it came to be what it is."""

    source: Source
    plan: Plan
    leftover: tuple[Leftover, ...]
    figures: Mapping[str, float]
    """Of a record; `seconds` are those of quantizing and writing, without the reading."""


def read_sources(paths: Sequence[Path], output: Path | None = None) -> list[Source]:
    """The models of files and folders, each with its output.

    ``model.onnx`` goes to ``model.q4.onnx`` beside it, a folder ``model/`` to the folder
    ``model.q4/``; with `output`, one file goes there and several go into that folder.

    Raises:
        ModelError: all that is wrong with any of the models.
        OutputError: Q554 when an output is a model that is read, or that of another one.
    """
    found: list[Source] = []
    errors: list[Finding] = []
    several = len(paths) > 1 or any(path.is_dir() for path in paths)
    for path in paths:
        try:
            models = read_models(path)
        except ModelError as error:
            errors += error.findings
            continue
        files = sorted(path.glob("*.onnx")) if path.is_dir() else [path]
        for file, (component, model) in zip(files, models.items(), strict=True):
            goal = _output(path, file, output, several)
            found.append(Source(file, component, model, goal))
    raise_all(ModelError, errors)
    raise_all(OutputError, list(_clashes(found)))
    return found


def quantize_files(
    sources: Sequence[Source],
    recipe: Recipe,
    feeds_of: FeedsOf,
    form: str = "qdq",
    strict: bool = False,
    progress: Progress = quiet,
    two_bits: bool = False,
) -> list[Written]:
    """Quantize all `sources` as `recipe` says, then write them.

    With `two_bits`, 2-bit weights take 2 bits of the file, which needs a reader of opset 25.

    Raises:
        RecipeError: Q203, Q208; with `strict`, Q209 for every rule that decides nothing and
            Q213 for every model with constants that no rule was asked about.
        ModelError, DataError: what `quantize` raises. OutputError: Q551, Q552.
    """
    made: list[tuple[Source, Quantized, float]] = []
    for source in sources:
        started = perf_counter()
        feeds = feeds_of(source.file, source.component, source.model.metadata_props)
        done = quantize(source.model, recipe, feeds, source.component, form, progress)
        if two_bits:
            done = replace(done, model=pack_int2(done.model))
        made.append((source, done, perf_counter() - started))
    if strict:
        raise_all(RecipeError, _loose_ends(made))
    return [_write(*each) for each in made]


def unused_rules(plans: Iterable[Plan]) -> list[Finding]:
    """Q209 for every rule that decided nothing in any of the plans of one recipe."""
    each = list(plans)
    return each[0].recipe.unused(entry.decision for plan in each for entry in plan.entries)


def _loose_ends(made: Iterable[tuple[Source, Quantized, float]]) -> list[Finding]:
    each = list(made)
    found = unused_rules(done.plan for _, done, _ in each)
    for source, done, _ in each:
        found += unquantized(leftover(source.model, done.plan), str(source.file))
    return found


def _write(source: Source, done: Quantized, seconds: float) -> Written:
    started = perf_counter()
    write_model(done.model, source.output)
    found = figures(done.plan, source.model, source.output)
    spent = seconds + perf_counter() - started
    left = leftover(source.model, done.plan)
    return Written(source, done.plan, left, {**found, "seconds": spent})


def _output(path: Path, file: Path, output: Path | None, several: bool) -> Path:
    if output is not None and not several and not output.is_dir():
        return output
    beside = path.with_name(f"{path.name}.q4") if path.is_dir() else file.parent
    return (output or beside) / f"{file.stem}{SUFFIX}"


def _clashes(sources: Sequence[Source]) -> Iterable[Finding]:
    outputs = Counter(os.path.realpath(source.output) for source in sources)
    inputs = {os.path.realpath(source.file) for source in sources}
    for source in sources:
        real = os.path.realpath(source.output)
        if real in inputs:
            yield _clash(source, "a file that is not one of the models", "the model itself")
        elif outputs[real] > 1:
            yield _clash(source, "one file per model", "the output of another model too")


def _clash(source: Source, need: str, got: str) -> Finding:
    at, fix = f"{source.file} → {source.output}", "name another path with -o"
    return Finding("Q554", "the output is taken", at, need, got, fix)
