import numpy as np

from q4compile.numerics.histogram import Histogram
from q4compile.recipe.subject import Measured, Subject


def subject(*shape):
    return Subject("joint", "joint/out", "MatMul", "weight", "W", shape)


def test_size_is_known_when_every_axis_is():
    assert subject(256, 46).size == 256 * 46
    assert subject().size == 1
    assert subject(None, 46).size is None


def test_place_in_words():
    assert subject(None, 46).place == "node 'joint/out' (MatMul), weight 'W' [?, 46]"


def test_measured_of_a_histogram():
    histogram = Histogram()
    histogram.add(np.float32([-1, 1] * 500 + [100]))
    measured = Measured.of(histogram)
    assert measured.max_abs == 100.0
    assert measured.outlier_share == 1 / 1001
    assert measured.kurtosis == histogram.kurtosis > 100
    assert measured.skew == histogram.skew > 10
