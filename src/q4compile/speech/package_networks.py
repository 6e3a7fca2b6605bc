"""The components of an emitted package as the search sees them."""

from collections.abc import Sequence

from torch import Tensor, nn

from q4compile.qat import Port as PackagePort
from q4compile.qat import QatModule
from q4compile.runtime.executor import Port, Ports, State
from q4compile.runtime.torch_executor import Network, TorchExecutor
from q4compile.speech.transducer import ExecutorTransducer


def package_transducer(model: QatModule) -> ExecutorTransducer:
    """The package of an RNN-T, in evaluation mode; its weights are read at every run.

    Raises:
        ModelError: Q116 when it is none.
    """
    return ExecutorTransducer(package_executor(model))


def package_executor(model: QatModule) -> TorchExecutor:
    """An executor over the components of `model`."""
    model.eval()
    parts = {name: part for name, part in model.named_children() if hasattr(part, "STATES")}
    return TorchExecutor({name: (_network(part), _ports(part)) for name, part in parts.items()})


def _network(part: nn.Module) -> Network:
    """Inputs, then states in; outputs, then states out."""
    count = len(part.INPUTS)  # type: ignore[arg-type]

    def run(*tensors: Tensor) -> Sequence[Tensor]:
        state = tensors[count:]
        found = part(*tensors[:count], state=state) if state else part(*tensors[:count])
        return found if isinstance(found, tuple) else (found,)

    return run


def _ports(part: nn.Module) -> Ports:
    states = [State(s.input_name, s.output_name, s.directions, s.units) for s in part.STATES]  # type: ignore[union-attr]
    inputs, outputs = ([_port(p) for p in ports] for ports in (part.INPUTS, part.OUTPUTS))  # type: ignore[union-attr]
    return Ports(tuple(inputs), tuple(outputs), tuple(states))


def _port(port: PackagePort) -> Port:
    return Port(port.name, len(port.shape), port.dtype.startswith("int"))
