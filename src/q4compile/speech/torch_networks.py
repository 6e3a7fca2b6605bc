"""The three networks of a torch RNN-T: the reference that other backends are compared with."""

from collections.abc import Sequence

from torch import Tensor

from q4compile.runtime.executor import Port, Ports, State
from q4compile.runtime.torch_executor import TorchExecutor
from q4compile.speech.lm import CharLm
from q4compile.speech.model import Rnnt
from q4compile.speech.transducer import ExecutorTransducer

FRAMES, VECTORS = Port("frames", 3), Port("vectors", 2)


def torch_transducer(model: Rnnt) -> ExecutorTransducer:
    """`model` as the search sees it."""
    return ExecutorTransducer(torch_executor(model))


def torch_executor(model: Rnnt) -> TorchExecutor:
    """`model` in evaluation mode, component by component; its weights are read at every run."""
    model.eval()

    def encoder(features: Tensor, lengths: Tensor) -> Sequence[Tensor]:
        return (model.encoder(features, lengths)[0],)

    def predictor(tokens: Tensor, h: Tensor, c: Tensor) -> Sequence[Tensor]:
        vectors, (h, c) = model.predictor(tokens, (h, c))
        return vectors[:, 0], h, c

    def joint(frames: Tensor, vectors: Tensor) -> Sequence[Tensor]:
        return (model.joint(frames[:, 0], vectors),)

    lstm = model.predictor.lstm
    states = tuple(State(f"{s}_in", f"{s}_out", lstm.num_layers, lstm.hidden_size) for s in "hc")
    tokens = Port("tokens", 2, is_integer=True)
    inputs = (Port("features", 3), Port("feature_lengths", 1, is_integer=True))
    return TorchExecutor(
        {
            "encoder": (encoder, Ports(inputs, (FRAMES,))),
            "predictor": (predictor, Ports((tokens,), (VECTORS,), states)),
            "joint": (joint, Ports((FRAMES, VECTORS), (Port("logits", 2),))),
        }
    )


def torch_lm(model: CharLm) -> TorchExecutor:
    """`model` in evaluation mode as the component ``lm``."""
    model.eval()

    def lm(tokens: Tensor, h: Tensor, c: Tensor) -> Sequence[Tensor]:
        logits, (h, c) = model(tokens, (h, c))
        return logits, h, c

    sizes = model.config.layers, model.config.hidden
    states = tuple(State(f"{s}_in", f"{s}_out", *sizes) for s in "hc")
    tokens = Port("tokens", 2, is_integer=True)
    return TorchExecutor({"lm": (lm, Ports((tokens,), (Port("logits", 3),), states))})
