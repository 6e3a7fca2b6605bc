"""``torch.onnx.export`` without its noise: one readable graph, parameters named as in torch.

The TorchScript exporter is used: it writes an LSTM layer as one node, where the dynamo exporter
unrolls its weights into slices. What it warns of does not apply here: sizes are free because no
value of the traced functions depends on them, which the caller verifies at other sizes.
"""

import os
import re
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

import torch
from torch import Tensor, nn

OPSET = 17
RECURRENT_PORTS = "XWRB"
SHAPE_WARNING = re.compile(rb"\[W\d+ [\d:.]+ shape_type_inference\.cpp")
IGNORED = (
    (DeprecationWarning, ""),
    (torch.jit.TracerWarning, "Converting a tensor to a Python"),  # type: ignore[attr-defined]
    (UserWarning, "Exporting a model to ONNX with a batch_size other than 1"),
    (UserWarning, "Constant folding - Only steps=1"),
)


def export_graph(
    network: nn.Module,
    example: Sequence[Tensor],
    axes: Mapping[str, Sequence[str]],
    path: Path,
) -> None:
    """Write `network` in evaluation mode to `path`; its only output is `logits`.

    Args:
        network: Its forward takes `example` and returns logits.
        example: Tensors of any sizes.
        axes: Names of the free axes, 0 first, by input or output name; inputs in order.
        path: Overwritten.
    """
    with warnings.catch_warnings(), without_shape_warnings():
        for category, message in IGNORED:
            warnings.filterwarnings("ignore", message, category)
        torch.onnx.export(
            network.eval(),
            tuple(example),
            str(path),
            dynamo=False,
            input_names=[name for name in axes if name != "logits"],
            output_names=["logits"],
            dynamic_axes={name: dict(enumerate(free)) for name, free in axes.items()},
            opset_version=OPSET,
        )


def parameter_name(node: str, op: str, port: int) -> str:
    """``encoder.layers.0.lstm.W`` for port 1 of the LSTM node ``/encoder/layers.0/lstm/LSTM``.

    A MatMul's is called ``<layer>.weight``; it is the transposed torch parameter of that name.
    """
    scope, _, own = node.strip("/").rpartition("/")
    layer = scope.replace("/", ".") + own.removeprefix(op)  # LSTM_1 is the second layer's
    if op == "LSTM":
        return f"{layer}.{RECURRENT_PORTS[port]}"
    return f"{layer}.weight" if op == "MatMul" else f"{layer}.{op}.{port}"


@contextmanager
def without_shape_warnings() -> Iterator[None]:
    """Drop the lines torch's C++ writes to stderr for packed sequences; pass on all others."""
    sys.stderr.flush()
    kept = os.dup(2)
    with TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            caught.seek(0)
            for line in caught:
                if not SHAPE_WARNING.match(line):
                    os.write(kept, line)
            os.close(kept)
