"""Small graphs of every quantizable kind, as text, with their constants and a feed."""

from dataclasses import dataclass

import numpy as np

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


@dataclass(frozen=True)
class Small:
    text: str
    constants: dict
    feeds: tuple


def normal(*shape, seed=0):
    rng = np.random.default_rng([seed, *shape])
    return rng.standard_normal(shape).astype(np.float32) * np.float32(0.6)


def sequences(count=3, width=6, steps=5, batch=2):
    return tuple({"x": normal(steps, batch, width, seed=seed)} for seed in range(count))


def vectors(width=6, **more):
    return tuple({"x": normal(4, width, seed=seed), **more} for seed in range(3))


def weights(kind, width=6, hidden=4, directions=1, suffix=""):
    rows = GATES[kind] * hidden
    return {
        f"W{suffix}": normal(directions, rows, width),
        f"R{suffix}": normal(directions, rows, hidden),
        f"B{suffix}": normal(directions, 2 * rows),
    }


def recurrent(kind, attributes=""):
    text = f"""main (float[T,B,6] x) => (float[T,1,B,4] y, float[1,B,4] last)
        {{ y, last = {kind} <hidden_size = 4{attributes}> (x, W, R, B) }}"""
    return Small(text, weights(kind), sequences())


def after_product(between):
    """Two products with nodes between them that make y1 of m."""
    numbers = {"low": -0.5, "high": 0.8, "zero": 0, "one": 1, "six": 6}
    return Small(
        f"""main (float[B,6] x) => (float[B,5] y)
        {{ m = MatMul (x, V)  {between}  y = MatMul (y1, W) }}""",
        {
            "V": normal(6, 6),
            "W": normal(6, 5),
            **{n: np.float32(each) for n, each in numbers.items() if n in between},
        },
        vectors(),
    )


IDS = tuple({"ids": np.array([[1, 5, 2], [0, 0, 4]]) + seed} for seed in range(2))
STATES = tuple(
    {**feed, "h0": np.tanh(feed["x"][:1, :, :4]) / 4, "c0": normal(1, 2, 4, seed=8)}
    for feed in sequences()
)

MODELS = {
    "matmul-add": Small(
        "main (float[B,6] x) => (float[B,5] y) { m = MatMul (x, W)  y = Add (m, b) }",
        {"W": normal(6, 5), "b": normal(5)},
        vectors(),
    ),
    "matmul-last": Small(
        "main (float[B,6] x) => (float[B,5] y) { y = MatMul (x, W) }",
        {"W": normal(6, 5)},
        vectors(),
    ),
    "matmul-left": Small(
        "main (float[6,4] x) => (float[5,4] y) { y = MatMul (W, x) }",
        {"W": normal(5, 6)},
        tuple({"x": normal(6, 4, seed=seed)} for seed in range(3)),
    ),
    "matmul-vector": Small(
        "main (float[B,6] x) => (float[B] y) { y = MatMul (x, W) }", {"W": normal(6)}, vectors()
    ),
    "gemm": Small(
        "main (float[B,6] x) => (float[B,5] y) { y = Gemm <transB = 1> (x, W, b) }",
        {"W": normal(5, 6), "b": normal(5)},
        vectors(),
    ),
    "gemm-scaled": Small(
        "main (float[B,6] x) => (float[B,5] y) { y = Gemm <alpha = 0.5, beta = 2.0> (x, W, b) }",
        {"W": normal(6, 5), "b": normal(5)},
        vectors(),
    ),
    "conv": Small(
        "main (float[B,3,9] x) => (float[B,4,9] y) { y = Conv <pads = [1, 1]> (x, W, b) }",
        {"W": normal(4, 3, 3), "b": normal(4)},
        tuple({"x": normal(2, 3, 9, seed=seed) + np.float32(0.5)} for seed in range(3)),
    ),
    "conv-grouped": Small(
        "main (float[B,4,9] x) => (float[B,4,9] y)"
        " { y = Conv <pads = [1, 1], group = 4> (x, W, b) }",
        {"W": normal(4, 1, 3), "b": normal(4)},
        tuple({"x": normal(2, 4, 9, seed=seed)} for seed in range(3)),
    ),
    "embedding-lstm": Small(
        """main (int64[B,U] ids) => (float[U,1,B,4] y) { e = Gather (table, ids)
        x = Transpose <perm = [1, 0, 2]> (e)  y = LSTM <hidden_size = 4> (x, W, R, B) }""",
        {"table": normal(8, 6), **weights("LSTM")},
        IDS,
    ),
    "two-bilstms": Small(
        """main (float[T,B,6] x, int32[B] lengths) => (float[T,2,B,4] y) {
        h = LSTM <hidden_size = 4, direction = "bidirectional"> (x, W, R, B, lengths)
        t = Transpose <perm = [0, 2, 1, 3]> (h)  f = Reshape (t, shape)
        y = LSTM <hidden_size = 4, direction = "bidirectional"> (f, W2, R2, B2, lengths) }""",
        {
            **weights("LSTM", directions=2),
            **weights("LSTM", width=8, directions=2, suffix="2"),
            "shape": np.array([0, 0, 8]),
        },
        tuple({**feed, "lengths": np.array([5, 3], np.int32)} for feed in sequences()),
    ),
    "gru": recurrent("GRU"),
    "gru-linear": recurrent("GRU", ", linear_before_reset = 1"),
    "rnn-tanh": recurrent("RNN"),
    "rnn-relu": recurrent("RNN", ', activations = ["Relu"]'),
    "lstm-reverse": recurrent("LSTM", ', direction = "reverse"'),
    "two-activations": Small(
        """main (float[B,4,6] x, float[B,6,4] z) => (float[B,4,4] y) { y = MatMul (x, z) }""",
        {},
        tuple({"x": normal(2, 4, 6, seed=s), "z": normal(2, 6, 4, seed=s)} for s in range(3)),
    ),
    "a-square": Small(
        "main (float[4,4] x) => (float[4,4] y) { y = MatMul (x, x) }",
        {},
        tuple({"x": normal(4, 4, seed=seed)} for seed in range(3)),
    ),
    "last-state": Small(
        """main (float[T,B,6] x) => (float[B,5] y) { , last = LSTM <hidden_size = 4> (x, W, R, B)
        s = Squeeze (last, axes)  y = Gemm <transB = 1> (s, V, b) }""",
        {**weights("LSTM"), "V": normal(5, 4), "b": normal(5), "axes": np.array([0])},
        sequences(),
    ),
    "no-bias-one-state": Small(
        """main (float[T,B,6] x, float[1,B,4] h0) => (float[T,1,B,4] y, float[1,B,4] c)
        { y, , c = LSTM <hidden_size = 4> (x, W, R, , , h0) }""",
        {name: value for name, value in weights("LSTM").items() if name != "B"},
        STATES,
    ),
    "only-c0": Small(
        """main (float[T,B,6] x, float[1,B,4] c0) => (float[T,1,B,4] y, float[1,B,4] c)
        { y, , c = LSTM <hidden_size = 4> (x, W, R, B, , , c0) }""",
        weights("LSTM"),
        STATES,
    ),
    "shared-constant": Small(
        """main (int64[B,U] ids) => (float[B,U,8] y)
        { e = Gather (table, ids)  f = Reshape (e, flat)  g = Tanh (f)
        p = Gemm <transB = 1> (g, table)  y = Reshape (p, shape) }""",
        {"table": normal(8, 6), "flat": np.array([-1, 6]), "shape": np.array([2, 3, 8])},
        IDS,
    ),
    "shared-with-others": Small(
        """main (float[B,6] x) => (float[B,6] y, float[6,6] z)
        { m = MatMul (x, W)  z = Exp (W)  y = MatMul (m, W) }""",
        {"W": normal(6, 6)},
        vectors(),
    ),
    "two-readers": Small(
        """main (float[B,6] x) => (float[B,5] y, float[B,6] z)
        { y = MatMul (x, W)  z = MatMul (x, V) }""",
        {"W": normal(6, 5), "V": normal(6, 6)},
        vectors(),
    ),
    "products-of-products": Small(
        """main (float[B,6] x) => (float[B,B] y, float[B,4] z)
        { a = MatMul (x, V)  t = Transpose (a)  y = MatMul (a, t)  b = Tanh (a)
        c = Gemm <alpha = 0.5> (a, U)  z = Add (c, b) }""",
        {"V": normal(6, 4), "U": normal(4, 4)},
        vectors(),
    ),
    "an-output-that-is-read": Small(
        """main (float[B,6] x) => (float[B,6] y, float[B,5] z)
        { y = MatMul (x, V)  z = MatMul (y, W) }""",
        {"W": normal(6, 5), "V": normal(6, 6)},
        vectors(),
    ),
    "relu": after_product("y1 = Relu (m)"),
    "relu-and-output": Small(
        """main (float[B,6] x) => (float[B,5] y, float[B,6] r)
        { m = MatMul (x, V)  r = Relu (m)  y = MatMul (r, W) }""",
        {"V": normal(6, 6), "W": normal(6, 5)},
        vectors(),
    ),
    "relu-identity": after_product("r = Relu (m)  s = Mul (r, one)  y1 = Identity (s)"),
    "clip": after_product("y1 = Clip (m, low, high)"),
    "clip-low": after_product("y1 = Clip (m, low)"),
    "clip-high": after_product("y1 = Clip (m, , high)"),
    "clip-no-ends": after_product("y1 = Clip (m)"),
    "relu6": after_product("y1 = Clip (m, zero, six)"),
    "leaky-relu": after_product("y1 = LeakyRelu <alpha = 0.1> (m)"),
    "elu": after_product("y1 = Elu (m)"),
    "conv-relu-pool-conv": Small(
        """main (float[B,3,9] x) => (float[B,2,5] y) { c = Conv <pads = [1, 1]> (x, W, b)
        r = Relu (c)  p = MaxPool <kernel_shape = [3], strides = [2], pads = [1, 1]> (r)
        y = Conv <pads = [1, 1]> (p, V) }""",
        {"W": normal(4, 3, 3), "b": normal(4), "V": normal(2, 4, 3)},
        tuple({"x": normal(2, 3, 9, seed=seed)} for seed in range(3)),
    ),
    "relu-transpose-lstm": Small(
        """main (float[B,T,6] x) => (float[T,1,B,4] y) { m = MatMul (x, V)  r = Relu (m)
        t = Transpose <perm = [1, 0, 2]> (r)  y = LSTM <hidden_size = 4> (t, W, R, B) }""",
        {"V": normal(6, 6), **weights("LSTM")},
        tuple({"x": normal(2, 5, 6, seed=seed)} for seed in range(3)),
    ),
}
