"""AIMET-ONNX's post-training quantization: MODEL FEEDS OUT → one line of JSON.

W4A4 simulation: quantizers on the weights and around the LSTM nodes; nothing is observed or
quantized inside the recurrence. Runs in an environment of its own, see benchmarks/quantize.py.
"""

import json
import sys
import time
from pathlib import Path

STARTED = time.perf_counter()

import aimet_onnx  # noqa: E402
import numpy as np  # noqa: E402
import onnx  # noqa: E402
from aimet_onnx import QuantizationSimModel  # noqa: E402


def main(model: str, feeds: str, out: str) -> None:
    imported = time.perf_counter()
    simulation = QuantizationSimModel(
        onnx.load(model),
        param_type=aimet_onnx.int4,
        activation_type=aimet_onnx.int4,
        providers=["CPUExecutionProvider"],
    )
    files = sorted(Path(feeds).glob("*.npz"))
    simulation.compute_encodings([dict(np.load(file)) for file in files])
    simulation.export(out, "aimet")
    done = time.perf_counter()
    print(json.dumps({"import_seconds": imported - STARTED, "work_seconds": done - imported}))


if __name__ == "__main__":
    main(*sys.argv[1:])
