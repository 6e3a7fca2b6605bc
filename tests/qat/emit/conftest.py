"""Models as packages: written to disk, imported, and run beside onnxruntime."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
import torch

from q4compile.graph.shapes import infer_shapes
from q4compile.qat import load_package
from q4compile.qat.emit.package import make_package
from q4compile.quantize.network_read import read_network
from q4compile.quantize.weights_file import FILE_NAME, WeightsFile

sys.path.append(str(Path(__file__).parents[2] / "quantize"))  # small_models


@pytest.fixture(scope="session")
def from_text():
    """`from_text(text, **constants)`: the model; nodes are called by their first output."""

    def model(text, **constants):
        made = ir.from_onnx_text(f'<ir_version: 10, opset_import: ["" : 21]>\n{text}')
        for name, array in constants.items():
            tensor = ir.Tensor(np.asarray(array), name=name)
            value = ir.Value(name=name, const_value=tensor)
            value.type, value.shape = ir.TensorType(tensor.dtype), tensor.shape
            for node in made.graph:
                for index, port in enumerate(node.inputs):
                    if port is not None and port.name == name:
                        node.replace_input_with(index, value)
            made.graph.register_initializer(value)
        for number, node in enumerate(made.graph):
            node.name = node.name or node.outputs[0].name or f"node_{number}"
        infer_shapes(made)
        return made

    return model


@pytest.fixture
def sources():
    """`sources(model, name)`: file name → text of the model's package."""
    return lambda model, name="model": make_package(read_network(model, name)).files


@pytest.fixture
def tidy(tmp_path):
    """`tidy(files)`: ruff finds nothing to say of them, neither as formatter nor as linter."""

    def check(files):
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")
        for command in (["format", "--diff"], ["check", "--extend-select", "I,B,UP,RUF100"]):
            line = [sys.executable, "-m", "ruff", *command, "--isolated", "."]
            done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout

    return check


@pytest.fixture
def packaged(tmp_path, monkeypatch):
    """`packaged(model, name)`: the model's package, imported from disk, in evaluation mode."""
    count = iter(range(1000))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def made(model, name="model"):
        package = make_package(read_network(model, name))
        folder = tmp_path / f"package_{next(count)}"
        folder.mkdir()
        for file, text in package.files.items():
            (folder / file).write_text(text, encoding="utf-8")
        (folder / FILE_NAME).write_bytes(WeightsFile(package.tensors).serialized())
        return load_package(folder).eval()

    return made


@pytest.fixture
def agrees():
    """`agrees(module, feeds, expected, …)`: torch gives what is expected, in type and shape too."""

    def check(module, feeds, expected, rtol=1e-5, atol=1e-5, case=""):
        with torch.no_grad():
            found = module(*(torch.from_numpy(np.array(each)) for each in feeds))
        found = found if isinstance(found, tuple) else (found,)
        for got, want in zip(found, expected, strict=True):
            assert (got.numpy().dtype, tuple(got.shape)) == (want.dtype, want.shape), case
            np.testing.assert_allclose(got.numpy(), want, rtol=rtol, atol=atol, err_msg=case)

    return check


@pytest.fixture(scope="session")
def onnxruntime_of():
    """`onnxruntime_of(model)`: a function from feeds by name to outputs by name."""
    return _runner


def _runner(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        ir.to_proto(model).SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [port.name for port in session.get_outputs()]
    return lambda feeds: dict(zip(names, session.run(names, feeds), strict=True))
