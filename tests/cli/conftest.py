"""A transducer and a language model with random weights, as checkpoints and as ONNX files."""

import shutil
from dataclasses import replace

import numpy as np
import onnx
import pytest
import soundfile
import torch
from onnx import TensorProto, helper, numpy_helper
from running import succeed

from q4compile.speech.checkpoint import save_checkpoint
from q4compile.speech.config import SMALL, SMALL_LM
from q4compile.speech.lm import CharLm
from q4compile.speech.model import Rnnt

TINY = replace(
    SMALL,
    encoder_layers=2,
    encoder_hidden=12,
    predictor_embedding=8,
    predictor_hidden=10,
    joint_dim=8,
)
TINY_LM = replace(SMALL_LM, embedding=6, hidden=10)


@pytest.fixture(scope="session")
def networks():
    """The torch networks by the name of their files."""
    torch.manual_seed(1)
    return {"model": Rnnt(TINY).eval(), "lm": CharLm(TINY_LM).eval()}


@pytest.fixture(scope="session")
def made(networks, tmp_path_factory):
    """A folder of model.safetensors, lm.safetensors and the ONNX files exported from them."""
    folder = tmp_path_factory.mktemp("networks")
    for name, network in networks.items():
        save_checkpoint(folder / f"{name}.safetensors", network)
        succeed("export", folder / f"{name}.safetensors", "-o", folder / f"{name}.onnx")
    return folder


@pytest.fixture
def here(made, tmp_path, monkeypatch):
    """An empty folder that is the current one, with fresh copies of model.onnx and lm.onnx."""
    monkeypatch.chdir(tmp_path)
    for name in ("model.onnx", "lm.onnx"):
        shutil.copy(made / name, tmp_path / name)
    return tmp_path


@pytest.fixture(scope="session")
def packaged(made, tmp_path_factory):
    """A folder of lm.q4.onnx and lm_qat/, the package made of it."""
    folder = tmp_path_factory.mktemp("packaged")
    shutil.copy(made / "lm.onnx", folder)
    succeed("quantize", folder / "lm.onnx", "--calib-limit", "2")
    succeed("qat", folder / "lm.q4.onnx")
    return folder


@pytest.fixture
def package_here(packaged, tmp_path, monkeypatch):
    """A copy of `packaged` that is the current folder."""
    shutil.copytree(packaged, tmp_path / "there")
    monkeypatch.chdir(tmp_path / "there")
    return tmp_path / "there"


@pytest.fixture
def corpus(tmp_path):
    """A manifest of noise: six half-seconds, four to train on and two to judge by."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    rows = []
    for number, split in enumerate(["train"] * 4 + ["dev"] * 2):
        samples = np.random.default_rng(number).uniform(-0.5, 0.5, 8000)
        soundfile.write(folder / f"{number}.flac", samples, 16000)
        rows.append(
            f'{{"audio": "{number}.flac", "text": "A B", "speaker": "x", "split": "{split}"}}'
        )
    (folder / "manifest.jsonl").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture
def plain(here):
    """plain.onnx, one matrix product that says nothing of speech."""
    weight = np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], name="/layer/MatMul")],
        "plain",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(weight, "w")],
    )
    path = here / "plain.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]), path)
    return path


@pytest.fixture
def normed(plain):
    """plain.onnx with a LayerNormalization behind its product."""
    model = onnx.load(plain)
    model.graph.node[0].output[0] = "m"
    model.graph.node.append(
        helper.make_node("LayerNormalization", ["m", "gamma"], ["y"], name="/norm")
    )
    model.graph.initializer.append(numpy_helper.from_array(np.ones(2, np.float32), "gamma"))
    onnx.save(model, plain)
    return plain
