"""Weights of a fusion as a file, and language models that are refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from q4compile.errors import DataError, ModelError
from q4compile.runtime.executor import Port, Ports, State
from q4compile.runtime.torch_executor import TorchExecutor
from q4compile.speech.checkpoint import save_checkpoint
from q4compile.speech.config import LmConfig
from q4compile.speech.lm import CharLm
from q4compile.speech.search.fusion import FusionWeights, read_fusion, write_fusion
from q4compile.speech.search.language_model import ExecutorLm, LanguageModels, require_vocabulary
from q4compile.speech.search.open_lm import open_lm
from q4compile.speech.vocabulary import AN4, Vocabulary

numbers = st.floats(allow_nan=False, allow_infinity=False)
weights = st.builds(
    FusionWeights, numbers, numbers, numbers, numbers, st.sampled_from(["zero", "mean"])
)


@given(weights)
def test_weights_survive_their_file(tmp_path_factory, weights):
    path = tmp_path_factory.getbasetemp() / "model.fusion.yaml"
    write_fusion(weights, path)
    assert read_fusion(path) == weights


def test_absent_weights_are_zero(tmp_path):
    (tmp_path / "f.yaml").write_text("external: 1\n")
    assert read_fusion(tmp_path / "f.yaml") == FusionWeights(external=1.0)


def test_a_file_with_mistakes(tmp_path, golden):
    path = tmp_path / "f.yaml"
    path.write_text("external: high\nlenght: 0.2\nsource: .nan\ninternal_frame: first\n")
    with pytest.raises(DataError) as caught:
        read_fusion(path)
    golden("errors/Q583-fusion-file.txt", str(caught.value), folder=tmp_path)


@pytest.mark.parametrize("text", ["", "- 1\n", "a: [\n", "external: true\n"])
def test_files_that_hold_no_weights(tmp_path, text):
    (tmp_path / "f.yaml").write_text(text)
    with pytest.raises(DataError, match="Q583"):
        read_fusion(tmp_path / "f.yaml")
    with pytest.raises(DataError, match="Q583"):
        read_fusion(tmp_path / "none.yaml")


def test_a_weight_that_is_no_number():
    with pytest.raises(DataError, match="Q583"):
        FusionWeights(length=float("nan"))


def test_a_weight_without_its_model(golden):
    with pytest.raises(DataError) as caught:
        LanguageModels(weights=FusionWeights(source=0.2))
    golden("errors/Q584-weight-without-model.txt", str(caught.value))


def test_another_vocabulary(tmp_path, golden):
    lower = Vocabulary(("<blank>", " ", *"abc"))
    path = tmp_path / "lm.safetensors"
    save_checkpoint(path, CharLm(LmConfig(2, 1, 3, lower)))
    with pytest.raises(DataError) as caught:
        open_lm(path, AN4)
    golden("errors/Q580-other-vocabulary.txt", str(caught.value), folder=tmp_path)


def test_a_vocabulary_that_is_the_start_of_the_other():
    with pytest.raises(DataError, match="symbol 28 is not there"):
        require_vocabulary("lm", Vocabulary(AN4.symbols[:-1]), AN4)
    require_vocabulary("lm", Vocabulary(AN4.symbols), AN4)


def executor(inputs, states, names=("lm",)):
    ports = Ports(inputs, (Port("logits", 3),), states)
    return TorchExecutor({name: (lambda *_: (), ports) for name in names})


STATES = (State("h_in", "h_out", 1, 2),)
TOKENS = Port("tokens", 2, is_integer=True)


@pytest.mark.parametrize(
    "network",
    [
        executor((Port("features", 3),), STATES),
        executor((TOKENS, TOKENS), STATES),
        executor((TOKENS,), ()),
        executor((TOKENS,), STATES, ("a", "b")),
    ],
)
def test_components_that_are_no_language_model(network):
    with pytest.raises(ModelError, match="Q145"):
        ExecutorLm(network)


def test_the_bundled_model_continues_a_word():
    opened = open_lm("lm", AN4)
    state = opened.model.start(1)
    for symbol in (0, *AN4.encode("SEVE")):
        logits, state = opened.model.score(np.array([symbol]), state)
    assert AN4.symbols[logits[0].argmax()] == "N"
    assert opened.figures("lm") == {"lm_calls": 5, "lm_rows": 5}
