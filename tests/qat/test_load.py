"""A package folder becomes its network, or an error that says what its code lacks."""

import sys

import pytest
import torch
from small_package import Joint, filled

from q4compile.errors import ModelError
from q4compile.qat import Constant, QatModule, load_package

MODEL = """
from pathlib import Path

from q4compile.qat import Constant, QatModule

from .sizes import UNITS


class Model(QatModule):
    def __init__(self):
        super().__init__()
        self.b = Constant("b", (UNITS,))
        self.load(Path(__file__).with_name("weights.safetensors"))
"""


def package(folder, units=3, init=MODEL):
    folder.mkdir()
    (folder / "__init__.py").write_text(init)
    (folder / "sizes.py").write_text(f"UNITS = {units}\n")
    return folder


def weights(folder, numbers):
    made = QatModule()
    made.b = Constant("b", (len(numbers),))
    made.b.value.data.copy_(torch.tensor(numbers))
    made.save(folder / "weights.safetensors")


def test_two_packages_of_one_name_stay_apart(tmp_path):
    loaded = []
    for place, numbers in (("a", [1.0, 2.0]), ("b", [1.0, 2.0, 3.0])):
        (tmp_path / place).mkdir()
        folder = package(tmp_path / place / "model_qat", len(numbers))
        weights(folder, numbers)
        loaded.append(load_package(folder))
    assert [each.b.value.tolist() for each in loaded] == [[1, 2], [1, 2, 3]]
    assert type(loaded[0]) is not type(loaded[1])


def empty(folder):
    folder.mkdir()


def a_file(folder):
    folder.write_text("")


def no_model(folder):
    package(folder, init="from .sizes import UNITS\n")


def a_typo(folder):
    package(folder, init="class Model(:\n")


def a_missing_library(folder):
    package(folder, init="import no_such_library_at_all\n")


def another_kind(folder):
    package(folder, init="from torch import nn\n\n\nclass Model(nn.Module): ...\n")


def not_a_class(folder):
    package(folder, init="Model = 3\n")


def leaves(folder):
    package(folder, init="raise SystemExit(1)\n")


BROKEN = [
    ("Q156-package-missing", lambda folder: None),
    ("Q156-package-empty", empty),
    ("Q156-package-a-file", a_file),
    ("Q156-package-no-model", no_model),
    ("Q156-package-a-typo", a_typo),
    ("Q156-package-a-missing-library", a_missing_library),
    ("Q156-package-another-kind", another_kind),
    ("Q156-package-not-a-class", not_a_class),
    ("Q156-package-leaves", leaves),
]


@pytest.mark.parametrize(("name", "make"), BROKEN, ids=[name for name, _ in BROKEN])
def test_broken_packages_are_explained(tmp_path, golden, name, make):
    folder = tmp_path / "model_qat"
    make(folder)
    with pytest.raises(ModelError) as caught:
        load_package(folder)
    golden(f"errors/{name}.txt", str(caught.value), tmp=tmp_path)


def test_code_that_fails_leaves_no_module_behind(tmp_path):
    folder = package(tmp_path / "model_qat", init="from .sizes import UNITS\nUNITS / 0\n")
    before = set(sys.modules)
    with pytest.raises(ModelError, match="ZeroDivisionError"):
        load_package(folder)
    assert set(sys.modules) == before


def test_a_package_edited_by_hand_names_what_its_weights_lack(tmp_path, golden):
    folder = package(tmp_path / "model_qat")
    weights(folder, [1.0, 2.0, 3.0])
    text = MODEL.replace('Constant("b"', 'Constant("bias"')
    (folder / "__init__.py").write_text(text)
    with pytest.raises(ModelError) as caught:
        load_package(folder)
    golden("errors/Q157-package-edited.txt", str(caught.value), tmp=tmp_path)


def test_names_missing_after_an_edit(tmp_path, golden):
    network = filled(Joint())
    network.save(tmp_path / "a")
    network.w.name = "joint.weight"
    with pytest.raises(ModelError) as caught:
        network.load(tmp_path / "a")
    golden("errors/Q152-package-edited.txt", str(caught.value), tmp=tmp_path)
