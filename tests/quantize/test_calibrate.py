"""Statistics are those of the numbers themselves, in whatever order and portions they come."""

import pickle
import tracemalloc
import zipfile

import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from q4compile.errors import DataError
from q4compile.numerics.histogram import Histogram
from q4compile.quantize.calibrate import calibrate
from q4compile.quantize.feeds import read_npz
from q4compile.quantize.quantize import quantize

HIDDEN, WIDTH = 5, 3
TEXT = """main (float[T,B,3] x, int32[B] lengths) => (float[T,B,4] y, float[2,B,5] y_c) {
    h, y_h, y_c = LSTM <hidden_size = 5, direction = "bidirectional"> (x, W, R, B, lengths)
    batch_first = Transpose <perm = [0, 2, 1, 3]> (h)
    flat = Reshape (batch_first, shape)
    y = MatMul (flat, out)
}"""
NODE = "h"


def normal(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)


@pytest.fixture(scope="module")
def model(from_text):
    rng = np.random.default_rng(0)
    return from_text(
        TEXT,
        W=normal(rng, 2, 4 * HIDDEN, WIDTH),
        R=normal(rng, 2, 4 * HIDDEN, HIDDEN),
        B=normal(rng, 2, 8 * HIDDEN),
        shape=np.array([0, 0, 10]),
        out=normal(rng, 2 * HIDDEN, 4),
    )


def feed(seed, steps=6, batch=2):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, steps + 1, batch).astype(np.int32)
    return {"x": normal(rng, steps, batch, WIDTH), "lengths": lengths}


def same(one, other):
    assert one.extent.__dict__ == other.extent.__dict__
    assert one.zeros == other.zeros
    assert one.exponent == other.exponent
    np.testing.assert_array_equal(one.counts, other.counts)
    np.testing.assert_allclose(one.power_sums, other.power_sums, rtol=1e-12)


NAMES = ("x", f"{NODE}", f"{NODE}.c", f"{NODE}.gates", "flat", "y")


def test_extremes_count_what_histograms_count(model):
    feeds = [feed(seed) for seed in range(3)]
    full = calibrate(model, feeds, NAMES, ())
    extremes = calibrate(model, feeds, (), NAMES)
    assert set(full) == set(extremes) == set(NAMES)
    for name in NAMES:
        assert full[name].extent.__dict__ == extremes[name].extent.__dict__
        assert extremes[name].counts.sum() == 0


@settings(max_examples=15)
@given(order=st.permutations(range(5)))
def test_the_order_of_the_feeds_does_not_matter(model, order):
    whole = calibrate(model, [feed(seed) for seed in range(5)], NAMES, ())
    shuffled = calibrate(model, (feed(seed) for seed in order), NAMES, ())
    for name in NAMES:
        same(whole[name], shuffled[name])


def test_a_batch_counts_as_its_sequences_one_by_one(model):
    """Values, not runs, are what is counted; each sequence alone is as long as in the batch."""
    batch = feed(7, batch=4)
    alone = [{"x": batch["x"][:, [n]], "lengths": batch["lengths"][[n]]} for n in range(4)]
    together, apart = calibrate(model, [batch], NAMES, ()), calibrate(model, alone, NAMES, ())
    for name in ("x", "h", "h.c"):
        assert together[name].extent.count == apart[name].extent.count
        # A product of one row rounds otherwise than one of four: 1e-6 is 1 of 4096 bins at most.
        np.testing.assert_allclose(together[name].power_sums, apart[name].power_sums, rtol=1e-5)


def numpy_lstm(model, feeds):
    """(c, gate pre-activations) of every step and direction, zero behind the end of a sequence."""
    weights = {name: value.const_value.numpy() for name, value in model.graph.initializers.items()}
    x, lengths = feeds["x"].astype(np.float64), feeds["lengths"]
    steps, batch, _ = x.shape
    cells = np.zeros((steps, 2, batch, HIDDEN))
    gates = np.zeros((steps, 2, batch, 4 * HIDDEN))
    for d in range(2):
        bias = weights["B"][d, : 4 * HIDDEN] + weights["B"][d, 4 * HIDDEN :]
        for n in range(batch):
            h = c = np.zeros(HIDDEN)
            order = range(lengths[n]) if d == 0 else reversed(range(lengths[n]))
            for t in order:
                z = weights["W"][d] @ x[t, n] + weights["R"][d] @ h + bias
                i, o, f = (1 / (1 + np.exp(-z[g * HIDDEN : (g + 1) * HIDDEN])) for g in range(3))
                c = f * c + i * np.tanh(z[3 * HIDDEN :])
                h = o * np.tanh(c)
                cells[t, d, n], gates[t, d, n] = c, z
    return cells, gates


def test_cells_and_gates_are_those_of_a_numpy_lstm(model):
    feeds = [feed(seed, steps=9, batch=3) for seed in range(4)]
    seen = calibrate(model, feeds, (f"{NODE}.c", f"{NODE}.gates"), ())
    for name, index in ((f"{NODE}.c", 0), (f"{NODE}.gates", 1)):
        expected = Histogram()
        for each in feeds:
            expected.add(numpy_lstm(model, each)[index].astype(np.float32))
        found = seen[name]
        assert found.extent.count == expected.extent.count
        assert found.zeros == expected.zeros
        assert abs(found.extent.minimum - expected.extent.minimum) < 1e-5
        assert abs(found.extent.maximum - expected.extent.maximum) < 1e-5
        np.testing.assert_allclose(found.power_sums, expected.power_sums, rtol=1e-5, atol=1e-5)
        moved = np.abs(np.cumsum(found.counts - expected.counts)).max()
        assert moved <= 0.01 * found.extent.count  # values within 1e-6 of a bin's border


def test_memory_is_flat_in_the_number_of_feeds(model):
    """Ten times the feeds, at most a tenth more memory at the peak."""

    def peak(count):
        tracemalloc.start()
        calibrate(model, (feed(seed, 200, 4) for seed in range(count)), NAMES, ())
        _, bytes_at_peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return bytes_at_peak

    peak(1)  # what is loaded once and stays
    assert peak(50) <= 1.1 * peak(5)


def test_the_model_is_left_as_it_was(model, recipe):
    before = ir.to_proto(model).SerializeToString()
    calibrate(model, [feed(0)], NAMES, ())
    chosen = recipe(bias="format: fp16", rest="format: int4")
    quantize(model, chosen, [feed(0)], form="exact")
    quantize(model, chosen, [feed(0)])
    assert ir.to_proto(model).SerializeToString() == before


def test_feeds_are_read_once_and_one_at_a_time(model):
    alive = []

    def feeds():
        for seed in range(4):
            alive.append(seed)
            yield feed(seed)

    def progress(items, label, total):
        for number, item in enumerate(items):
            assert (alive, label, total) == (list(range(number + 1)), "calibrating", 4)
            yield item

    calibrate(model, feeds(), NAMES, (), progress, 4)
    assert alive == [0, 1, 2, 3]


def test_nothing_is_run_when_nothing_is_asked(model, recipe):
    def never():
        raise AssertionError("no feed is needed")
        yield

    # c and gates are observed wherever there is a recurrence; a MatMul alone has none
    weights_only = recipe(weight__recurrent_weight="format: int4", rest="format: fp32")
    chain = ir.from_onnx_text("""<ir_version: 10, opset_import: ["" : 21]>
        m (float[B,2] x) => (float[B,1] y) <float[2,1] W = {1, 2}> { [y] y = MatMul (x, W) }""")
    assert quantize(chain, weights_only, never()).plan.entries


def refusal(golden, slug, call, **hidden):
    with pytest.raises(DataError) as caught:
        call()
    golden(f"errors/{slug}.txt", str(caught.value), **hidden)


def test_no_feeds(model, golden):
    refusal(golden, "Q520-no-feeds", lambda: calibrate(model, [], NAMES, ()))


def test_feeds_that_do_not_fit(model, golden):
    """Everything that is wrong with a feed is said at once."""
    good = feed(0)
    bad = {
        "missing": {"x": good["x"]},
        "empty": {},
        "rank": {**good, "x": good["x"][0]},
        "type": {"x": good["x"].astype(np.float64), "lengths": good["lengths"].astype(np.int64)},
        "width": {**good, "x": good["x"][:, :, :2]},
    }
    for slug, each in bad.items():
        feeds = [feed(0), each]
        refusal(golden, f"Q521-{slug}", lambda feeds=feeds: calibrate(model, feeds, NAMES, ()))


def test_feeds_whose_inputs_do_not_fit_together(model):
    unfit = {**feed(0), "lengths": np.array([1, 2, 3], np.int32)}
    with pytest.raises(DataError) as caught:
        calibrate(model, [unfit], NAMES, ())
    (finding,) = caught.value.findings
    assert (finding.code, finding.at) == ("Q521", "feed 0")
    assert finding.got  # onnxruntime's own words


def test_extra_arrays_of_a_feed_are_let_be(model):
    calibrate(model, [{**feed(0), "transcript": np.array(["HELLO"])}], NAMES, ())


def test_numbers_that_are_none(model, golden):
    nan, inf = feed(0), feed(0)
    nan["x"][0, 0, 0] = np.nan
    inf["x"][1] = np.inf
    refusal(golden, "Q522-nan-feed", lambda: calibrate(model, [feed(0), nan], NAMES, ()))
    refusal(golden, "Q522-inf-feed", lambda: calibrate(model, [inf], NAMES, ()))


def test_a_model_that_overflows(from_text, golden):
    text = "main (float[B,2] x) => (float[B,2] y) { big = Exp (x)  y = MatMul (big, W) }"
    model = from_text(text, W=np.eye(2, dtype=np.float32))
    feeds = [{"x": np.full((1, 2), value, np.float32)} for value in (1, 200)]
    refusal(golden, "Q522-overflow", lambda: calibrate(model, feeds, ("big",), ("y",)))


def broken_files(folder):
    np.savez_compressed(folder / "good.npz", x=np.arange(1000.0))
    good = (folder / "good.npz").read_bytes()
    (folder / "good.npz").unlink()
    with zipfile.ZipFile(folder / "object.npz", "w") as archive:
        np.lib.format.write_array(archive.open("x.npy", "w"), np.array([{}], object))
    files = {
        "empty": b"",
        "text": b"not an archive at all",
        "truncated": good[: len(good) // 2],
        "pickle": pickle.dumps({"x": 1}),
        "object": (folder / "object.npz").read_bytes(),
        "not-an-array": None,
        "flipped": good[:90] + bytes([good[90] ^ 0xFF]) + good[91:],
    }
    (folder / "object.npz").unlink()
    return files


def test_files_that_are_no_feeds(tmp_path, golden):
    for slug, content in broken_files(tmp_path).items():
        path = tmp_path / f"{slug}.npz"
        if content is None:
            np.save(tmp_path / "one.npy", np.arange(3))
            (tmp_path / "one.npy").rename(path)
        else:
            path.write_bytes(content)
        refusal(golden, f"Q523-{slug}", lambda: list(read_npz(tmp_path)), folder=tmp_path)
        path.unlink()


@given(data=st.data())
@settings(max_examples=200)
def test_no_damage_to_a_file_ends_in_a_traceback(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged")
    save = data.draw(st.sampled_from([np.savez, np.savez_compressed]))
    save(folder / "a.npz", x=np.arange(40.0), y=np.ones((2, 3), np.int64))
    content = bytearray((folder / "a.npz").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (folder / "a.npz").write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        feeds = list(read_npz(folder))
    except DataError as error:
        assert {finding.code for finding in error.findings} == {"Q523"}
    else:
        assert len(feeds) == 1


def test_a_folder_of_feeds_comes_in_the_order_of_its_names(tmp_path, golden):
    for name in ("b", "a", "c"):
        np.savez(tmp_path / f"{name}.npz", x=np.array([ord(name)]))
    (tmp_path / "notes.txt").write_text("not a feed")
    assert [chr(feed["x"][0]) for feed in read_npz(tmp_path)] == ["a", "b", "c"]
    assert len(list(read_npz(tmp_path / "a.npz"))) == 1
    with pytest.raises(DataError) as caught:
        list(read_npz(tmp_path / "missing"))
    assert caught.value.findings[0].code == "Q520"
