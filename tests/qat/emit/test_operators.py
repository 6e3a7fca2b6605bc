"""Every operator of the registry gives what ONNX's own test cases expect."""

import pytest
from onnx_cases import EMPTY, REFUSED, arrays, as_fed, as_stored, by_operator

from q4compile.errors import ModelError
from q4compile.qat.emit.package import make_package
from q4compile.qat.emit.registry import BY_NAME, OPERATORS
from q4compile.quantize.network_read import read_network

RECURRENT = ("GRU", "LSTM", "RNN")
UNTESTED = {"GlobalLpPool"}
"""Operators of the registry for which ONNX has no case of one node."""
MOST = 6
"""Cases of an operator that are tried with constants."""


@pytest.mark.parametrize("op", [op for op in by_operator() if op not in RECURRENT])
def test_with_everything_fed(op, packaged, agrees):
    for name, case in by_operator()[op].items():
        if name in REFUSED:
            with pytest.raises(ModelError, match=REFUSED[name]):
                make_package(read_network(as_fed(case), "model"))
        elif name not in EMPTY:
            module = packaged(as_fed(case))
            for feeds, expected in case.data_sets:
                agrees(module, arrays(feeds), arrays(expected), max(case.rtol, 1e-5), 1e-5, name)


@pytest.mark.parametrize("op", by_operator())
def test_with_constants(op, packaged, agrees):
    """All inputs but the first are constants of the model: weights, axes, shapes, pads."""
    for name, case in list(by_operator()[op].items())[:MOST]:
        several = len(case.model.graph.input) > 1
        if several and name not in {*EMPTY, *REFUSED}:
            module, (feeds, expected) = packaged(as_stored(case)), case.data_sets[0]
            limits = (max(case.rtol, 1e-5), 1e-5)
            agrees(module, arrays(feeds)[:1], arrays(expected), *limits, name)


@pytest.mark.parametrize("op", RECURRENT)
def test_recurrent_weights_are_constants(op):
    """Weights that come from outside are refused, and so are forms that the layers lack."""
    for name, case in by_operator()[op].items():
        model = as_stored(case) if name in REFUSED else as_fed(case)
        with pytest.raises(ModelError, match=REFUSED.get(name, "a constant W")):
            make_package(read_network(model, "model"))


def test_the_registry_is_sorted_and_tested():
    names = [each.name for each in OPERATORS]
    assert names == sorted(names)
    assert len(BY_NAME) == len(names)
    assert set(names) - set(by_operator()) == UNTESTED
