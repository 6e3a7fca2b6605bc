"""The mean of training runs: exact, in any order, with scales that fit the mean weights."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_package import Joint, filled

from q4compile.errors import ModelError
from q4compile.qat.average import average
from q4compile.quantize.weights_file import read_weights


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A function that saves a filled network, edited or not, and returns the file."""
    folder = tmp_path_factory.mktemp("runs")

    def save(name, edit=lambda network: None, seed=0):
        network = filled(Joint(), seed)
        with torch.no_grad():
            edit(network)
        network.refresh_ranges()
        network.save(folder / name)
        return folder / name

    return save


def test_of_equal_runs_it_is_the_run_bit_for_bit(saved, tmp_path):
    run, network = saved("same"), Joint()
    assert average(network, [run] * 3) == 0
    network.save(tmp_path / "mean")
    assert (tmp_path / "mean").read_bytes() == run.read_bytes()


grid = st.integers(-(2**20), 2**20).map(lambda n: n / 1024)


@given(st.lists(grid, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_it_is_the_mean_in_any_order(saved, values, random):
    runs = [saved(f"{i}", lambda joint, v=v: joint.b.value.fill_(v)) for i, v in enumerate(values)]
    random.shuffle(runs)
    network = Joint()
    average(network, runs)
    exact = sum(map(Fraction, values)) / len(values)
    assert (network.b.value.detach().numpy() == np.float32(float(exact))).all()


@pytest.mark.parametrize(("zeros", "kept"), [((-2, -3), -2), ((-3, -4), -4), ((1, 1, -1), 0)])
def test_zero_points_go_to_the_nearest_code(saved, tmp_path, zeros, kept):
    runs = [saved(f"z{i}", lambda joint, z=z: joint.x.zero.fill_(z)) for i, z in enumerate(zeros)]
    network = Joint()
    average(network, runs)
    assert network.x.zero.item() == pytest.approx(sum(zeros) / len(zeros), abs=1e-7)
    network.save(tmp_path / "mean")
    assert read_weights(tmp_path / "mean").tensors["joint.x.zero_point"] == kept


def test_learned_scales_are_means_and_those_that_follow_weights_follow_the_mean(saved):
    runs = [saved(f"s{seed}", seed=seed) for seed in (1, 2)]
    held = [read_weights(run).tensors for run in runs]
    network = Joint()
    average(network, runs)
    mean = {name: (a + held[1][name]) / 2 for name, a in held[0].items()}
    assert np.allclose(network.w.scale.detach().numpy(), mean["joint.w.scale"], rtol=1e-6, atol=0)
    own = network.table.scale.clone()
    assert not np.array_equal(own.numpy(), mean["table.scale"])
    network.table.refresh()
    assert torch.equal(network.table.scale, own)


@pytest.mark.parametrize(
    ("factors", "spread"), [((1, 3), 0.5), ((2, 2), 0.0), ((1, 2, 3), 0.40825)]
)
def test_how_far_the_runs_lie_from_their_mean(saved, factors, spread):
    def scaled(factor):
        def edit(joint):
            for each in joint.parameters():
                each.mul_(factor)

        return edit

    runs = [saved(f"f{i}", scaled(factor)) for i, factor in enumerate(factors)]
    assert average(Joint(), runs) == pytest.approx(spread, rel=1e-3, abs=1e-7)


def test_runs_that_began_at_different_models_are_refused(saved, golden):
    def began_at(digit):
        def edit(joint):
            joint.about = {**joint.about, "source_sha256": digit * 64}

        return edit

    runs = [saved("one", began_at("1")), saved("two", began_at("2"))]
    with pytest.raises(ModelError) as caught:
        average(Joint(), runs)
    golden("errors/Q157-average.txt", str(caught.value).replace(f"{runs[0].parent}/", ""))


def test_a_run_that_diverged_is_refused(saved):
    broken = read_weights(saved("three"))
    held = {**broken.tensors, "joint.b": np.full(6, np.nan, np.float32)}
    replace(broken, tensors=held).write(broken.file)
    with pytest.raises(ModelError, match="Q154"):
        average(Joint(), [saved("one"), broken.file])
