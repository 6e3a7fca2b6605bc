"""A model that can hear: networks on a backend, and the features and symbols they are made for."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from q4compile.errors import Finding, ModelError
from q4compile.runtime.counting import CountingExecutor
from q4compile.runtime.executor import ONNX, SIM, TORCH
from q4compile.runtime.onnxruntime_executor import OnnxRuntimeExecutor
from q4compile.runtime.splitting import SplittingExecutor
from q4compile.speech.checkpoint import load_rnnt, shipped
from q4compile.speech.features import FeatureConfig
from q4compile.speech.metadata import RNNT, read_metadata
from q4compile.speech.torch_networks import torch_executor
from q4compile.speech.transducer import ExecutorTransducer
from q4compile.speech.vocabulary import Vocabulary

if TYPE_CHECKING:
    from q4compile.runtime.sim_executor import SimExecutor

CHECKPOINT_SUFFIX = ".safetensors"
USUAL_TARGET = "rapid1"
USUAL_CELL_BITS = 16


@dataclass(frozen=True)
class Recognizer:
    """What decoding needs of a model."""

    transducer: ExecutorTransducer
    features: FeatureConfig
    vocabulary: Vocabulary
    backend: str
    executor: CountingExecutor
    """Of `transducer`."""
    machine: "SimExecutor | None" = None
    """The simulator, where that is the backend."""

    def counts(self) -> dict[str, float]:
        """Calls and rows by component, and on the simulator what it has done for them."""
        machine = {} if self.machine is None else self.machine.figures()
        return self.executor.figures() | machine


def recognizer(
    model: str | Path,
    backend: str | None = None,
    target: str | Path = USUAL_TARGET,
    precision: str | None = None,
    cell_bits: int = USUAL_CELL_BITS,
) -> Recognizer:
    """A checkpoint on torch, ONNX files on onnxruntime or on the simulator.

    A bundled name is a checkpoint. `target` is the machine that is simulated, `precision` the one
    at which it runs a float model, `cell_bits` those of the LSTMs of a quantized one.

    Raises:
        ModelError: Q140 for a backend that does not run this kind of file, Q116 for a language
            model, Q118 for an ONNX model that does not say which features and symbols it was made
            for, and what reading raises.
        TargetError: what `target` cannot run, on the simulator.
    """
    path = Path(model)
    simulated = {
        f"precision {precision}": precision is not None,
        f"cells of {cell_bits} bits": cell_bits != USUAL_CELL_BITS,
    }
    asked = [what for what, is_asked in simulated.items() if is_asked]
    if asked and backend != SIM:
        raise ModelError(*(_not_simulated(path, what, backend) for what in asked))
    if path.is_dir() or path.suffix == ".onnx":
        require_backend(path, backend, (ONNX, SIM), "ONNX files")
        return _onnx(path, backend or ONNX, target, precision, cell_bits)
    path = shipped(model)
    require_backend(path, backend, (TORCH,), "checkpoints")
    network = load_rnnt(path)
    config = network.config
    executor = CountingExecutor(torch_executor(network))
    networks = ExecutorTransducer(executor)
    return Recognizer(networks, config.features, config.vocabulary, TORCH, executor)


def _onnx(
    path: Path, backend: str, target: str | Path, precision: str | None, cell_bits: int
) -> Recognizer:
    machine = on_simulator(path, target, precision, cell_bits) if backend == SIM else None
    executor = machine or OnnxRuntimeExecutor(path)
    metadata = read_metadata(executor.metadata, str(path))
    if metadata is None:
        raise ModelError(_unknown_features(path))
    if metadata.features is None:
        raise ModelError(_not_hearing(path, metadata.kind))
    counting = CountingExecutor(within_batch(machine) if machine else executor)
    networks = ExecutorTransducer(counting)
    hears, writes = metadata.features, metadata.vocabulary
    return Recognizer(networks, hears, writes, backend, counting, machine)


def on_simulator(
    path: Path,
    target: str | Path,
    precision: str | None = None,
    cell_bits: int = USUAL_CELL_BITS,
) -> "SimExecutor":
    """The executor of a file on the machine `target`; of a float file, at `precision`."""
    from q4compile.runtime.sim_executor import simulated  # numba: only who simulates waits for it

    return simulated(path, target, precision, cell_bits)


def within_batch(machine: "SimExecutor") -> SplittingExecutor:
    """`machine`, which takes any number of rows, if need be in several calls."""
    return SplittingExecutor(machine, machine.most_rows)


def require_backend(path: Path, asked: str | None, runs: tuple[str, ...], kind: str) -> None:
    """Raise ModelError Q140 unless the backend `asked` for is among those that run `path`."""
    if asked is None or asked in runs:
        return
    checkpoint = TORCH in runs
    fix = f"q4compile export {path} -o model.onnx" if checkpoint else "give the model's checkpoint"
    raise ModelError(
        Finding(
            "Q140",
            "the backend does not run this file",
            f"{path}",
            f"backend {' or '.join(runs)} for {kind}",
            f"backend {asked}",
            fix,
        )
    )


def _not_simulated(path: Path, what: str, backend: str | None) -> Finding:
    need = f"backend {SIM} for {what}"
    title, got = "the backend does not run this file", f"backend {backend or 'not named'}"
    return Finding("Q140", title, f"{path}", need, got, f"--backend {SIM}")


def _not_hearing(path: Path, kind: str) -> Finding:
    need = f"a model of kind {RNNT}"
    return Finding("Q116", "the model is not an RNN-T", f"{path}", need, f"kind {kind}")


def _unknown_features(path: Path) -> Finding:
    return Finding(
        "Q118",
        "the model does not say how to feed it",
        f"{path}",
        "an RNN-T with metadata q4compile.kind, q4compile.features and q4compile.vocabulary",
        "no such metadata",
        "export the checkpoint with q4compile export, or set metadata_props in the ONNX file",
    )
