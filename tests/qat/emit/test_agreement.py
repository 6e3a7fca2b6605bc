"""A package in evaluation mode falls on the codes of its file under onnxruntime.

Codes are compared at every quantizer: those of the file's QuantizeLinear, and h of its recurrences.
"""

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from small_models import MODELS

from q4compile.qat import Activation
from q4compile.qat.recurrent import Recurrent
from q4compile.quantize.network_read import read_network
from q4compile.quantize.quantize import quantize
from q4compile.recipe.read_recipe import load_recipe

RECIPES = {
    "rnnt": None,
    "bytes": """
  - name: x
    match: {role: [input, hidden]}
    scheme: {format: int8, symmetric: false, range: minmax}
  - name: w
    match: {role: [weight, recurrent_weight, table]}
    scheme: {format: int8, granularity: per_channel, range: minmax}
  - {name: b, match: {role: bias}, scheme: {format: fp32}}
  - {name: rest, match: {}, scheme: {format: fp16}}
""",
    "coarse": """
  - {name: x, match: {role: [input, hidden]}, scheme: {format: int4, range: mse}}
  - name: r
    match: {role: recurrent_weight}
    scheme: {format: int2, granularity: per_gate, range: sawb}
  - name: w
    match: {role: [weight, table]}
    scheme: {format: int3, granularity: per_tensor, range: mse}
  - {name: inside, match: {role: [cell, gate]}, scheme: {format: int16, range: minmax}}
  - {name: rest, match: {}, scheme: {format: fp32}}
""",
    "halves": "\n  - {name: all, match: {}, scheme: {format: fp16}}\n",
}
REFUSED = {("rnnt", "matmul-left"), ("rnnt", "matmul-vector"), ("bytes", "matmul-vector")}
"""What `quantize` refuses: constants without output channels, or without a product to round for."""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    def made(name):
        if RECIPES[name] is None:
            return load_recipe(name)
        path = tmp_path_factory.mktemp("recipes") / f"{name}.yaml"
        path.write_text(f"version: 1\nname: {name}\nrules:{RECIPES[name]}", encoding="utf-8")
        return load_recipe(path)

    return made


class File:
    """A quantized model under onnxruntime, every tensor that it brings onto a grid exposed.

    Codes are read off the dequantized values: onnxruntime gives out no INT4 tensors.
    """

    def __init__(self, model):
        shown, self.network = model.clone(), read_network(model)
        hidden = {node.name: node.hidden for node in self.network.nodes}
        self.grids = {}
        for node in shown.graph:
            source = node.inputs[0].producer() if node.op_type == "DequantizeLinear" else None
            if source is not None and source.op_type == "QuantizeLinear":
                self.grids[node.outputs[0].name] = node.inputs[1].name.removesuffix(".scale")
            elif hidden.get(node.name) in self.network.grids:
                self.grids[node.outputs[0].name] = hidden[node.name]
        self.outputs = [port.name for port in shown.graph.outputs]
        values = {value.name: value for node in shown.graph for value in node.outputs}
        shown.graph.outputs.extend(values[n] for n in self.grids if n not in self.outputs)
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level, options.intra_op_num_threads = 3, 1
        data = ir.to_proto(shown).SerializeToString()
        self.session = onnxruntime.InferenceSession(data, options)

    def run(self, feeds):
        """Grid → codes − zero point of every tensor on it; and the outputs."""
        names = list(dict.fromkeys([*self.outputs, *self.grids]))
        found = dict(zip(names, self.session.run(names, feeds), strict=True))
        codes = {}
        for name, grid in self.grids.items():
            scale = self.network.grids[grid].scale
            codes.setdefault(grid, []).append(_codes(found[name], scale))
        return codes, [found[name] for name in self.outputs]


def _codes(array, scale):
    return np.rint(array / np.float32(scale)).astype(np.int64)


def codes_of_package(module, feeds):
    """Grid → codes − zero point of every tensor that the package brings onto it; the outputs."""
    codes = {}

    def keep(layer, inputs, output):
        grid = layer if isinstance(layer, Activation) else layer.h
        y = output if isinstance(layer, Activation) else output[0]
        if grid is not None and not grid.format.is_float:
            codes.setdefault(grid.name, []).append(_codes(y.numpy(), grid.encoding()[0]))

    hooks = [
        each.register_forward_hook(keep)
        for each in module.modules()
        if isinstance(each, (Activation, Recurrent))
    ]
    with torch.no_grad():
        outputs = module(*(torch.from_numpy(np.asarray(each)) for each in feeds))
    for hook in hooks:
        hook.remove()
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    return codes, [each.numpy() for each in outputs]


def differing(ours, theirs):
    """How many codes differ, and how many there are, each of ours beside its like in the file."""
    different = total = 0
    for grid, arrays in ours.items():
        for array in arrays:
            alike = [each for each in theirs[grid] if each.shape == array.shape]
            different += min(int((each != array).sum()) for each in alike)
            total += array.size
    return different, total


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("words", RECIPES)
def test_the_codes_are_the_same(words, name, recipe, from_text, packaged):
    if (words, name) in REFUSED:
        return
    small = MODELS[name]
    made = quantize(from_text(small.text, **small.constants), recipe(words), list(small.feeds))
    module, file = packaged(made.model), File(made.model)
    inputs = [port.name for port in made.model.graph.inputs]
    for feeds in small.feeds:
        given = {each: feeds[each] for each in inputs}
        theirs, expected = file.run(given)
        ours, found = codes_of_package(module, list(given.values()))
        assert differing(ours, theirs)[0] == 0
        assert set(ours) <= set(theirs)
        for got, want in zip(found, expected, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
