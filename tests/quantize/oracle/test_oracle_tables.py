"""Tables are correctly rounded, symmetric, and read as docs/program-format.md says."""

import numpy as np

from q4compile.quantize.oracle.tables import interpolated, sigmoid_table, tanh_table

X = np.arange(-512, 513) / 32


def test_entries_by_hand():
    assert (len(tanh_table()), len(sigmoid_table())) == (1025, 1025)
    sigmoids = {0: 0, 480: 8813, 512: 16384, 544: 23955, 1024: 32767}  # σ(−1) = 0.268941…
    tanhs = {0: -32768, 480: -24956, 512: 0, 544: 24956, 1024: 32767}  # tanh(1) = 0.761594…
    assert {j: int(sigmoid_table()[j]) for j in sigmoids} == sigmoids
    assert {j: int(tanh_table()[j]) for j in tanhs} == tanhs


def test_entries_lie_half_a_unit_from_the_function():
    """float64 knows them to 1e-11 of a unit; clipping moves the greatest by one more half."""
    for table, function in ((sigmoid_table(), 1 / (1 + np.exp(-X))), (tanh_table(), np.tanh(X))):
        below = 32768 * function < 32767.5
        assert np.abs(table - 32768 * function)[below].max() <= 0.5 + 1e-9
        assert (table[~below] == 32767).all()


def test_symmetry():
    assert (tanh_table()[513:] == np.minimum(-tanh_table()[511::-1], 32767)).all()
    assert (sigmoid_table()[513:] == np.minimum(32768 - sigmoid_table()[511::-1], 32767)).all()


def test_reading_between_entries():
    table = np.arange(1025) * 64
    every = np.arange(-32768, 32768)
    assert (interpolated(table, every) == every + 32768).all()  # a straight line stays one
    table = np.array([0, 10, -10, *[0] * 1022])
    codes = np.array([0, 1, 3, 4, 32, 63, 64, 65, 96]) - 32768
    assert interpolated(table, codes).tolist() == [0, 0, 0, 1, 5, 10, 10, 10, 0]


def test_tables_cannot_be_changed():
    assert not tanh_table().flags.writeable
    assert tanh_table() is tanh_table()
