"""The bundled transducer as checkpoint, as one ONNX file, and as a file per network."""

import pytest

from q4compile.graph.components import components
from q4compile.graph.extract import extract
from q4compile.graph.read import read_model
from q4compile.graph.write import write_model
from q4compile.speech.checkpoint import load_rnnt, shipped
from q4compile.speech.export import export_rnnt


@pytest.fixture(scope="session")
def network():
    return load_rnnt(shipped("small"))


@pytest.fixture(scope="session")
def whole(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "model.onnx"
    export_rnnt(network, path)
    return path


@pytest.fixture(scope="session")
def parts(whole, tmp_path_factory):
    """encoder.onnx, decoder.onnx and joiner.onnx, as other stacks name them."""
    folder = tmp_path_factory.mktemp("parts")
    model = read_model(whole)
    names = {"encoder": "encoder", "predictor": "decoder", "joint": "joiner"}
    for component in components(model):
        part = extract(model, component)
        part.metadata_props.update(model.metadata_props)
        write_model(part, folder / f"{names[component.name]}.onnx")
    return folder
