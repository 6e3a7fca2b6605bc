"""Sessions on models in memory, whose weights the runtime reads where they lie."""

import gc

import numpy as np
import onnx_ir as ir
import pytest
from small_models import normal

from q4compile.errors import ModelError
from q4compile.graph.read import read_model
from q4compile.quantize.session import SMALL_BYTES, session

TEXT = "main (float[B,64] x) => (float[B,64] y) { m = MatMul (x, W)  y = Add (m, b) }"


@pytest.fixture
def model(from_text):
    weight, bias = normal(64, 64), normal(64)
    assert weight.nbytes >= SMALL_BYTES > bias.nbytes  # one of either kind
    return from_text(TEXT, W=weight, b=bias)


def test_weights_outlive_the_model_they_came_from(model):
    """The arrays are aliased, not copied: the session must keep them when nobody else does."""
    x = normal(3, 64)
    weight, bias = (model.graph.initializers[name].const_value.numpy() for name in "Wb")
    expected = x @ weight + bias
    runner = session(model)
    model.graph.initializers["W"].const_value = None
    del weight
    gc.collect()
    filled = [np.full((64, 64), 7, np.float32) for _ in range(200)]  # where freed memory would be
    np.testing.assert_allclose(runner.run(None, {"x": x})[0], expected, rtol=1e-5, atol=1e-5)
    assert len(filled) == 200


def test_the_model_is_left_as_it_was(model):
    before = ir.to_proto(model).SerializeToString()
    session(model)
    assert ir.to_proto(model).SerializeToString() == before


def test_external_tensors_of_every_size(model, tmp_path):
    """Exporters put all tensors beside the model, those of a few bytes as well."""
    ir.save(model, tmp_path / "model.onnx", external_data="model.data", size_threshold_bytes=0)
    read = read_model(tmp_path / "model.onnx")
    kinds = {type(value.const_value) for value in read.graph.initializers.values()}
    assert kinds == {ir.ExternalTensor}
    x = normal(3, 64)
    one, other = (session(each).run(None, {"x": x})[0] for each in (model, read))
    np.testing.assert_array_equal(one, other)


def test_a_model_that_the_runtime_does_not_load(from_text, golden):
    """A determinant is one of a matrix."""
    text = "main (float[B] x) => (float[B] y) { y = Det (x) }"
    with pytest.raises(ModelError) as caught:
        session(from_text(text))
    golden("errors/Q130-unloadable.txt", str(caught.value))
