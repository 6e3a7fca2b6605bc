"""Calls cut to a largest batch give what one call gives; sizes are counted."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from q4compile.runtime.counting import CountingExecutor
from q4compile.runtime.executor import Port, Ports, State
from q4compile.runtime.splitting import SplittingExecutor
from q4compile.runtime.torch_executor import TorchExecutor

PORTS = Ports((Port("x", 2), Port("y", 3)), (Port("sum", 3),), (State("h_in", "h_out", 2, 3),))


def running_sum(x, y, h):
    total = x[:, None] + y
    return total, h + total.sum(1)[None]


@given(st.integers(1, 9), st.integers(1, 4))
def test_parts_add_up(rows, most):
    inner = CountingExecutor(TorchExecutor({"adder": (running_sum, PORTS)}))
    outer = CountingExecutor(SplittingExecutor(inner, most))
    rng = np.random.default_rng(rows)
    feeds = {"x": (rows, 3), "y": (rows, 4, 3), "h_in": (2, rows, 3)}
    feeds = {name: rng.normal(size=shape).astype(np.float32) for name, shape in feeds.items()}
    found = outer.run("adder", feeds)
    total, after = running_sum(*map(torch.from_numpy, feeds.values()))
    assert np.array_equal(found["sum"], total.numpy())
    assert np.array_equal(found["h_out"], after.numpy())
    assert outer.components == {"adder": PORTS}
    assert outer.calls["adder"] == {(rows, 3): 1}
    assert inner.figures() == {"adder_calls": -(-rows // most), "adder_rows": rows}
    assert max(shape[0] for shape in inner.calls["adder"]) <= most
