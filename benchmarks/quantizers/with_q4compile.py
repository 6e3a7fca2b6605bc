"""q4compile's `quantize`: MODEL FEEDS OUT → one line of JSON.

Recipe `rnnt`: W4A4, with h, c and the gates observed at every step inside the recurrence.
"""

import json
import sys
import time
from pathlib import Path

STARTED = time.perf_counter()

from q4compile.graph.read import read_model  # noqa: E402
from q4compile.graph.write import write_model  # noqa: E402
from q4compile.quantize.feeds import read_npz  # noqa: E402
from q4compile.quantize.quantize import quantize  # noqa: E402
from q4compile.recipe.read_recipe import load_recipe  # noqa: E402


def main(model: str, feeds: str, out: str) -> None:
    imported = time.perf_counter()
    done = quantize(read_model(Path(model)), load_recipe("rnnt"), read_npz(Path(feeds)))
    write_model(done.model, Path(out) / "q4compile.onnx")
    finished = time.perf_counter()
    print(json.dumps({"import_seconds": imported - STARTED, "work_seconds": finished - imported}))


if __name__ == "__main__":
    main(*sys.argv[1:])
