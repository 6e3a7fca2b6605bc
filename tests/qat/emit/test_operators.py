"""Every operator of the registry gives what ONNX's own test cases expect."""

import pytest
from onnx_cases import EMPTY, REFUSED, arrays, as_fed, as_stored, cases

from q4compile.errors import ModelError
from q4compile.qat.emit.package import make_package
from q4compile.qat.emit.registry import BY_NAME, OPERATORS
from q4compile.quantize.network_read import read_network

RECURRENT = ("gru", "lstm", "rnn", "simple_rnn")
UNTESTED = {"GlobalLpPool"}
"""Operators of the registry for which ONNX has no case of one node."""


def is_recurrent(name):
    return name.startswith(RECURRENT)


@pytest.mark.parametrize("name", [n for n in cases() if n not in EMPTY and not is_recurrent(n)])
def test_with_everything_fed(name, packaged, agrees):
    case = cases()[name]
    if name in REFUSED:
        with pytest.raises(ModelError, match=REFUSED[name]):
            make_package(read_network(as_fed(case), "model"))
        return
    module = packaged(as_fed(case))
    for feeds, expected in case.data_sets:
        agrees(module, arrays(feeds), arrays(expected), max(case.rtol, 1e-5), 1e-5)


@pytest.mark.parametrize("name", [n for n in cases() if n not in {*EMPTY, *REFUSED}])
def test_with_constants(name, packaged, agrees):
    """All inputs but the first are constants of the model: weights, axes, shapes, pads."""
    case = cases()[name]
    if len(case.model.graph.input) == 1:
        pytest.skip("nothing to store")
    module = packaged(as_stored(case))
    feeds, expected = case.data_sets[0]
    agrees(module, arrays(feeds)[:1], arrays(expected), max(case.rtol, 1e-5), 1e-5)


@pytest.mark.parametrize("name", [n for n in cases() if is_recurrent(n)])
def test_recurrent_weights_are_constants(name):
    """Weights that come from outside are refused, and so are forms that the layers lack."""
    stored = name in REFUSED
    model = as_stored(cases()[name]) if stored else as_fed(cases()[name])
    with pytest.raises(ModelError, match=REFUSED.get(name, "a constant W")):
        make_package(read_network(model, "model"))


def test_the_registry_is_sorted_and_tested():
    names = [each.name for each in OPERATORS]
    assert names == sorted(names)
    assert len(BY_NAME) == len(names)
    tested = {case.model.graph.node[0].op_type for case in cases().values()}
    assert set(names) - tested == UNTESTED
