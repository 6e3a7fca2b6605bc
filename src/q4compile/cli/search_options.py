"""The options of every command that searches, and what they ask for."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from q4compile.cli.options import cell_bits_option
from q4compile.errors import DataError, Finding, raise_all

if TYPE_CHECKING:
    from q4compile.speech.search.decoder import DecoderConfig
    from q4compile.speech.search.fusion import FusionWeights

BACKENDS = click.Choice(["onnxruntime", "sim", "torch"])
WEIGHTS = {"lambda": "external", "mu": "source", "nu": "internal", "rho": "length"}
FUSION_SUFFIX = ".fusion.yaml"

OPTIONS = (
    click.option("--backend", type=BACKENDS, help="What runs it.  [default: by the kind of file]"),
    click.option(
        "--target",
        metavar="NAME_OR_FILE",
        default="rapid1",
        show_default=True,
        help="The accelerator that the backend sim stands for.",
    ),
    click.option(
        "--precision",
        type=click.Choice(["fp16"]),
        help="Of the backend sim: the one at which it runs float models.",
    ),
    cell_bits_option,
    click.option(
        "--max-symbols",
        type=click.IntRange(1),
        default=10,
        show_default=True,
        metavar="N",
        help="Symbols per encoder frame.",
    ),
    click.option(
        "--blank-skip",
        type=click.FloatRange(0, 1, min_open=True),
        metavar="P",
        help="Try no label where the blank has at least this probability.  [default: never]",
    ),
    click.option(
        "--margin",
        type=click.FloatRange(0),
        metavar="NATS",
        help="Drop hypotheses that far below the best.  [default: none]",
    ),
    click.option(
        "--batch",
        type=click.IntRange(1),
        default=16,
        show_default=True,
        metavar="N",
        help="Utterances decoded together.",
    ),
    click.option("--lm", metavar="LM", help="External language model: checkpoint or ONNX file."),
    click.option("--source-lm", metavar="LM", help="One of the transducer's own training text."),
    click.option(
        "--internal-frame",
        type=click.Choice(["zero", "mean"]),
        help="What the internal model hears: nothing, or the utterance's mean frame.",
    ),
)
WEIGHT_OPTIONS = (
    click.option(
        "--fusion",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Weights.  [default with an LM: MODEL.fusion.yaml, where there is one]",
    ),
    click.option("--lambda", "lambda_", type=float, help="Weight of the external model."),
    click.option("--mu", type=float, help="Weight of the source model, subtracted."),
    click.option("--nu", type=float, help="Weight of the transducer's internal model, subtracted."),
    click.option("--rho", type=float, help="Added for each symbol."),
)


@dataclass(frozen=True)
class Search:
    """What the options asked for."""

    backend: str | None
    target: str
    precision: str | None
    cell_bits: int
    beam: int
    max_symbols: int
    blank_skip: float | None
    margin: float | None
    batch: int
    lm: str | None
    source_lm: str | None
    fusion: Path | None
    given: dict[str, Any]
    """Of the weights, what the command line says; it overrules the file."""
    weighted: bool
    """Whether the command takes weights at all."""

    def config(self, model: str) -> "DecoderConfig":
        """For `model`.

        Raises:
            DataError: Q583 a file of weights that is wrong, Q586 a language model without a weight.
        """
        from q4compile.speech.search.decoder import DecoderConfig
        from q4compile.speech.search.settings import SearchSettings

        margin = float("inf") if self.margin is None else self.margin
        settings = SearchSettings(self.beam, self.max_symbols, self.blank_skip, margin, self.batch)
        names = model, self.lm, self.source_lm, self.backend, self.target
        runs = self.precision, self.cell_bits
        return DecoderConfig(*names, settings, self._weights(model), *runs)

    def _weights(self, model: str) -> "FusionWeights":
        from q4compile.speech.search.fusion import FusionWeights, read_fusion

        beside = fusion_path(model)
        path = self.fusion
        if path is None and self.weighted and self.lm is not None and beside.exists():
            path = beside
        weights = FusionWeights() if path is None else read_fusion(path)
        weights = replace(weights, **self.given)
        named = {"--lm": (self.lm, "external"), "--source-lm": (self.source_lm, "source")}
        unused = {
            flag: name
            for flag, (path, name) in named.items()
            if self.weighted and path is not None and not getattr(weights, name)
        }
        raise_all(DataError, [_no_weight(*each, beside) for each in unused.items()])
        return weights


def fusion_path(model: str) -> Path:
    """``model.q4.onnx`` → ``model.q4.onnx.fusion.yaml``, where tuned weights are looked for."""
    return Path(f"{model}{FUSION_SUFFIX}")


def search_options(
    beam: int = 1, weighted: bool = True
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the options, `beam` being the default width; the command gets `search`, a `Search`."""
    width = click.option(
        "--beam",
        type=click.IntRange(1),
        default=beam,
        show_default=True,
        metavar="N",
        help="Hypotheses that are kept; 1 is greedy.",
    )
    options = (*OPTIONS[:2], width, *OPTIONS[2:], *(WEIGHT_OPTIONS if weighted else ()))

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def with_search(*args: Any, **values: Any) -> Any:
            return command(*args, search=_taken(values, weighted), **values)

        for option in reversed(options):
            with_search = option(with_search)
        return with_search

    return add


def _taken(values: dict[str, Any], weighted: bool) -> Search:
    """What the options say; they are removed from `values`."""
    weights = {"internal_frame": values.pop("internal_frame")}
    if weighted:
        values["lambda"] = values.pop("lambda_")
        weights |= {name: values.pop(key) for key, name in WEIGHTS.items()}
    given = {name: value for name, value in weights.items() if value is not None}
    fusion = values.pop("fusion", None)
    names = (
        "backend",
        "target",
        "precision",
        "cell_bits",
        "beam",
        "max_symbols",
        "blank_skip",
        "margin",
        "batch",
    )
    own = {key: values.pop(key) for key in (*names, "lm", "source_lm")}
    return Search(**own, fusion=fusion, given=given, weighted=weighted)


def _no_weight(flag: str, name: str, beside: Path) -> Finding:
    word = next(key for key, value in WEIGHTS.items() if value == name)
    return Finding(
        "Q586",
        "a language model without a weight",
        flag,
        f"a weight for it: --{word}, or '{name}' in a file of weights",
        f"neither, and no weight in {beside}",
        "q4compile tune-fusion finds weights on a development set",
    )
