"""The three networks of an RNN-T as the search sees them, whatever runs them."""

import numpy as np

from q4compile.errors import Finding, ModelError
from q4compile.runtime.executor import Array, Executor, Port, Ports
from q4compile.runtime.executor import State as RecurrentState
from q4compile.speech.greedy import Floats, State, Tokens

NETWORKS = ("encoder", "predictor", "joint")


class ExecutorTransducer:
    """A `Transducer` (see greedy.py) over an `Executor` with an encoder, a predictor and a joint.

    Ports are told apart by what they are: features float of rank 3, lengths integer of rank 1,
    tokens integer of rank 2; the joint reads the encoder's output first unless names say otherwise.

    Raises:
        ModelError: Q116 when a network or a port is missing or there is one too many.
    """

    def __init__(self, executor: Executor) -> None:
        missing = [name for name in NETWORKS if name not in executor.components]
        if missing:
            raise ModelError(_not_an_rnnt(executor, missing))
        self.executor = executor
        encoder, predictor, joint = (executor.components[name] for name in NETWORKS)
        self._features = _only("encoder", [p for p in encoder.inputs if not p.is_integer])
        self._lengths = [p.name for p in encoder.inputs if p.is_integer]
        self._frames = encoder.outputs[0].name
        self._tokens = _only("predictor", [p for p in predictor.inputs if p.is_integer])
        self._vectors = _only("predictor", predictor.outputs)
        self._states = predictor.states
        self._encoder_states = encoder.states
        self._joint = _joint_inputs(encoder, joint)
        self._logits = _only("joint", joint.outputs)

    def encode(self, features: Floats, lengths: Tokens) -> tuple[Floats, Tokens]:
        """Return float32[B, T', J] and int64[B] frames that count."""
        frames, _ = self.encode_chunk(features, lengths, self.encoder_start(len(features)))
        # T' = ceil(T / f): the longest utterance fills the batch, so f is T / T' to the nearest.
        factor = max(1, round(features.shape[1] / frames.shape[1]))
        return frames, np.minimum(-(-lengths // factor), frames.shape[1])

    @property
    def streams(self) -> bool:
        """Whether the encoder can go on from a state: all its layers run forward in time."""
        return bool(self._encoder_states)

    def encoder_start(self, batch: int) -> State:
        """Return the encoder's state before the first frame; of one that `streams`, else none."""
        return _zeros(self._encoder_states, batch)

    def encode_chunk(self, features: Floats, lengths: Tokens, state: State) -> tuple[Floats, State]:
        """Return float32[B, T', J] and the state behind them."""
        feeds: dict[str, Array] = {self._features.name: features}
        feeds |= {name: lengths for name in self._lengths}
        feeds |= {s.input_name: part for s, part in zip(self._encoder_states, state, strict=True)}
        results = self.executor.run("encoder", feeds)
        frames = _floats(results[self._frames])
        after = tuple(_floats(results[s.output_name]) for s in self._encoder_states)
        return frames.reshape(frames.shape[0], frames.shape[1], -1), after

    def start(self, batch: int) -> State:
        """Return zeros."""
        return _zeros(self._states, batch)

    def predict(self, tokens: Tokens, state: State) -> tuple[Floats, State]:
        """Return float32[B, J] and the state after `tokens`."""
        feeds: dict[str, Array] = {self._tokens.name: tokens[:, None]}
        feeds |= {s.input_name: part for s, part in zip(self._states, state, strict=True)}
        results = self.executor.run("predictor", feeds)
        after = tuple(_floats(results[s.output_name]) for s in self._states)
        return _rows(results[self._vectors.name]), after

    def joint(self, frames: Floats, vectors: Floats) -> Floats:
        """Return logits float32[B, V]."""
        feeds = {
            port.name: _shaped(array, port.rank)
            for port, array in zip(self._joint, (frames, vectors), strict=True)
        }
        return _rows(self.executor.run("joint", feeds)[self._logits.name])


def _zeros(states: tuple[RecurrentState, ...], batch: int) -> State:
    return tuple(np.zeros((s.directions, batch, s.units), np.float32) for s in states)


def _only(component: str, ports: list[Port] | tuple[Port, ...]) -> Port:
    if len(ports) == 1:
        return ports[0]
    need = f"one data port of the {component}"
    got = ", ".join(port.name for port in ports) or "none"
    raise ModelError(Finding("Q116", "the model is not an RNN-T", component, need, got))


def _joint_inputs(encoder: Ports, joint: Ports) -> tuple[Port, Port]:
    if len(joint.inputs) != 2:
        need = "two inputs: the encoder's frames and the predictor's vectors"
        got = ", ".join(port.name for port in joint.inputs) or "none"
        raise ModelError(Finding("Q116", "the model is not an RNN-T", "joint", need, got))
    names = {port.name for port in encoder.outputs}
    first, second = joint.inputs
    return (second, first) if second.name in names else (first, second)


def _not_an_rnnt(executor: Executor, missing: list[str]) -> Finding:
    got = ", ".join(executor.components)
    need = f"components {', '.join(NETWORKS)}"
    fix = "give the file of a whole RNN-T, or a folder with one file per network"
    return Finding("Q116", "the model is not an RNN-T", ", ".join(missing), need, got, fix)


def _floats(array: Array) -> Floats:
    return array.astype(np.float32, copy=False)


def _rows(array: Array) -> Floats:
    """``[B, 1, …, 1, N]`` as ``[B, N]``."""
    return _floats(array).reshape(array.shape[0], -1)


def _shaped(rows: Floats, rank: int) -> Floats:
    """``[B, J]`` as ``[B, 1, …, 1, J]``; a rank of 0 is an unknown one."""
    return rows.reshape(rows.shape[0], *(1,) * (max(rank, 2) - 2), rows.shape[1])
