"""Checkpoints: equal after a round trip, and what is said of each broken one."""

import json
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file
from tiny_rnnt import TINY

from q4compile.errors import ModelError
from q4compile.speech.checkpoint import (
    HEADER,
    load_checkpoint,
    load_lm,
    load_rnnt,
    save_checkpoint,
)
from q4compile.speech.config import SMALL_LM, TimeReduction
from q4compile.speech.lm import CharLm
from q4compile.speech.model import Rnnt

LM = replace(SMALL_LM, embedding=3, hidden=4)


@pytest.mark.parametrize(
    "model",
    [
        Rnnt(TINY),
        Rnnt(replace(TINY, time_reduction=TimeReduction(2, 3), ivector_dim=5)),
        CharLm(LM),
    ],
    ids=["rnnt", "ivector", "lm"],
)
def test_round_trip(tmp_path, model):
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, model)
    loaded = load_checkpoint(path)
    assert type(loaded) is type(model)
    assert loaded.config == model.config
    assert not loaded.training
    for name, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name


def test_equal_models_are_equal_files(tmp_path):
    for name in ("a", "b"):
        torch.manual_seed(0)
        save_checkpoint(tmp_path / name, Rnnt(TINY))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def rewritten(path, change):
    """Save a tiny model to `path` after `change(header, tensors)`."""
    torch.manual_seed(0)
    save_checkpoint(path, Rnnt(TINY))
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()[HEADER])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    change(header, tensors)
    save_file(tensors, path, {HEADER: json.dumps(header)})
    return path


def missing(path):
    return path


def text(path):
    path.write_text("this is no checkpoint, but long enough to be read as one")
    return path


def truncated(path):
    save_checkpoint(path, Rnnt(TINY))
    path.write_bytes(path.read_bytes()[:-1000])
    return path


def foreign(path):
    save_file({"weight": torch.zeros(3)}, path, {"format": "pt"})
    return path


def header_cut(path):
    save_file({"weight": torch.zeros(3)}, path, {HEADER: '{"version": 1, "kind": "rn'})
    return path


def header_deep(path):
    save_file({"weight": torch.zeros(3)}, path, {HEADER: "[" * 200_000})
    return path


def header_a_list(path):
    save_file({"weight": torch.zeros(3)}, path, {HEADER: "[1]"})
    return path


def newer(path):
    return rewritten(path, lambda header, tensors: header.update(version=7))


def unknown_kind(path):
    return rewritten(path, lambda header, tensors: header.update(kind="conformer"))


def unknown_size(path):
    return rewritten(path, lambda header, tensors: header["config"].update(heads=4))


def negative_size(path):
    return rewritten(path, lambda header, tensors: header["config"].update(joint_dim=-1))


def misfit(path):
    def change(header, tensors):
        tensors["joint.output.weight"] = torch.zeros(29, 9)
        tensors["joint.output.bias"] = tensors["joint.output.bias"].double()
        tensors["extra"] = tensors.pop("encoder.projection.bias")

    return rewritten(path, change)


def not_finite(path):
    def change(header, tensors):
        tensors["joint.output.weight"][0, :2] = torch.nan
        tensors["joint.output.bias"][3] = torch.inf

    return rewritten(path, change)


BROKEN = [
    ("Q120-checkpoint-missing", missing),
    ("Q120-checkpoint-text", text),
    ("Q120-checkpoint-truncated", truncated),
    ("Q121-checkpoint-foreign", foreign),
    ("Q121-checkpoint-header-cut", header_cut),
    ("Q121-checkpoint-header-deep", header_deep),
    ("Q122-checkpoint-header-a-list", header_a_list),
    ("Q122-checkpoint-newer", newer),
    ("Q122-checkpoint-unknown-kind", unknown_kind),
    ("Q122-checkpoint-unknown-size", unknown_size),
    ("Q122-checkpoint-negative-size", negative_size),
    ("Q123-checkpoint-misfit", misfit),
    ("Q124-checkpoint-not-finite", not_finite),
]


@pytest.mark.parametrize(("name", "make"), BROKEN, ids=[name for name, _ in BROKEN])
def test_broken_checkpoints_are_explained(tmp_path, golden, name, make):
    path = make(tmp_path / "model.safetensors")
    with pytest.raises(ModelError) as caught:
        load_checkpoint(path)
    assert {finding.code for finding in caught.value.findings} == {name[:4]}
    golden(f"errors/{name}.txt", str(caught.value), path=path)


@pytest.mark.parametrize(
    ("name", "model", "load"),
    [("rnnt-for-lm", Rnnt(TINY), load_lm), ("lm-for-rnnt", CharLm(LM), load_rnnt)],
)
def test_the_other_kind_is_refused(tmp_path, golden, name, model, load):
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, model)
    with pytest.raises(ModelError) as caught:
        load(path)
    golden(f"errors/Q125-checkpoint-{name}.txt", str(caught.value), path=path)


@given(st.binary(max_size=300))
def test_no_bytes_at_all_escape_the_error(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("any") / "model.safetensors"
    path.write_bytes(data)
    with pytest.raises(ModelError):
        load_checkpoint(path)
