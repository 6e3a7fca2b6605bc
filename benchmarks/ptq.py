"""Word error rate and compression of every recipe on AN4: python benchmarks/ptq.py --data AN4

Each recipe quantizes the shipped model without training, calibrated on 64 training utterances, and
decodes the test set and the development speakers under onnxruntime. Differences to FP32 carry a
paired-bootstrap 95 % interval. Compression is measured on the files written, for the shipped model
and for one of the paper's size with random weights.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from rich.console import Console
from rich.table import Table

from q4compile.cli.bars import progress_for
from q4compile.graph.inspect import inspect
from q4compile.graph.read import read_model
from q4compile.graph.write import write_model
from q4compile.quantize.quantize import quantize
from q4compile.quantize.summary import compression
from q4compile.recipe.read_recipe import load_recipe
from q4compile.report.record import benchmark_record, new_record, write_record
from q4compile.runtime.onnxruntime_executor import OnnxRuntimeExecutor
from q4compile.speech.checkpoint import load_rnnt, shipped
from q4compile.speech.corpus import read_corpus
from q4compile.speech.evaluate import Evaluation, Heard, compare, evaluate, hear, pooled
from q4compile.speech.export import export_rnnt
from q4compile.speech.feeds import speech_feeds
from q4compile.speech.transducer import ExecutorTransducer

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "ptq.json"
RECIPES = ("w8a8", "w4a8", "rnnt", "w4a4-naive", "w3a3", "w3a3-naive", "w2a4")
FIGURE_NAMES = {
    "fp32": "fp32",
    "rnnt": "w4a4",
    "w4a4-naive": "w4a4_naive",
    "w3a3-naive": "w3a3_naive",
}


def main() -> int:
    arguments = options()
    if not (arguments.data / "etc" / "an4_test.fileids").is_file():
        print(f"no AN4 corpus in {arguments.data}: clone cmusphinx/an4 and name it with --data")
        return 2
    progress = progress_for(not arguments.json)
    model = load_rnnt(arguments.checkpoint)
    sets = {
        split: hear(read_corpus(arguments.data, split), model.config.features, progress)
        for split in arguments.splits
    }
    rows: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "model.onnx"
        export_rnnt(model, path)
        runs = {"fp32": decode(path, sets, model)}
        for recipe in arguments.recipes:
            written, ratio = quantized(path, recipe, arguments, progress)
            runs[recipe] = decode(written, sets, model)
            rows[recipe] = {"compression_ratio": ratio}
            show(recipe, runs)
    figures = {f"wer_{FIGURE_NAMES.get(k, k)}_{part}_percent": run[part].wer.percent
               for k, run in runs.items() for part in run}
    return finish(arguments, runs, rows, figures)


if __name__ == "__main__":
    sys.exit(main())
