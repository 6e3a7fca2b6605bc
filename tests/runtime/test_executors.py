"""The executors agree with each other, on arrays and on transcripts of speech."""

import numpy as np
import pytest

from q4compile.errors import ModelError
from q4compile.graph.read import read_model
from q4compile.graph.write import write_model
from q4compile.quantize.quantize import quantize
from q4compile.recipe.read_recipe import load_recipe
from q4compile.runtime.onnxruntime_executor import OnnxRuntimeExecutor
from q4compile.speech.corpus import DEMO, read_corpus
from q4compile.speech.evaluate import evaluate, evenly, hear
from q4compile.speech.feeds import speech_feeds
from q4compile.speech.metadata import read_metadata
from q4compile.speech.torch_networks import torch_executor, torch_transducer
from q4compile.speech.transducer import ExecutorTransducer

LOGIT_TOLERANCE = 1e-4  # float32 sums in another order, over three layers


@pytest.fixture(scope="module")
def heard(network):
    return hear(evenly(read_corpus(DEMO), 12), network.config.features)


def hypotheses(transducer, heard, network):
    return evaluate(transducer, heard, network.config.vocabulary).hypotheses


def test_components_and_states(whole, network):
    found = OnnxRuntimeExecutor(whole).components
    reference = torch_executor(network).components
    assert set(found) == set(reference) == {"encoder", "predictor", "joint"}
    assert [state.units for state in found["predictor"].states] == [160, 160]
    assert not found["encoder"].states, "a bidirectional encoder has no steps"


def test_arrays_agree_with_torch(whole, network):
    rng = np.random.default_rng(0)
    width = network.config.input_dim
    sides = [ExecutorTransducer(OnnxRuntimeExecutor(whole)), torch_transducer(network)]
    features = rng.normal(size=(3, 21, width)).astype(np.float32)
    lengths = np.array([21, 7, 16])
    (frames, counts), (wanted, wanted_counts) = (side.encode(features, lengths) for side in sides)
    assert counts.tolist() == wanted_counts.tolist() == [11, 4, 8]
    for row, expected, count in zip(frames, wanted, counts, strict=True):
        np.testing.assert_allclose(row[:count], expected[:count], rtol=0, atol=LOGIT_TOLERANCE)
    logits = []
    for side in sides:
        vectors, state = side.predict(np.array([0, 3, 7]), side.start(3))
        vectors, state = side.predict(np.array([5, 1, 2]), state)
        logits.append(side.joint(wanted[:, 2], vectors))
    np.testing.assert_allclose(*logits, rtol=0, atol=LOGIT_TOLERANCE)
    assert np.abs(logits[0]).max() > 1, "logits that are all small would prove nothing"


def test_transcripts_agree(whole, parts, network, heard):
    reference = hypotheses(torch_transducer(network), heard, network)
    assert len(set(reference)) > 6
    for path in (whole, parts):
        transducer = ExecutorTransducer(OnnxRuntimeExecutor(path))
        assert hypotheses(transducer, heard, network) == reference


def test_both_forms_give_the_same_transcripts(whole, network, heard, tmp_path):
    model = read_model(whole)
    metadata = read_metadata(model.metadata_props, "model")
    found = []
    for form in ("qdq", "exact"):
        done = quantize(model, load_recipe("rnnt"), speech_feeds(metadata, limit=16), form=form)
        path = tmp_path / f"{form}.onnx"
        write_model(done.model, path)
        transducer = ExecutorTransducer(OnnxRuntimeExecutor(path))
        found.append(hypotheses(transducer, heard, network))
    same = sum(a == b for a, b in zip(*found, strict=True))
    assert same >= 10, "a float sum in another order may flip a code, and seldom a symbol"


def test_arrays_that_do_not_fit(whole, golden):
    executor = OnnxRuntimeExecutor(whole)
    feeds = {"features": np.zeros((1, 4, 7), np.float32), "feature_lengths": np.array([4])}
    with pytest.raises(ModelError) as caught:
        executor.run("encoder", feeds)
    finding = caught.value.findings[0]
    assert finding.code == "Q119"
    assert "features (1, 4, 7)" in finding.got
