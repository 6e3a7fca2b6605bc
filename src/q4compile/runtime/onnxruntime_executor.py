"""Components under onnxruntime: one session each, cut out of the model by reachability."""

from collections.abc import Mapping
from pathlib import Path

import onnxruntime

from q4compile.errors import Finding, ModelError
from q4compile.graph.parts import parts
from q4compile.graph.read import read_models
from q4compile.graph.state import StatePort
from q4compile.quantize.session import RUNTIME_ERRORS, session
from q4compile.runtime.executor import Array, Port, Ports, State


class OnnxRuntimeExecutor:
    """An `Executor` on the CPU, one thread per session unless told otherwise.

    A file holding a whole RNN-T is cut into encoder, predictor and joint; in a folder each file is
    a component. Recurrent states of components that run step by step become ports.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        self.metadata: dict[str, str] = {}
        self._sessions: dict[str, onnxruntime.InferenceSession] = {}
        self._ports: dict[str, Ports] = {}
        models = read_models(path)
        for model in models.values():
            self.metadata |= model.metadata_props
        for part in parts(models):
            runner = session(part.model, threads)
            self._sessions[part.name] = runner
            self._ports[part.name] = _ports(runner, part.states)

    @property
    def components(self) -> Mapping[str, Ports]:
        """Component name → its ports, in the model's order."""
        return self._ports

    def run(self, component: str, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Output name → array.

        Raises:
            ModelError: Q119 when onnxruntime cannot run the component on these arrays.
        """
        return run_session(self._sessions[component], component, feeds)


def run_session(
    runner: onnxruntime.InferenceSession, component: str, feeds: Mapping[str, Array]
) -> dict[str, Array]:
    """Output name → array.

    Raises:
        ModelError: Q119 when onnxruntime cannot run the component on these arrays.
    """
    names = [output.name for output in runner.get_outputs()]
    try:
        return dict(zip(names, runner.run(names, dict(feeds)), strict=True))
    except (*RUNTIME_ERRORS, ValueError) as error:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in feeds.items())
        need = "arrays that every node of the component accepts"
        raise ModelError(
            Finding("Q119", "the model does not run", component, need, f"{shapes}\n{error}")
        ) from error


def _ports(runner: onnxruntime.InferenceSession, states: tuple[StatePort, ...]) -> Ports:
    entering = {state.input_name for state in states}
    leaving = {state.output_name for state in states}
    return Ports(
        tuple(_port(each) for each in runner.get_inputs() if each.name not in entering),
        tuple(_port(each) for each in runner.get_outputs() if each.name not in leaving),
        tuple(_state(state) for state in states),
    )


def _port(port: onnxruntime.NodeArg) -> Port:
    return Port(port.name, len(port.shape or ()), "int" in port.type)


def _state(state: StatePort) -> State:
    directions, _, units = state.shape
    return State(state.input_name, state.output_name, int(directions), int(units))
