"""Every way a model file can be broken is one clear error, and all of a stage come at once."""

import os
import zipfile

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from q4compile.errors import ModelError
from q4compile.graph.read import read_model


def vector(name, shape=("N", 4), dtype=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape)


def graph_of(nodes, inputs=None, outputs=None, weights=None):
    weights = {"w": np.eye(4, dtype=np.float32)} if weights is None else weights
    return helper.make_graph(
        nodes,
        "main",
        inputs or [vector("x")],
        outputs or [vector("y")],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )


def layer():
    return helper.make_node("MatMul", ["x", "w"], ["y"], "layer")


def model_of(graph, **opsets):
    imports = [helper.make_opsetid(domain, version) for domain, version in opsets.items()]
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 21), *imports], ir_version=10
    )


@pytest.fixture
def refusal(tmp_path, golden):
    """`refusal(name, model)`: reading it fails with the golden text of that name."""

    def check(name, model, path=None):
        if path is None:
            path = tmp_path / "model.onnx"
            path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
        with pytest.raises(ModelError) as caught:
            read_model(path)
        golden(f"errors/{name}.txt", str(caught.value), folder=tmp_path)

    return check


def test_not_onnx(refusal):
    refusal("Q101-text", b"import torch\nprint('hello')\n")


def test_empty_file(refusal):
    refusal("Q101-empty", b"")


def test_missing_file(refusal, tmp_path):
    refusal("Q101-missing", None, tmp_path / "nowhere.onnx")


def test_a_checkpoint_instead_of_a_model(refusal, tmp_path):
    path = tmp_path / "model.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", b"\x80\x02}q\x00.")
    refusal("Q101-checkpoint", None, path)


def test_truncated(refusal):
    whole = model_of(graph_of([layer()])).SerializeToString()
    refusal("Q102-truncated", whole[:-40])


def test_truncated_before_the_graph(refusal):
    refusal("Q102-no-graph", onnx.ModelProto(ir_version=10, producer_name="x").SerializeToString())


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_beginning_of_a_model_is_read_as_a_model(tmp_path_factory, data):
    """Cut at any byte, a file is refused in words; the whole file is read."""
    path = tmp_path_factory.getbasetemp() / "cut.onnx"
    whole = model_of(graph_of([layer()])).SerializeToString()
    cut = data.draw(st.integers(0, len(whole) - 1))
    path.write_bytes(whole[:cut])
    with pytest.raises(ModelError) as caught:
        read_model(path)
    assert {finding.code for finding in caught.value.findings} <= {"Q101", "Q102", "Q109"}
    path.write_bytes(whole)
    assert len(read_model(path).graph) == 1


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 255))
def test_one_wrong_byte_never_ends_in_a_traceback(tmp_path_factory, position, byte):
    """A file with a flipped byte is read (a weight or a name changed) or refused in words."""
    path = tmp_path_factory.getbasetemp() / "flipped.onnx"
    damaged = bytearray(model_of(graph_of([layer()])).SerializeToString())
    damaged[position % len(damaged)] = byte
    path.write_bytes(bytes(damaged))
    try:
        read_model(path)
    except ModelError as error:
        assert error.findings


def external(model, folder):
    onnx.save(
        model,
        folder / "model.onnx",
        save_as_external_data=True,
        location="model.bin",
        size_threshold=0,
    )
    return folder / "model.onnx"


def test_external_data_missing(refusal, tmp_path):
    path = external(model_of(graph_of([layer()])), tmp_path)
    (tmp_path / "model.bin").unlink()
    refusal("Q103-missing", None, path)


def test_external_data_truncated(refusal, tmp_path):
    path = external(model_of(graph_of([layer()])), tmp_path)
    os.truncate(tmp_path / "model.bin", 10)
    refusal("Q103-truncated", None, path)


@pytest.mark.parametrize(
    ("name", "location"), [("Q103-outside", "../secret.bin"), ("Q103-absolute", "/etc/passwd")]
)
def test_external_data_outside_the_folder(refusal, tmp_path, name, location):
    (tmp_path.parent / "secret.bin").write_bytes(bytes(64))
    path = external(model_of(graph_of([layer()])), tmp_path)
    model = onnx.load(path, load_external_data=False)
    model.graph.initializer[0].external_data[0].value = location
    refusal(name, model)


def test_external_data_behind_a_link(refusal, tmp_path):
    outside = tmp_path.parent / "secret.bin"
    outside.write_bytes(bytes(64))
    path = external(model_of(graph_of([layer()])), tmp_path)
    (tmp_path / "model.bin").unlink()
    (tmp_path / "model.bin").symlink_to(outside)
    refusal("Q103-link", None, path)


def test_unknown_operators_all_at_once(refusal):
    nodes = [
        helper.make_node("MatMull", ["x", "w"], ["a"], "first"),
        helper.make_node("MatMull", ["a", "w"], ["b"], "second"),
        helper.make_node("Attention", ["b"], ["c"], "third", domain="somewhere"),
        helper.make_node("Gelu", ["c"], ["y"], "fourth"),
    ]
    refusal("Q104-unknown", model_of(graph_of(nodes), somewhere=3))


def test_operators_of_onnxruntime_pass(tmp_path):
    node = helper.make_node("FusedMatMul", ["x", "w"], ["y"], domain="com.microsoft")
    path = tmp_path / "model.onnx"
    path.write_bytes(model_of(graph_of([node]), **{"com.microsoft": 1}).SerializeToString())
    assert [n.op_type for n in read_model(path).graph] == ["FusedMatMul"]


def test_dynamic_rank(refusal):
    inputs = [
        vector("x", None),
        helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, None),
    ]
    refusal("Q105-rank", model_of(graph_of([layer()], inputs)))


@pytest.mark.parametrize(("name", "bad"), [("Q106-nan", np.nan), ("Q106-inf", -np.inf)])
def test_weights_not_finite(refusal, name, bad):
    weight = np.eye(4, dtype=np.float32)
    weight[2, 1:3] = bad
    refusal(name, model_of(graph_of([layer()], weights={"w": weight})))


def test_an_infinite_mask_is_no_weight(tmp_path):
    mask = np.array([0, 0, 0, -np.inf], np.float32)
    nodes = [layer(), helper.make_node("Add", ["y", "mask"], ["z"])]
    weights = {"w": np.eye(4, dtype=np.float32), "mask": mask}
    path = tmp_path / "model.onnx"
    path.write_bytes(model_of(graph_of(nodes, None, [vector("z")], weights)).SerializeToString())
    assert len(read_model(path).graph) == 2


@pytest.mark.parametrize("version", [0, 9999])
def test_invalid_opset(refusal, version):
    model = model_of(graph_of([layer()]))
    model.opset_import[0].version = version
    refusal(f"Q109-opset-{version}", model)


def test_opset_that_cannot_be_converted(refusal):
    """Scan of opset 8 had a batch axis; no converter knows the way from there."""
    body = graph_of(
        [helper.make_node("Relu", ["a"], ["b"])], [vector("a", None)], [vector("b", None)], {}
    )
    node = helper.make_node("Scan", ["x"], ["y"], "loop", num_scan_inputs=1, body=body)
    model = model_of(graph_of([node], weights={}))
    model.opset_import[0].version = 8
    refusal("Q109-conversion", model)


def test_a_projected_lstm(refusal):
    """What torch's dynamo exporter makes of proj_size=3: W and R cut to fit, c left at 6."""
    weights = {
        "W": np.ones((1, 12, 5), np.float32),
        "R": np.ones((1, 12, 3), np.float32),
        "c": np.zeros((1, 2, 6), np.float32),
    }
    node = helper.make_node("LSTM", ["x", "W", "R", "", "", "", "c"], ["y"], "layer", hidden_size=3)
    refusal("Q107-projection", model_of(graph_of([node], [vector("x", (4, 2, 5))], None, weights)))


def test_sizes_that_disagree(refusal):
    model = model_of(graph_of([layer()]))
    tensor = model.graph.initializer[0]
    tensor.raw_data = tensor.raw_data[:-4]
    model.graph.initializer.add().CopyFrom(
        helper.make_tensor("v", TensorProto.FLOAT, [3], [1, 2, 3])
    )
    model.graph.initializer[1].dims[0] = 5
    refusal("Q110-sizes", model)


def test_a_cycle_and_names_without_definition(refusal):
    nodes = [
        helper.make_node("Add", ["x", "b"], ["a"], "one"),
        helper.make_node("Relu", ["a"], ["b"], "two"),
        helper.make_node("Add", ["b", "nothing"], ["y"], "three"),
        helper.make_node("Relu", ["x"], ["y"], "four"),
    ]
    refusal("Q111-structure", model_of(graph_of(nodes, None, [vector("y"), vector("z")])))


def test_a_node_against_its_schema(refusal):
    nodes = [
        helper.make_node("MatMul", ["x"], ["a"], "arity"),
        helper.make_node("Relu", ["a"], ["y"], "attribute", slope=0.5),
    ]
    refusal("Q111-schema", model_of(graph_of(nodes)))


def test_nodes_out_of_order_are_put_in_order(tmp_path):
    nodes = [
        helper.make_node("Relu", ["a"], ["y"], "late"),
        helper.make_node("Neg", ["x"], ["a"], "early"),
    ]
    path = tmp_path / "model.onnx"
    path.write_bytes(model_of(graph_of(nodes)).SerializeToString())
    assert [node.name for node in read_model(path).graph] == ["early", "late"]
