"""Packages on disk, and the numbers they start from."""

import numpy as np
import pytest
from small_models import MODELS

from q4compile.errors import ModelError, OutputError
from q4compile.qat.emit.package import make_package
from q4compile.qat.emit.write import start_from, write_package
from q4compile.quantize.network_read import read_network
from q4compile.quantize.quantize import quantize
from q4compile.quantize.weights_file import FILE_NAME, read_weights
from q4compile.recipe.read_recipe import load_recipe

SHARED = ("shared-constant", "shared-with-others")


@pytest.fixture
def network(from_text):
    """`network(name)`: a small model, quantized, and its float constants."""

    def made(name):
        small = MODELS[name]
        model = from_text(small.text, **small.constants)
        quantized = quantize(model, load_recipe("w8a8"), list(small.feeds)).model
        constants = {n: v.const_value.numpy() for n, v in model.graph.initializers.items()}
        return read_network(quantized), constants

    return made


@pytest.mark.parametrize("name", ["gemm", "two-bilstms", *SHARED])
def test_it_starts_from_the_float_weights(name, network):
    """A constant that is stored twice, as floats and as codes, starts from the same numbers."""
    quantized, constants = network(name)
    package = make_package(quantized)
    started = start_from(package, constants)
    for each in package.parameters:
        original = constants[each.removesuffix(".stored").removesuffix(".2")]
        assert np.array_equal(started.tensors[each], original)
    kept = set(package.tensors) - set(package.parameters)
    assert all(started.tensors[each] is package.tensors[each] for each in kept)


def test_parameters_that_do_not_fit_are_named(network):
    package = make_package(network("gemm")[0])
    with pytest.raises(ModelError) as error:
        start_from(package, {"W": normal_of((5, 5)), "bias": normal_of(5)})
    assert [each.got for each in error.value.findings] == [
        "float32 [5, 5]",
        "no constant of this name",
    ]


def normal_of(shape):
    return np.zeros(shape, np.float32)


def test_the_file_says_what_it_belongs_to(network, tmp_path):
    quantized, _ = network("gemm")
    package = make_package(quantized)
    write_package(package, quantized, "f" * 64, tmp_path / "made")
    found = read_weights(tmp_path / "made" / FILE_NAME)
    assert found.tensors.keys() == package.tensors.keys()
    assert (found.about["model"], found.about["source_sha256"]) == ("model", "f" * 64)
    assert found.props == quantized.metadata


def test_a_full_folder_is_left_alone(network, tmp_path):
    quantized, _ = network("gemm")
    (tmp_path / "model.py").write_text("mine")
    with pytest.raises(OutputError, match="Q553"):
        write_package(make_package(quantized), quantized, "f" * 64, tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["model.py"]
    write_package(make_package(quantized), quantized, "f" * 64, tmp_path, force=True)
    assert (tmp_path / "model.py").read_text() != "mine"
