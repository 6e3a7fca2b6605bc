"""Language models as the search sees them, whatever runs them."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from q4compile.errors import DataError, Finding, ModelError
from q4compile.runtime.executor import Array, Executor
from q4compile.speech.greedy import Floats, State, Tokens
from q4compile.speech.search.fusion import FusionWeights
from q4compile.speech.vocabulary import Vocabulary


class LanguageModel(Protocol):
    """Scores the next symbol; B may differ from call to call."""

    def start(self, batch: int) -> State:
        """Return the state before the start symbol, which is 0."""
        ...

    def score(self, tokens: Tokens, state: State) -> tuple[Floats, State]:
        """Return logits float32[B, V] and the state after `tokens`, of int64[B] and the state."""
        ...


@dataclass(frozen=True)
class LanguageModels:
    """The models that take part, and by how much; one whose weight is 0 is never run.

    Raises:
        DataError: Q584 for a weight without its model.
    """

    external: LanguageModel | None = None
    source: LanguageModel | None = None
    weights: FusionWeights = field(default_factory=FusionWeights)

    def __post_init__(self) -> None:
        for name in ("external", "source"):
            weight = getattr(self.weights, name)
            if weight and getattr(self, name) is None:
                need = f"the {name} language model, which has a weight"
                raise DataError(
                    Finding(
                        "Q584",
                        "a weight without its language model",
                        f"fusion weight {name} {weight:g}",
                        need,
                        "no such model",
                        f"name it with {FLAGS[name]}, or set the weight to 0",
                    )
                )


FLAGS = {"external": "--lm", "source": "--source-lm"}
NO_MODELS = LanguageModels()


class ExecutorLm:
    """A `LanguageModel` over an `Executor` of one component: integer tokens in, logits out.

    Raises:
        ModelError: Q145 when the ports are others, or the component keeps no state.
    """

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        if len(executor.components) != 1:
            raise ModelError(_not_an_lm(", ".join(executor.components), "several components"))
        ((self.name, ports),) = executor.components.items()
        tokens = [port for port in ports.inputs if port.is_integer]
        if len(ports.inputs) != 1 or len(tokens) != 1 or len(ports.outputs) != 1:
            raise ModelError(_not_an_lm(self.name, "other inputs or outputs"))
        if not ports.states:
            raise ModelError(_not_an_lm(self.name, "no recurrent state"))
        self._tokens, self._logits = tokens[0].name, ports.outputs[0].name
        self._states = ports.states

    def start(self, batch: int) -> State:
        """Return zeros."""
        return tuple(np.zeros((s.directions, batch, s.units), np.float32) for s in self._states)

    def score(self, tokens: Tokens, state: State) -> tuple[Floats, State]:
        """Return logits float32[B, V] and the state after `tokens`."""
        feeds: dict[str, Array] = {self._tokens: tokens[:, None]}
        feeds |= {s.input_name: part for s, part in zip(self._states, state, strict=True)}
        results = self.executor.run(self.name, feeds)
        after = tuple(results[s.output_name].astype(np.float32, copy=False) for s in self._states)
        logits = results[self._logits].astype(np.float32, copy=False)
        return logits.reshape(len(tokens), -1), after


def require_vocabulary(name: str, lm: Vocabulary, transducer: Vocabulary) -> None:
    """Refuse a language model whose symbols are others than the transducer's.

    Raises:
        DataError: Q580 naming the first symbol that differs.
    """
    if lm == transducer:
        return
    pairs = zip(lm.symbols, transducer.symbols, strict=False)
    at = next((i for i, (ours, theirs) in enumerate(pairs) if ours != theirs), None)
    at = min(len(lm), len(transducer)) if at is None else at
    need = f"the transducer's {len(transducer)} symbols; symbol {at} is {_symbol(transducer, at)}"
    raise DataError(
        Finding(
            "Q580",
            "a language model with another vocabulary",
            name,
            need,
            f"{len(lm)} symbols; symbol {at} is {_symbol(lm, at)}",
            "train the language model on the vocabulary of the transducer",
        )
    )


def _symbol(vocabulary: Vocabulary, index: int) -> str:
    return repr(vocabulary.symbols[index]) if index < len(vocabulary) else "not there"


def _not_an_lm(at: str, got: str) -> Finding:
    need = "one component with integer tokens in, logits out and a recurrent state"
    return Finding("Q145", "the model is not a language model", at, need, got)
