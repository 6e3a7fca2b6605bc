"""onnxruntime's own static quantization, LSTM included: MODEL FEEDS OUT → one line of JSON.

W4A4 in QDQ format. Scales lie around the LSTM nodes; inside them h stays float32.
"""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

STARTED = time.perf_counter()

import numpy as np  # noqa: E402
from onnxruntime.quantization import (  # noqa: E402
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)

Feed = dict[str, np.ndarray]


class Feeds(CalibrationDataReader):
    """The .npz files of a folder, one feed each."""

    def __init__(self, folder: Path) -> None:
        self.feeds: Iterator[Feed] = (dict(np.load(file)) for file in sorted(folder.glob("*.npz")))

    def get_next(self) -> Feed | None:
        return next(self.feeds, None)


def main(model: str, feeds: str, out: str) -> None:
    imported = time.perf_counter()
    quantize_static(
        model,
        Path(out) / "onnxruntime.onnx",
        Feeds(Path(feeds)),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QInt4,
        weight_type=QuantType.QInt4,
        op_types_to_quantize=["LSTM", "MatMul", "Gemm"],
    )
    done = time.perf_counter()
    print(json.dumps({"import_seconds": imported - STARTED, "work_seconds": done - imported}))


if __name__ == "__main__":
    main(*sys.argv[1:])
