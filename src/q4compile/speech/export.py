"""Trained networks as ONNX files: one plain graph from features and tokens to logits.

network → torch.onnx.export → names, metadata → compared with torch at other sizes → model.onnx
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from q4compile.errors import Disagreement, Finding
from q4compile.files import replacing
from q4compile.graph.read import read_model
from q4compile.graph.write import write_model
from q4compile.quantize.session import session
from q4compile.speech.lm import CharLm
from q4compile.speech.metadata import INPUTS, LM, RNNT, SpeechMetadata
from q4compile.speech.model import Rnnt, parameter_count
from q4compile.speech.torch_export import export_graph, parameter_name

LARGEST_ERROR = 1e-4
"""Of a logit, between torch and onnxruntime."""
EXAMPLE, VERIFIED = ((6, 4), 2), (((11,), 7), ((3, 8, 5), 0))
"""(frames of each sequence, labels): what is traced, and what is compared."""

Feeds = dict[str, Tensor]
Reference = Callable[[Feeds], Sequence[Tensor]]
"""The logits of each sequence, those behind its end left out."""


@dataclass(frozen=True)
class Exported:
    """What was written."""

    parameters: int
    file_bytes: int
    max_abs_error: float
    """The largest difference of a logit between torch and onnxruntime at other sizes."""


def export(model: Rnnt | CharLm, path: Path) -> Exported:
    """`export_rnnt` or `export_lm`."""
    return export_rnnt(model, path) if isinstance(model, Rnnt) else export_lm(model, path)


def export_rnnt(model: Rnnt, path: Path) -> Exported:
    """Replace `path` by ``forward(features, feature_lengths, tokens) → logits``, all axes free.

    features float[batch, frames, F], feature_lengths int64[batch], tokens int64[batch, labels];
    logits float[batch, steps, labels, V].

    Raises:
        Disagreement: Q401 when a logit differs from torch's by more than 1e-4.
        OutputError: Q551, Q552.
    """
    config = model.config

    def reference(feeds: Feeds) -> Sequence[Tensor]:
        logits = model(*feeds.values())
        _, counts = model.encoder(feeds["features"], feeds["feature_lengths"])
        return [row[: int(count)] for row, count in zip(logits, counts, strict=True)]

    axes = {
        "features": ("batch", "frames"),
        "feature_lengths": ("batch",),
        "tokens": ("batch", "labels"),
        "logits": ("batch", "steps", "labels"),
    }
    metadata = SpeechMetadata(RNNT, config.vocabulary, config.features)
    return _export(model, metadata, config.input_dim, axes, reference, path)


def export_lm(model: CharLm, path: Path) -> Exported:
    """Replace `path` by ``forward(tokens) → logits``, int64[batch, labels] to float[..., V].

    Raises:
        Disagreement: Q401 when a logit differs from torch's by more than 1e-4.
        OutputError: Q551, Q552.
    """
    axes = {"tokens": ("batch", "labels"), "logits": ("batch", "labels")}
    metadata = SpeechMetadata(LM, model.config.vocabulary)
    network = _LogitsOnly(model)
    return _export(network, metadata, 0, axes, lambda feeds: list(network(feeds["tokens"])), path)


class _LogitsOnly(nn.Module):
    """A language model without its state: the graph's own inputs and outputs can carry that."""

    def __init__(self, lm: CharLm) -> None:
        super().__init__()
        self.lm = lm

    def forward(self, tokens: Tensor) -> Tensor:
        return cast(Tensor, self.lm(tokens)[0])


def _export(
    network: nn.Module,
    metadata: SpeechMetadata,
    width: int,
    axes: Mapping[str, Sequence[str]],
    reference: Reference,
    path: Path,
) -> Exported:
    symbols = len(metadata.vocabulary)
    feeds = _feeds(metadata.kind, width, symbols, *EXAMPLE)
    with replacing(path) as temporary:
        traced = temporary.with_name("traced.onnx")
        export_graph(network, tuple(feeds.values()), axes, traced)
        model = read_model(traced)
        traced.unlink()
        for node in model.graph:
            for port, value in enumerate(node.inputs):
                if value is not None and str(value.name).startswith("onnx::"):
                    value.name = parameter_name(str(node.name), node.op_type, port)
        model.metadata_props.update(metadata.props())
        run = session(model).run
        error = 0.0
        for sizes in VERIFIED:
            feeds = _feeds(metadata.kind, width, symbols, *sizes)
            arrays = {name: value.numpy() for name, value in feeds.items()}
            found = torch.from_numpy(run(["logits"], arrays)[0])
            error = max(error, _difference(found, reference, feeds))
        if not error <= LARGEST_ERROR:
            raise Disagreement(_differs(path, error))
        write_model(model, temporary)
    return Exported(parameter_count(network), path.stat().st_size, error)


def _feeds(kind: str, width: int, symbols: int, frames: Sequence[int], labels: int) -> Feeds:
    """Random inputs of the given sizes, a function of them."""
    random = torch.Generator().manual_seed(0)
    made = {
        "features": torch.randn(len(frames), max(frames), width, generator=random),
        "feature_lengths": torch.tensor(frames),
        "tokens": torch.randint(0, symbols, (len(frames), labels + 1), generator=random),
    }
    return {name: made[name] for name in INPUTS[kind]}


@torch.inference_mode()
def _difference(found: Tensor, reference: Reference, feeds: Feeds) -> float:
    rows = zip(found, reference(feeds), strict=True)
    return max(float((row[: len(wanted)] - wanted).abs().max()) for row, wanted in rows)


def _differs(path: Path, error: float) -> Finding:
    return Finding(
        "Q401",
        "the exported model disagrees with torch",
        f"{path}, output 'logits'",
        f"a difference of at most {LARGEST_ERROR:g} under onnxruntime",
        f"{error:.3g}",
        "the old file is untouched; report the versions of torch and onnxruntime",
    )
