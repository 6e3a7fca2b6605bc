"""Small models, recipes in a few words, and onnxruntime at every optimization level."""

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest

from q4compile.recipe.read_recipe import load_recipe

LEVELS = {
    "off": onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
}
TYPES = {"float": np.float32, "int64": np.int64, "int32": np.int32}


@pytest.fixture(scope="session")
def from_text():
    """`from_text(text, **constants)`: the model; nodes are called by their first output."""

    def model(text, **constants):
        made = ir.from_onnx_text(f'<ir_version: 10, opset_import: ["" : 21]>\n{text}')
        for name, array in constants.items():
            value = ir.Value(name=name, const_value=ir.Tensor(np.asarray(array), name=name))
            value.type, value.shape = (
                ir.TensorType(value.const_value.dtype),
                value.const_value.shape,
            )
            for node in made.graph:
                for index, port in enumerate(node.inputs):
                    if port is not None and port.name == name:
                        node.replace_input_with(index, value)
            made.graph.register_initializer(value)
        for number, node in enumerate(made.graph):
            node.name = node.name or node.outputs[0].name or f"node_{number}"
        return made

    return model


@pytest.fixture(scope="session")
def run():
    """`run(model, feeds, level)`: outputs by name; the model passes onnx.checker first."""

    def outputs(model, feeds, level="all"):
        model = model.clone()
        for value in model.graph.initializers.values():
            if isinstance(value.const_value, ir.ExternalTensor):
                value.const_value = ir.Tensor(value.const_value.numpy(), name=value.name)
        proto = ir.to_proto(model)
        onnx.checker.check_model(proto, full_check=True)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = 1
        options.graph_optimization_level = LEVELS[level]
        session = onnxruntime.InferenceSession(
            proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        names = [port.name for port in session.get_outputs()]
        wanted = {port.name: feeds[port.name] for port in session.get_inputs()}
        return dict(zip(names, session.run(names, wanted), strict=True))

    return outputs


@pytest.fixture(scope="session")
def recipe(tmp_path_factory):
    """`recipe({role or "": scheme in flow style}, ...)`: rules in the order given."""

    def made(**schemes):
        lines = ["version: 1", "name: test", "rules:"]
        for words, scheme in schemes.items():
            roles = "" if words == "rest" else f"role: [{', '.join(words.split('__'))}]"
            lines.append(f"  - {{name: {words}, match: {{{roles}}}, scheme: {{{scheme}}}}}")
        path = tmp_path_factory.mktemp("recipe") / "test.yaml"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return load_recipe(path)

    return made
