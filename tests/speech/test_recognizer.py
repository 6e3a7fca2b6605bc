"""Which models can hear, and what is said of those that cannot."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from q4compile.errors import ModelError
from q4compile.speech.recognizer import recognizer
from q4compile.speech.transducer import ExecutorTransducer


def plain_model(path):
    weight = numpy_helper.from_array(np.eye(3, dtype=np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], name="product")],
        "plain",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
        [weight],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]), path)
    return path


def refusal(*arguments):
    with pytest.raises(ModelError) as caught:
        recognizer(*arguments)
    return str(caught.value)


def test_a_bundled_name_runs_on_torch():
    ears = recognizer("small")
    assert ears.backend == "torch"
    assert len(ears.vocabulary) == 29


def test_backend_that_does_not_fit(golden, tmp_path):
    model = plain_model(tmp_path / "model.onnx")
    golden("errors/Q140-torch-for-onnx.txt", refusal(model, "torch"), folder=tmp_path)
    text = refusal("small", "onnxruntime")
    assert "Q140" in text and "q4compile export" in text


def test_model_without_metadata(golden, tmp_path):
    model = plain_model(tmp_path / "model.onnx")
    golden("errors/Q118-no-metadata.txt", refusal(model), folder=tmp_path)


class OneNetwork:
    """An executor that has only a joint."""

    @property
    def components(self):
        return {"joint": None}

    def run(self, component, feeds):
        raise AssertionError("nothing runs")


def test_networks_that_are_missing(golden):
    with pytest.raises(ModelError) as caught:
        ExecutorTransducer(OneNetwork())
    golden("errors/Q116-missing-networks.txt", str(caught.value))
