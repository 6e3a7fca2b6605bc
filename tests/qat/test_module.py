"""Packages: tensors under their ONNX names in, and out again, or an error that says why not."""

import copy
import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file
from small_package import Joint, filled
from torch import nn

from q4compile.errors import ModelError
from q4compile.qat import Activation, Constant, QatModule
from q4compile.quantize.weights_file import HEADER, read_weights


def test_what_is_saved_is_loaded_bit_for_bit(tmp_path):
    saved = filled(Joint())
    saved.save(tmp_path / "a")
    loaded = Joint(tmp_path / "a")
    assert loaded.about == saved.about
    assert loaded.props == {"q4compile.units": "é"}
    for name, tensor in saved.tensors().items():
        assert torch.equal(loaded.tensors()[name], tensor), name
    loaded.save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_file_holds_onnx_names_and_types(tmp_path):
    filled(Joint()).save(tmp_path / "a")
    types = {name: array.dtype.name for name, array in read_weights(tmp_path / "a").tensors.items()}
    assert types == {
        "joint.b": "float32",
        "joint.w": "float32",
        "joint.w.scale": "float32",
        "joint.x.scale": "float32",
        "joint.x.zero_point": "int32",
        "steps": "int64",
        "table": "float32",
        "table.scale": "float32",
    }


@pytest.mark.parametrize(("learned", "stored"), [(-2.4, -2), (2.5, 2), (1e9, 7), (-1e9, -8)])
def test_a_learned_zero_point_is_stored_as_the_code_it_acts_as(tmp_path, learned, stored):
    network = filled(Joint())
    network.x.zero.data.fill_(learned)
    network.save(tmp_path / "a")
    assert read_weights(tmp_path / "a").tensors["joint.x.zero_point"] == stored
    assert network.x.encoding()[1] == stored
    x = torch.linspace(-20, 20, 64).reshape(8, 8)
    assert torch.equal(Joint(tmp_path / "a").x(x), network.x(x))


def rewritten(path, change):
    """A saved package after `change(header, tensors)`."""
    filled(Joint()).save(path)
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()[HEADER])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    header = change(header, tensors) or header
    save_file(tensors, path, {HEADER: json.dumps(header)})


def missing(path):
    """No file."""


def an_empty_folder(path):
    path.mkdir()


def text(path):
    path.write_text("these are no weights, but long enough to be read as some")


def truncated(path):
    filled(Joint()).save(path)
    path.write_bytes(path.read_bytes()[:-40])


def foreign(path):
    save_file({"weight": torch.zeros(3)}, path, {"format": "pt"})


def no_header(path):
    save_file({"weight": torch.zeros(3)}, path)


def number_types(path):
    narrow = {torch.bfloat16: "a", torch.float8_e4m3fn: "b"}
    save_file({name: torch.zeros(3).to(kind) for kind, name in narrow.items()}, path)


def header_cut(path):
    save_file({"weight": torch.zeros(3)}, path, {HEADER: '{"format_version": 1, "pr'})


def header_deep(path):
    save_file({"weight": torch.zeros(3)}, path, {HEADER: "[" * 200_000})


def header_a_list(path):
    rewritten(path, lambda header, tensors: [1])


def newer(path):
    rewritten(path, lambda header, tensors: header.update(format_version=7))


def props_a_list(path):
    rewritten(path, lambda header, tensors: header.update(props=["a"]))


def without_props(path):
    rewritten(path, lambda header, tensors: header.pop("props") and None)


def another_network(path):
    save_file({"encoder.w": torch.zeros(3)}, path, {HEADER: '{"format_version": 1, "props": {}}'})


def misnamed(path):
    def change(header, tensors):
        tensors["joint.ww"] = tensors.pop("joint.w")
        del tensors["joint.x.zero_point"]
        tensors["another"] = torch.zeros(1)

    rewritten(path, change)


def misshapen(path):
    def change(header, tensors):
        tensors["joint.w"] = tensors["joint.w"].t().contiguous()
        tensors["joint.w.scale"] = tensors["joint.w.scale"][:1]

    rewritten(path, change)


def of_other_types(path):
    def change(header, tensors):
        tensors["steps"] = torch.tensor(0.5)
        tensors["joint.b"] = tensors["joint.b"].to(torch.complex64)
        tensors["joint.x.zero_point"] = torch.tensor(-2.0)

    rewritten(path, change)


def no_code(path):
    rewritten(path, lambda header, tensors: tensors["joint.x.zero_point"].fill_(8) and None)


def not_finite(path):
    def change(header, tensors):
        tensors["joint.w"][0, :2] = torch.nan
        tensors["joint.b"] = tensors["joint.b"].double()
        tensors["joint.b"][3] = 1e300
        tensors["joint.x.scale"].fill_(torch.inf)

    rewritten(path, change)


def no_clip(path):
    def change(header, tensors):
        tensors["joint.w.scale"][2] = -0.25
        tensors["joint.x.scale"].zero_()

    rewritten(path, change)


BROKEN = [
    ("Q150-weights-missing", missing),
    ("Q150-weights-an-empty-folder", an_empty_folder),
    ("Q150-weights-text", text),
    ("Q150-weights-truncated", truncated),
    ("Q150-weights-number-types", number_types),
    ("Q151-weights-foreign", foreign),
    ("Q151-weights-no-header", no_header),
    ("Q151-weights-header-cut", header_cut),
    ("Q151-weights-header-deep", header_deep),
    ("Q151-weights-header-a-list", header_a_list),
    ("Q151-weights-newer", newer),
    ("Q151-weights-props-a-list", props_a_list),
    ("Q151-weights-without-props", without_props),
    ("Q152-weights-misnamed", misnamed),
    ("Q153-weights-misshapen", misshapen),
    ("Q154-weights-not-finite", not_finite),
    ("Q155-weights-no-clip", no_clip),
    ("Q157-weights-of-another-network", another_network),
    ("Q158-weights-of-other-types", of_other_types),
    ("Q158-weights-no-code", no_code),
]


@pytest.mark.parametrize(("name", "make"), BROKEN, ids=[name for name, _ in BROKEN])
def test_broken_weights_are_explained_and_change_nothing(tmp_path, golden, name, make):
    path = tmp_path / "weights.safetensors"
    make(path)
    network = filled(Joint(), seed=1)
    before = {name: tensor.clone() for name, tensor in network.tensors().items()}
    about = network.about
    with pytest.raises(ModelError) as caught:
        network.load(path)
    assert {finding.code for finding in caught.value.findings} == {name[:4]}
    golden(f"errors/{name}.txt", str(caught.value), path=path)
    assert network.about is about
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.tensors().items())


@given(st.binary(max_size=300))
def test_no_bytes_at_all_escape_the_error(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("any") / "weights.safetensors"
    path.write_bytes(data)
    with pytest.raises(ModelError):
        Joint().load(path)


def test_numbers_of_wider_types_are_taken(tmp_path):
    def change(header, tensors):
        tensors["joint.w"] = tensors["joint.w"].double()
        tensors["joint.x.zero_point"] = tensors["joint.x.zero_point"].long()

    rewritten(tmp_path / "a", change)
    assert torch.equal(Joint(tmp_path / "a").w.value, filled(Joint()).w.value)


def test_a_folder_stands_for_the_weights_in_it(tmp_path):
    filled(Joint()).save(tmp_path / "weights.safetensors")
    assert torch.equal(Joint(tmp_path).w.value, filled(Joint()).w.value)


def test_a_constant_that_is_not_trained_may_be_infinite(tmp_path):
    network = QatModule()
    network.mask = Constant("mask", (2,), trainable=False)
    network.mask.value[0] = -torch.inf
    network.save(tmp_path / "a")
    network.mask.value.zero_()
    network.load(tmp_path / "a")
    assert network.mask.value[0] == -torch.inf


def test_a_diverged_network_is_not_saved(tmp_path, golden):
    path = tmp_path / "weights.safetensors"
    network = filled(Joint())
    network.save(path)
    before = path.read_bytes()
    network.w.value.data[0, 0] = torch.nan
    network.w.scale.data[1] = 0
    network.x.zero.data.fill_(torch.nan)
    with pytest.raises(ModelError) as caught:
        network.save(path)
    golden("errors/Q154-weights-diverged.txt", str(caught.value), path=path)
    assert path.read_bytes() == before


def test_what_a_file_would_lose_is_refused(tmp_path, golden):
    network = filled(Joint())
    network.head = nn.Linear(3, 2)
    network.again = Activation("joint.x", "int4", "lsq", symmetric=False)
    for call in (network.save, network.load):
        filled(Joint()).save(tmp_path / "a")
        with pytest.raises(ModelError) as caught:
            call(tmp_path / "a")
        golden("errors/Q152-parameters-without-names.txt", str(caught.value))


def test_one_layer_in_two_places_is_one_layer(tmp_path):
    network = filled(Joint())
    network.again = network.x
    network.save(tmp_path / "a")
    network.load(tmp_path / "a")


def test_a_parameter_may_be_called_scale_or_zero_point(tmp_path):
    class Norm(QatModule):
        def __init__(self):
            super().__init__()
            self.scale = Constant("norm.scale", (2,))
            self.shift = Constant("norm.zero_point", (2,))

    network = Norm()
    network.scale.value.data.fill_(-1.5)
    network.shift.value.data.fill_(0.25)
    network.save(tmp_path / "a")
    loaded = Norm()
    loaded.load(tmp_path / "a")
    assert loaded.scale.value[0] == -1.5
    assert loaded.shift.value[0] == 0.25


def test_groups_hold_every_parameter_once():
    network = filled(Joint())
    weights, grids = network.parameter_groups(1e-3, grid_rate=0.5)
    assert {id(each) for each in weights["params"]} == {
        id(each) for each in (network.w.value, network.table.value, network.b.value)
    }
    assert {id(each) for each in grids["params"]} == {
        id(each) for each in (network.w.scale, network.x.scale, network.x.zero)
    }
    assert (weights["lr"], grids["lr"], grids["weight_decay"]) == (1e-3, 5e-4, 0)


def test_a_network_without_learned_grids_has_one_group():
    network = QatModule()
    network.only = Activation("x", "int4", "fixed")
    (group,) = network.parameter_groups(0.1)
    assert group["params"] == []


def test_quantizers_and_clips_go_by_onnx_names():
    network = filled(Joint())
    assert network.quantizers() == {
        "joint.x": network.x,
        "joint.w": network.w,
        "table": network.table,
    }
    network.x.scale.data.fill_(0.5)
    network.w.scale.data.copy_(torch.arange(1.0, 7.0))
    assert network.clips()["joint.x"] == (-3.0, 4.5)
    assert network.clips()["joint.w"] == (7.0, 42.0)


def test_refreshed_ranges_follow_the_weights_in_evaluation_too():
    network = filled(Joint()).eval()
    learned = network.w.scale.clone()
    network.table.value.data[0] = 0
    network.table.value.data[0, 0] = 3.0
    network.refresh_ranges()
    # α = 2.6 · √E[x²] − 1.71 · E|x| of (3, 0, 0, 0), rounded to float16
    alpha = 2.6 * 1.5 - 1.71 * 0.75
    assert float(network.table.scale[0]) == pytest.approx(alpha, rel=2**-11)
    assert torch.equal(network.w.scale, learned)


def test_a_copy_trains_apart():
    network = filled(Joint())
    other = copy.deepcopy(network)
    other.w.value.data.zero_()
    assert network.w.value.any()
    assert other.quantizers()["joint.w"] is other.w
