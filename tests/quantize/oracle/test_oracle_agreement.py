"""The oracle on the bundled model and recorded speech, beside onnxruntime on the same QDQ file.

A recurrence of few bits is sensitive: one h that falls on the other side of a threshold changes
those behind it, in every arithmetic that is not the same to the last bit. What must agree is a step
from the same state; of whole utterances, what is made of them (docs/integer-semantics.md).
"""

import time

import numpy as np
import pytest

from q4compile.graph.parts import parts as cut
from q4compile.graph.read import read_model
from q4compile.quantize.network_read import read_network
from q4compile.quantize.oracle.interpret import interpret
from q4compile.quantize.oracle.representations import decide, decide_all
from q4compile.quantize.oracle.tensor import Fixed, encoded, grid_of
from q4compile.quantize.oracle.thresholds import compare_thresholds
from q4compile.quantize.quantize import quantize
from q4compile.recipe.read_recipe import load_recipe
from q4compile.speech.checkpoint import load_rnnt, shipped
from q4compile.speech.export import export_rnnt
from q4compile.speech.feeds import speech_feeds
from q4compile.speech.metadata import read_metadata

ONE_STEP_SHARE = 0.01
"""Of h codes that may differ after one step from one state: what 16 bits leave of c and z."""
WHOLE_SHARE = 0.15
"""Of h codes of whole utterances; they differ by one or two codes, and the logits stay near."""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("small") / "model.onnx"
    export_rnnt(load_rnnt(shipped("small")), path)
    float_model = read_model(path)
    metadata = read_metadata(float_model.metadata_props, "model")
    return quantize(float_model, load_recipe("rnnt"), list(speech_feeds(metadata, limit=6))).model


@pytest.fixture(scope="module")
def network(model):
    return read_network(model)


@pytest.fixture(scope="module")
def decisions(network):
    return decide(network)


@pytest.fixture(scope="module")
def feed(model):
    """Three seconds or so, of an utterance that calibration did not hear."""
    metadata = read_metadata(model.metadata_props, "model")
    feeds = sorted(speech_feeds(metadata), key=lambda each: abs(each["features"].shape[1] - 100))
    return feeds[0]


@pytest.fixture(scope="module")
def parts(model):
    """Component name → its model, with recurrent states as ports where it runs step by step."""
    return {part.name: part.model for part in cut({"model": model})}


@pytest.fixture(scope="module")
def got(network, decisions, feed):
    return interpret(network, feed, decisions)


def observed(model, names):
    """A copy of `model` that has the values called `names` as outputs, too."""
    copy = model.clone()
    values = {value.name: value for node in copy.graph for value in node.outputs}
    copy.graph.outputs.extend(values[name] for name in names)
    return copy


def test_whole_utterances_stay_near(model, network, decisions, feed, got, run):
    states = [node.outputs[0] for node in network.nodes if node.op == "LSTM"]
    expected = run(observed(model, states), feed, "off")
    for name in states:
        theirs = encoded(expected[name], decisions.values[name].representation)
        assert np.mean(got[name].codes != theirs) < WHOLE_SHARE
    logits, near = got["logits"].real, expected["logits"]
    assert np.corrcoef(logits.ravel(), near.ravel())[0, 1] > 0.99
    assert np.mean(logits.argmax(-1) != near.argmax(-1)) < 0.06
    assert np.abs(logits - near).max() > 0  # it is not the same arithmetic


def test_a_step_from_the_same_state_gives_the_same_codes(parts, decisions, feed, run):
    part = parts["predictor"]
    network = read_network(part, "predictor")
    own = decide(network)
    h = c = np.zeros((1, 1, 160), np.float32)
    (h_in, c_in), (h_out, c_out) = (
        [port.name for port in ports if "LSTM" in port.name]
        for ports in (network.inputs, network.outputs)
    )
    differing = []
    for token in feed["tokens"][0]:
        feeds = {"tokens": np.array([[token]]), h_in: h, c_in: c}
        ours, theirs = interpret(network, feeds, own), run(part, feeds, "off")
        h, c = theirs[h_out], theirs[c_out]
        grid = own.values[h_out].representation
        differing.append(ours[h_out].codes != encoded(h, grid))
        assert np.abs(ours[c_out].real - c).max() < 0.02
    assert np.mean(differing) < ONE_STEP_SHARE


def test_the_joint_of_the_same_inputs_gives_the_same_codes(parts, got, network, run):
    names = [port.name for port in read_network(parts["joint"]).inputs]
    feeds = {name: got[name].real.astype(np.float32) for name in names}
    expected = run(observed(parts["joint"], ["/joint/Tanh_output_0"]), feeds, "off")
    grid = grid_of(network.grids["/joint/Tanh_output_0"])
    ours = encoded(got["/joint/Tanh_output_0"].real, grid)
    assert np.mean(ours != encoded(expected["/joint/Tanh_output_0"], grid)) < ONE_STEP_SHARE
    assert np.abs(got["logits"].real - expected["logits"]).max() < 0.5


def test_components_one_after_the_other_are_the_whole(parts, feed, got):
    """Bit for bit; the predictor label by label, its state carried from call to call."""
    networks = {name: read_network(part, name) for name, part in parts.items()}
    decided = dict(zip(networks, decide_all(networks.values()), strict=True))
    encoder = interpret(
        networks["encoder"],
        {n: feed[n] for n in ("features", "feature_lengths")},
        decided["encoder"],
    )
    predicted, states = [], {}
    made = networks["predictor"]
    for token in feed["tokens"][0]:
        feeds = {p.name: states.get(p.name, np.zeros((1, 1, 160))) for p in made.inputs}
        feeds["tokens"] = np.array([[token]])
        step = interpret(made, feeds, decided["predictor"])
        states = {p.name.replace("_out", "_in"): step[p.name].real for p in made.outputs}
        predicted.append(step[made.outputs[0].name])
    frames, labels = (port.name for port in networks["joint"].inputs)
    assert (encoder[frames].codes == got[frames].codes).all()
    every = np.concatenate([each.codes for each in predicted], axis=2)
    assert (every == got[labels].codes).all()
    joint = interpret(
        networks["joint"],
        {frames: encoder[frames].real, labels: got[labels].real},
        decided["joint"],
    )
    assert (joint["logits"].codes == got["logits"].codes).all()
    assert isinstance(joint["logits"].representation, Fixed)


def test_utterances_together_are_what_they_are_alone(network, decisions, feed, got):
    """A shorter one beside a longer one: its lengths are plain integers, (n + 1) / 2 in the end."""
    short = feed["features"].shape[1] // 2
    features = np.repeat(feed["features"], 2, axis=0)
    features[1, short:] = 3
    lengths = np.array([feed["features"].shape[1], short])
    tokens = np.repeat(feed["tokens"], 2, axis=0)
    feeds = {"features": features, "feature_lengths": lengths, "tokens": tokens}
    both = interpret(network, feeds, decisions)
    assert (both["logits"].codes[:1] == got["logits"].codes).all()
    feeds = {"features": feed["features"][:, :short], "feature_lengths": lengths[1:]}
    alone = interpret(network, feeds | {"tokens": feed["tokens"]}, decisions)["logits"].codes
    assert (both["logits"].codes[1, : alone.shape[1]] == alone[0]).all()


def test_three_seconds_of_speech_take_less_than_thirty(network, decisions, feed):
    started = time.process_time()
    interpret(network, feed, decisions)
    assert time.process_time() - started < 30


def test_requantizers_of_the_model(decisions):
    """Of 16 bits to a grid: proved. Of h, a handful of 160 million pairs of gates lie between."""
    found = compare_thresholds(decisions)
    joint = [each for name, each in found.items() if not name.endswith(".h")]
    assert [each.differences for each in joint] == [()]
    states = [each for name, each in found.items() if name.endswith(".h")]
    assert len(states) == 4
    for each in states:
        assert sum(one.accumulators for one in each.differences) < 50


def test_cell_ranges_of_calibration_are_used(network, decisions):
    for node in network.nodes:
        if node.op == "LSTM":
            largest = max(map(abs, node.cell_range))
            f = decisions.lstm[node.name].cell.f
            assert 2 * largest * 2**f <= 32767 < 2 * largest * 2 ** (f + 1) or f == 12
