"""The bundled transducer, quantized by each shipped recipe that integer programs can carry out."""

import numpy as np
import pytest

from q4compile.graph.read import read_model
from q4compile.graph.write import write_model
from q4compile.quantize.quantize import quantize
from q4compile.recipe.read_recipe import load_recipe
from q4compile.speech.checkpoint import load_rnnt, shipped
from q4compile.speech.export import export_rnnt

FRAMES, LABELS = 24, 5


def calibration(seed):
    random = np.random.default_rng(seed)
    return {
        "features": random.normal(0, 1.5, (2, FRAMES, 120)).astype(np.float32),
        "feature_lengths": np.array([FRAMES, FRAMES - 5]),
        "tokens": random.integers(0, 29, (2, LABELS)),
    }


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """The float transducer."""
    path = tmp_path_factory.mktemp("exported") / "model.onnx"
    export_rnnt(load_rnnt(shipped("small")), path)
    return path


@pytest.fixture(scope="session")
def quantized(exported, tmp_path_factory):
    """`quantized(recipe)`: the path of ``model.q4.onnx``, in a folder of its own."""
    folder = tmp_path_factory.mktemp("lowered")
    model = read_model(exported)

    def made(recipe):
        path = folder / recipe / "model.q4.onnx"
        if not path.exists():
            path.parent.mkdir()
            feeds = [calibration(seed) for seed in range(2)]
            found = quantize(model, load_recipe(recipe), feeds)
            write_model(found.model if hasattr(found, "model") else found, path)
        return path

    return made
