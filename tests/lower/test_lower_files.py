"""``lower_file``: models in, a program out, whole or not at all."""

import shutil

import pytest
from agreement import RAPID1

from q4compile.errors import OutputError, TargetError
from q4compile.graph.components import components
from q4compile.graph.extract import extract
from q4compile.graph.read import read_model
from q4compile.graph.write import write_model
from q4compile.isa.container import read_program
from q4compile.lower.files import lower_file
from q4compile.lower.options import Options


@pytest.fixture
def model(quantized, tmp_path):
    return shutil.copy(quantized("rnnt"), tmp_path / "model.q4.onnx")


def test_a_file_is_written_and_read_back(model):
    done = lower_file(model, "rapid1")
    assert done.output == model.with_name("model.q4p")
    assert read_program(done.output, RAPID1) == done.program
    assert done.program.name == "model"
    assert done.figures["file_bytes"] == done.output.stat().st_size
    assert sorted(each.name for each in model.parent.iterdir()) == ["model.q4.onnx", "model.q4p"]


def test_figures(model):
    figures = lower_file(model, "rapid1").figures
    code = sum(figures[f"{name}_words"] for name in ("encoder", "predictor", "joint"))
    assert figures["code_bytes"] == 32 * code
    assert figures["sram_lower_bound_bytes"] <= figures["sram_peak_bytes"] <= 0.8 * 2**21
    first = 2 * 2 * 640 * (120 + 160)
    others = 2 * 640 * (640 + 160) + 2 * 640 * (320 + 160)
    assert figures["encoder_macs_per_step"] == first + others + 320 * 160
    assert figures["predictor_macs_per_step"] == 640 * 160 + 160 * 160
    assert figures["joint_macs_per_step"] == 160 * 29


def test_a_folder_has_a_component_for_each_file(model, tmp_path):
    whole = read_model(model)
    folder = tmp_path / "parts"
    folder.mkdir()
    for component in components(whole):
        part = extract(whole, component)
        part.metadata_props.update(whole.metadata_props)
        write_model(part, folder / f"{component.name}.onnx")
    done = lower_file(folder, "rapid1", tmp_path / "out" / "parts.q4p")
    names = {entry.name for entry in done.program.entries}
    assert names == {"encoder", "predictor", "joint"}


def test_targets_make_programs_of_their_own(model, tmp_path):
    one = lower_file(model, "rapid1", tmp_path / "a.q4p")
    other = lower_file(model, "edge", tmp_path / "b.q4p", Options(batch=4))
    assert one.program.target_hash != other.program.target_hash
    assert other.figures["sram_peak_bytes"] <= 0.8 * 2**20


def test_nothing_is_written_where_it_does_not_fit(model, tmp_path):
    target = tmp_path / "tiny.yaml"
    target.write_text("name: tiny\nbase: rapid1\nsram:\n  size_kib: 32\n")
    goal = tmp_path / "out.q4p"
    goal.write_bytes(b"before")
    with pytest.raises(TargetError, match="Q326"):
        lower_file(model, target, goal)
    assert goal.read_bytes() == b"before"


def test_the_model_itself_is_no_output(model):
    with pytest.raises(OutputError, match="Q554"):
        lower_file(model, "rapid1", model)
