"""The shipped transducer, quantized: package and file give the same codes on recorded speech."""

import numpy as np
import pytest
import torch
from test_agreement import File, codes_of_package, differing

from q4compile.graph.read import read_model
from q4compile.quantize.quantize import quantize
from q4compile.recipe.read_recipe import load_recipe
from q4compile.speech.checkpoint import load_checkpoint, shipped
from q4compile.speech.corpus import read_corpus
from q4compile.speech.export import export
from q4compile.speech.feeds import SpeechFeeds
from q4compile.speech.metadata import read_metadata

MOST = 6e-4
"""Share of codes that may differ: three times that of AN4's whole test split (6096 of 31.1 million;
of h 373 of 8.0 million). Most utterances differ in none; where a sum of floats falls on the other
side of a tie in one layer, a few codes of the layers above follow."""


@pytest.fixture(scope="module")
def model(tmp_path_factory, an4):
    """The shipped network under the recipe rnnt, calibrated on a few utterances."""
    path = tmp_path_factory.mktemp("speech") / "model.onnx"
    export(load_checkpoint(shipped("small")), path)
    return read_model(path)


def feeds_of(model, an4, split, count):
    metadata = read_metadata(model.metadata_props, "model.onnx")
    return list(SpeechFeeds(metadata, read_corpus(an4, split)[:count]))


@pytest.fixture(scope="module")
def quantized(model, an4):
    return quantize(model, load_recipe("rnnt"), feeds_of(model, an4, "train", 2)).model


def test_codes_on_speech(quantized, an4, packaged):
    module, file = packaged(quantized), File(quantized)
    different = total = 0
    for feeds in feeds_of(quantized, an4, "test", 3):
        theirs, (expected,) = file.run(feeds)
        ours, (logits,) = codes_of_package(module, list(feeds.values()))
        assert len(ours) == len(theirs) == 6  # features, h of four layers, the joint's tanh
        wrong, count = differing(ours, theirs)
        different, total = different + wrong, total + count
        assert np.array_equal(logits.argmax(-1), expected.argmax(-1))
    assert total > 300_000
    assert different / total <= MOST


def test_the_predictor_steps(quantized, an4, packaged):
    """Token by token with the state of the step before, as the search calls it: the same codes."""
    predictor = packaged(quantized).predictor
    tokens = torch.from_numpy(feeds_of(quantized, an4, "test", 1)[0]["tokens"])
    with torch.no_grad():
        whole, h, c = predictor(tokens, state=(None, None))
        state, steps = (None, None), []
        for k in range(tokens.shape[1]):
            step, *state = predictor(tokens[:, k : k + 1], state=tuple(state))
            steps.append(step)
    assert torch.equal(state[0], h)  # on the grid of h
    torch.testing.assert_close(state[1], c, rtol=0, atol=1e-5)
    torch.testing.assert_close(torch.cat(steps, dim=2), whole, rtol=0, atol=1e-5)
