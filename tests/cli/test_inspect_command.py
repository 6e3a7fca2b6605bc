"""``q4compile inspect``: float files, ours, and those of another quantizer."""

import json
import logging

import numpy as np
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from running import fail, succeed

from q4compile.report.record import read_record


def inspected(*paths):
    return json.loads(succeed("inspect", "--json", *paths))


def test_a_float_model(here, networks):
    (found,) = inspected("model.onnx").values()
    numbers = sum(each.numel() for each in networks["model"].parameters())
    assert found["parameters"] == numbers
    assert found["parameter_bytes_as_float32"] == 4 * numbers
    assert found["lstm_int4_share"] == 0
    assert [part["name"] for part in found["components"]] == ["encoder", "predictor", "joint"]


def test_our_quantized_files_have_the_same_parameters_in_other_types(here, networks):
    for form in ("qdq", "exact"):
        succeed("quantize", "model.onnx", "--calib-limit", "2", "--form", form, "-o", "q.onnx")
        figures = read_record(here / "q.onnx.record.json").figures
        (found,) = inspected("q.onnx").values()
        assert found["parameters"] == sum(e.numel() for e in networks["model"].parameters())
        assert found["lstm_int4_share"] == 1
        assert found["stored_bytes"] == figures["data_bytes"]
        for part in found["components"]:
            assert set(part["parameters_by_dtype"]) <= {"FLOAT16", "INT4", "INT8"}


class OneFeed(CalibrationDataReader):
    """What onnxruntime's quantizer calibrates on."""

    def __init__(self):
        self.feeds = iter([{"tokens": np.array([[0, 3, 4]])}])

    def get_next(self):
        return next(self.feeds, None)


def test_another_tools_file(here, networks):
    logging.disable(logging.WARNING)  # it recommends a preprocessing that is not the point here
    try:
        quantize_static(
            "lm.onnx",
            "foreign.onnx",
            OneFeed(),
            quant_format=QuantFormat.QDQ,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["LSTM", "MatMul", "Gather"],
        )
    finally:
        logging.disable(logging.NOTSET)
    (found,) = inspected("foreign.onnx").values()
    assert found["parameters"] == sum(each.numel() for each in networks["lm"].parameters())
    assert list(found["lstm_elements_by_dtype"]) == ["INT8"]


def test_the_text(here, golden):
    golden("inspect/lm.txt", succeed("inspect", "lm.onnx"))
    both = succeed("inspect", "lm.onnx", "model.onnx", "-o", "both.txt")
    assert both == ""
    assert (here / "both.txt").read_text().startswith(succeed("inspect", "lm.onnx"))


def test_a_missing_model(here):
    assert fail(3, "inspect", "modell.onnx").startswith("error[Q10")
