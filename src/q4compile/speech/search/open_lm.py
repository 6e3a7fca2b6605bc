"""Language models from files, on the backend that runs them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from q4compile.errors import Finding, ModelError
from q4compile.runtime.counting import CountingExecutor
from q4compile.runtime.executor import ONNX, SIM, TORCH
from q4compile.runtime.onnxruntime_executor import OnnxRuntimeExecutor
from q4compile.speech.checkpoint import load_lm, shipped
from q4compile.speech.metadata import read_metadata
from q4compile.speech.recognizer import (
    USUAL_CELL_BITS,
    USUAL_TARGET,
    on_simulator,
    require_backend,
    within_batch,
)
from q4compile.speech.search.language_model import ExecutorLm, require_vocabulary
from q4compile.speech.torch_networks import torch_lm
from q4compile.speech.vocabulary import Vocabulary

if TYPE_CHECKING:
    from q4compile.runtime.sim_executor import SimExecutor


@dataclass(frozen=True)
class OpenLm:
    """A language model that runs, and what has run."""

    model: ExecutorLm
    executor: CountingExecutor
    backend: str
    machine: "SimExecutor | None" = None
    """The simulator, where that is the backend."""

    def figures(self, name: str) -> dict[str, float]:
        """What `Recognizer.counts` says of a component, which is called `name` here."""
        found = self.executor.figures()
        if self.machine is not None:
            found |= self.machine.figures()
        own = self.model.name
        return {name + key.removeprefix(own): value for key, value in found.items()}


def open_lm(
    path: str | Path,
    transducer: Vocabulary,
    backend: str | None = None,
    target: str | Path = USUAL_TARGET,
    precision: str | None = None,
    cell_bits: int = USUAL_CELL_BITS,
) -> OpenLm:
    """A checkpoint on torch, an ONNX file on onnxruntime or on the simulator; ``lm`` is bundled.

    Raises:
        ModelError: Q140 for a backend that does not run this kind of file, Q118 for an ONNX model
            that does not name its symbols, Q145 for one that is no language model, and what reading
            raises.
        DataError: Q580 for symbols other than the transducer's.
    """
    file = Path(path)
    if file.is_dir() or file.suffix == ".onnx":
        require_backend(file, backend, (ONNX, SIM), "ONNX files")
        runs = target, precision, cell_bits
        machine = on_simulator(file, *runs) if backend == SIM else None
        return _onnx(file, transducer, backend or ONNX, machine)
    file = shipped(path)
    require_backend(file, backend, (TORCH,), "checkpoints")
    network = load_lm(file)
    require_vocabulary(f"{path}", network.config.vocabulary, transducer)
    executor = CountingExecutor(torch_lm(network))
    return OpenLm(ExecutorLm(executor), executor, TORCH)


def _onnx(
    file: Path, transducer: Vocabulary, backend: str, machine: "SimExecutor | None"
) -> OpenLm:
    executor = machine or OnnxRuntimeExecutor(file)
    metadata = read_metadata(executor.metadata, f"{file}")
    if metadata is None:
        raise ModelError(_unknown_symbols(file))
    counting = CountingExecutor(within_batch(machine) if machine else executor)
    model = ExecutorLm(counting)
    require_vocabulary(f"{file}", metadata.vocabulary, transducer)
    return OpenLm(model, counting, backend, machine)


def _unknown_symbols(path: Path) -> Finding:
    return Finding(
        "Q118",
        "the model does not say how to feed it",
        f"{path}",
        "a language model with metadata q4compile.kind and q4compile.vocabulary",
        "no such metadata",
        "export the checkpoint with q4compile export, or set metadata_props in the ONNX file",
    )
