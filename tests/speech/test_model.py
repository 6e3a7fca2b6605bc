"""The transducer: sizes, independence of the batch, stepping, and its ONNX export."""

import warnings
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from tiny_rnnt import TINY

from q4compile.speech.config import PAPER, PAPER_IVECTOR, SMALL, SMALL_LM, TimeReduction
from q4compile.speech.lm import CharLm
from q4compile.speech.model import Rnnt, parameter_count, reduce_time


def tiny(config=TINY):
    torch.manual_seed(0)
    return Rnnt(config).eval()


def test_the_paper_has_the_paper_s_size():
    """56.65 M over 240 inputs and the reported "57 M" over 340: the arithmetic of its sizes."""
    with torch.device("meta"):
        assert parameter_count(Rnnt(PAPER)) == 56_652_282
        assert parameter_count(Rnnt(PAPER_IVECTOR)) == 57_164_282
    assert (PAPER.input_dim, PAPER_IVECTOR.input_dim) == (240, 340)
    assert len(PAPER.vocabulary) == 46


def test_the_small_models_are_small():
    assert parameter_count(Rnnt(SMALL)) == 2_232_765
    assert parameter_count(CharLm(SMALL_LM)) * 4 < 1e6


@pytest.mark.parametrize("factor", [1, 2, 3])
@pytest.mark.parametrize("count", [1, 2, 3, 6, 7])
def test_time_reduction_joins_neighbours(factor, count):
    frames = torch.arange(count * 2.0).reshape(count, 1, 2)
    joined, lengths = reduce_time(frames, torch.tensor([count]), TimeReduction(1, factor))
    kept = -(-count // factor)
    assert joined.shape == (kept, 1, 2 * factor)
    assert lengths.tolist() == [kept]
    flat = joined.reshape(-1, 2)
    assert torch.equal(flat[:count], frames[:, 0])
    assert not flat[count:].any()


def test_logits_do_not_depend_on_the_batch():
    model = tiny()
    features, lengths = torch.randn(3, 9, 8), torch.tensor([5, 9, 2])
    tokens = torch.randint(0, 29, (3, 4))
    together = model(features, lengths, tokens)
    for b, count in enumerate(lengths.tolist()):
        alone = model(features[b : b + 1, :count], lengths[b : b + 1], tokens[b : b + 1])
        kept = -(-count // 2)
        assert alone.shape == (1, kept, 4, 29)
        torch.testing.assert_close(together[b, :kept], alone[0], rtol=0, atol=1e-6)


def test_the_predictor_stepped_equals_the_whole_sequence():
    model = tiny()
    tokens = torch.randint(0, 29, (2, 5))
    whole, last = model.predictor(tokens)
    state = None
    for u in range(5):
        vectors, state = model.predictor(tokens[:, u : u + 1], state)
        torch.testing.assert_close(vectors[:, 0], whole[:, u], rtol=0, atol=1e-6)
    torch.testing.assert_close(state, last, rtol=0, atol=1e-6)


def test_the_lm_stepped_equals_the_whole_sequence():
    torch.manual_seed(0)
    lm = CharLm(replace(SMALL_LM, hidden=9)).eval()
    tokens = torch.randint(0, 29, (2, 5))
    whole, _ = lm(tokens)
    state = None
    for u in range(5):
        logits, state = lm(tokens[:, u : u + 1], state)
        torch.testing.assert_close(logits[:, 0], whole[:, u], rtol=0, atol=1e-6)


def exported(model, path, width):
    """Write `path` the way torch's users do, with every axis free."""
    example = (torch.randn(2, 6, width), torch.tensor([6, 4]), torch.randint(0, 29, (2, 3)))
    axes = {"features": [0, 1], "lengths": [0], "tokens": [0, 1], "logits": [0, 1, 2]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch deprecates this exporter and warns of batch sizes
        torch.onnx.export(
            model,
            example,
            path,
            dynamo=False,
            input_names=["features", "lengths", "tokens"],
            output_names=["logits"],
            dynamic_axes=axes,
            opset_version=17,
        )
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("reduction", [None, TimeReduction(1, 2), TimeReduction(2, 3)])
def test_onnx_gives_torch_s_logits_at_other_sizes(tmp_path, reduction):
    model = tiny(replace(TINY, time_reduction=reduction))
    session = exported(model, tmp_path / "model.onnx", TINY.input_dim)
    for lengths, labels in (([6, 4], 2), ([11], 7), ([3, 8, 8, 1], 0), ([2, 9, 5], 4)):
        features = torch.randn(len(lengths), max(lengths), TINY.input_dim)
        tokens = torch.randint(0, 29, (len(lengths), labels + 1))
        feeds = {"features": features, "lengths": torch.tensor(lengths), "tokens": tokens}
        found = session.run(None, {name: value.numpy() for name, value in feeds.items()})[0]
        wanted = model(*feeds.values()).detach().numpy()
        assert found.shape == wanted.shape
        factor = reduction.factor if reduction else 1
        for b, count in enumerate(lengths):
            kept = -(-count // factor)
            np.testing.assert_allclose(found[b, :kept], wanted[b, :kept], rtol=0, atol=1e-5)


def test_the_export_has_one_lstm_node_per_layer(tmp_path):
    exported(tiny(), tmp_path / "model.onnx", TINY.input_dim)
    nodes = [
        node for node in onnx.load(tmp_path / "model.onnx").graph.node if node.op_type == "LSTM"
    ]
    directions = [
        next((a.s for a in node.attribute if a.name == "direction"), b"forward") for node in nodes
    ]
    assert sorted(directions) == [b"bidirectional", b"bidirectional", b"forward"]
    assert sum(bool(node.input[4]) for node in nodes) == 2  # sequence_lens of the encoder's


def test_the_export_is_free_of_bookkeeping(tmp_path):
    exported(tiny(), tmp_path / "model.onnx", TINY.input_dim)
    found = {node.op_type for node in onnx.load(tmp_path / "model.onnx").graph.node}
    assert not found & {"Mod", "Xor", "Where", "If", "Loop", "Scan", "NonZero", "GatherND", "TopK"}
