"""Whole packages: names, sharing between components, states, and what cannot be written."""

import copy

import numpy as np
import pytest
import torch
from small_models import MODELS, normal

from q4compile.errors import ModelError
from q4compile.qat.emit.package import make_package
from q4compile.quantize.network_read import read_network

HOSTILE = [
    '"""\nimport os; os.abort()\n"""',
    "'); raise SystemExit #",
    "class",
    "self",
    "__import__('os')",
    "x\ny",
    "día → 日本",
    "{0}{x}%s\\",
    "forward",
    "a" * 300,
    "",
]


@pytest.mark.parametrize("name", MODELS)
def test_small_models(name, from_text, packaged, sources, tidy, onnxruntime_of):
    """The package of a float model gives what onnxruntime gives, and reads well."""
    small = MODELS[name]
    model = from_text(small.text, **small.constants)
    run, module = onnxruntime_of(model), packaged(model)
    inputs = [port.name for port in model.graph.inputs]
    for feeds in small.feeds:
        expected = run({each: feeds[each] for each in inputs})
        with torch.no_grad():
            found = module(*(torch.from_numpy(np.asarray(feeds[each])) for each in inputs))
        found = found if isinstance(found, tuple) else (found,)
        for got, want in zip(found, expected.values(), strict=True):
            np.testing.assert_allclose(got.numpy(), want, rtol=1e-5, atol=2e-6)


def test_they_read_well(from_text, sources, tidy):
    """Ruff has nothing to say of any of them."""
    files = {}
    for name, small in MODELS.items():
        made = sources(from_text(small.text, **small.constants))
        files |= {f"{name.replace('-', '_')}/{each}": text for each, text in made.items()}
    tidy(files)


def test_equal_models_make_equal_packages(from_text, sources):
    small = MODELS["two-bilstms"]
    first, second = (sources(from_text(small.text, **small.constants)) for _ in range(2))
    assert first == second


def hostile_model(from_text):
    """Two layers whose every name is a piece of code."""
    names = iter(HOSTILE)
    model = from_text(
        """main (float[B,6] x) => (float[B,5] y) { a = MatMul (x, V)  b = Add (a, c)
        d = Relu (b)  e = MatMul (d, W)  y = Add (e, f) }""",
        V=normal(6, 6),
        c=normal(6),
        W=normal(6, 5),
        f=normal(5),
    )
    graph = model.graph
    for value in list(graph.initializers.values()):
        value.name = f"{value.name}{next(names)}"
    for node in graph:
        node.name = f"{next(names)}{node.op_type}"
        for value in node.outputs:
            value.name = f"{node.name}{value.name}"
    graph.inputs[0].name = HOSTILE[0]
    graph.outputs[0].name = HOSTILE[1]
    return model


def test_no_name_gets_out_of_its_quotes(from_text, packaged, sources, tidy, agrees):
    model = hostile_model(from_text)
    files = {}
    for number, name in enumerate(HOSTILE):
        made = sources(model, name or "_")
        files |= {f"hostile_{number}/{each}": text for each, text in made.items()}
    assert all(text.isascii() for text in files.values())
    tidy(files)
    x = normal(3, 6)
    weights = [value.const_value.numpy() for value in model.graph.initializers.values()]
    v, c, w, f = weights
    agrees(packaged(model, HOSTILE[0]), [x], [np.maximum(x @ v + c, 0) @ w + f])


def test_everything_that_cannot_be_written_is_named_at_once(from_text, golden):
    model = from_text(
        """main (float[B,6] x, bool cond) => (float[B,6] y) { s = SequenceConstruct (x)
        e = SequenceAt (s, zero)  n = Bernoulli (e)
        y = If (cond) <then_branch = then () => (float[B,6] a) { a = Identity (n) },
                       else_branch = other () => (float[B,6] b) { b = Neg (n) }> }""",
        zero=np.array(0),
    )
    with pytest.raises(ModelError) as error:
        make_package(read_network(model, "model"))
    golden("errors/Q160-operators.txt", str(error.value))


def test_forms_that_cannot_be_written_are_named_at_once(from_text, golden):
    model = from_text(
        """main (float[T,B,6] x, float[1,16,6] w) => (float[T,1,B,4] y, float[N] z)
        { y = LSTM <hidden_size = 4> (x, w, R)
        z = LSTM <hidden_size = 4, clip = 2.0> (x, W, R) }""",
        W=normal(1, 16, 6),
        R=normal(1, 16, 4),
    )
    with pytest.raises(ModelError) as error:
        make_package(read_network(model, "model"))
    golden("errors/Q161-forms.txt", str(error.value))


@pytest.mark.parametrize("name", ["conv", "two-bilstms", "gru-linear", "last-state", "gemm-scaled"])
def test_every_parameter_is_trained(name, from_text, packaged):
    """None is left without a gradient, which DistributedDataParallel would wait for."""
    small = MODELS[name]
    model = from_text(small.text, **small.constants)
    module = copy.deepcopy(packaged(model)).train()
    given = [torch.from_numpy(small.feeds[0][port.name]) for port in model.graph.inputs]
    outputs = module(*given)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    sum(each.square().sum() for each in outputs).backward()
    assert [name for name, each in module.named_parameters() if each.grad is None] == []


STEPS = """main (float[T,B,6] x, float[1,B,4] h0) => (float[T,1,B,4] y, float[1,B,4] last)
    { a = LSTM <hidden_size = 4> (x, W, R, B, , h0)  s = Squeeze (a, one)
    y, last = GRU <hidden_size = 4> (s, V, S) }"""


def test_steps_equal_the_sequence(from_text, packaged):
    """One class for both: the states of one step are those before the next."""
    rows = {"W": normal(1, 16, 6), "R": normal(1, 16, 4), "B": normal(1, 32)}
    rows |= {"V": normal(1, 12, 4), "S": normal(1, 12, 4), "one": np.array([1])}
    part = packaged(from_text(STEPS, **rows), "tagger").tagger
    assert [each.name for each in part.INPUTS] == ["x"]
    assert [each.name for each in part.OUTPUTS] == ["y"]
    assert [(each.input_name, each.output_name) for each in part.STATES] == [
        ("h0", "a.h_out"),
        ("a.c_in", "a.c_out"),
        ("y.h_in", "last"),
    ]
    x, h0 = torch.from_numpy(normal(7, 2, 6)), torch.from_numpy(normal(1, 2, 4))
    with torch.no_grad():
        whole, *after = part(x, state=(h0, None, None))
        state = (h0, None, None)
        steps = []
        for t in range(7):
            y, *state = part(x[t : t + 1], state=tuple(state))
            steps.append(y)
    torch.testing.assert_close(torch.cat(steps), whole, rtol=0, atol=1e-6)
    for got, want in zip(state, after, strict=True):
        torch.testing.assert_close(got, want, rtol=0, atol=1e-6)
    assert torch.equal(part.run([x], (h0, None, None))[0], whole)


def test_a_length_of_another_component(from_text, packaged, onnxruntime_of, agrees):
    """What only its shape is asked of crosses over as well; a zero state crosses nothing."""
    model = from_text(
        """main (float[B,T,6] features, int64[B,U] tokens) => (float[B,T,U,4] logits)
        { m = MatMul (features, W)  f = Unsqueeze (m, two)  e = Gather (table, tokens)
        n = Shape <start = 1, end = 2> (m)  one_time = Concat <axis = 0> (n, four)
        bias = Expand (b, one_time)  tall = Unsqueeze (bias, one)  g = Unsqueeze (e, one)
        joined = Mul (f, g)  logits = Add (joined, tall) }""",
        W=normal(6, 4),
        table=normal(5, 4),
        b=normal(1, 4),
        two=np.array([2]),
        one=np.array([1]),
        four=np.array([4]),
    )
    module = packaged(model)
    assert [name for name, _ in module.named_children()] == ["encoder", "predictor", "joint"]
    feeds = {"features": normal(2, 7, 6), "tokens": np.array([[1, 2, 0], [4, 3, 1]])}
    agrees(module, feeds.values(), onnxruntime_of(model)(feeds).values())


def test_a_constant_output_is_refused(from_text):
    model = from_text("main (float[B] x) => (float[B] y, float[3] z) { y = Relu (x) }", z=normal(3))
    model.graph.outputs[1] = model.graph.initializers["z"]
    with pytest.raises(ModelError, match="output 'z'"):
        make_package(read_network(model, "model"))


def test_constants_of_the_code_are_not_trained(from_text, sources):
    """Parameters are; thresholds, masks and what an exporter made up are not."""
    model = from_text(
        """main (float[B,3] x) => (float[B,3] y) { a = Add (x, shift)  b = Mul (a, fixed)
        c = Greater (b, border)  d = Where (c, b, filler)  y = Mul (d, factor) }""",
        shift=normal(3),
        fixed=normal(3),
        border=normal(3),
        filler=normal(3),
        factor=np.float32(0.5),
    )
    graph = model.graph
    graph.initializers["shift"].name = "norm.shift"
    graph.initializers["fixed"].name = "/Constant_3_output_0"
    text = sources(model)["model_component.py"]
    assert 'Constant("norm.shift", (3,))' in text
    assert 'Constant("/Constant_3_output_0", (3,), trainable=False)' in text
    assert 'Constant("border", (3,), trainable=False)' in text
    assert 'Constant("filler", (3,), trainable=False)' in text
    assert "d * 0.5" in text


def test_components_share_a_weight(from_text, packaged, sources, tidy, onnxruntime_of, agrees):
    """One parameter, made by the first component that uses it and handed to the other."""
    model = from_text(
        """main (float[B,T,4] features, int64[B,U] tokens) => (float[B,T,U,4] logits)
        { m = MatMul (features, W)  f = Unsqueeze (m, two)  e = Gather (table, tokens)
        g = Unsqueeze (e, one)  joined = Mul (f, g)  t = Tanh (joined)  logits = MatMul (t, W) }""",
        W=normal(4, 4),
        table=normal(5, 4),
        two=np.array([2]),
        one=np.array([1]),
    )
    module = packaged(model)
    assert module.joint.logits.weight is module.encoder.w
    assert len(list(module.parameters())) == 2
    feeds = {"features": normal(2, 7, 4), "tokens": np.array([[1, 2, 0], [4, 3, 1]])}
    agrees(module, feeds.values(), onnxruntime_of(model)(feeds).values())
    files = sources(model)
    assert "self.joint = Joint(self.encoder.w)" in files["model.py"]
    tidy(files)
