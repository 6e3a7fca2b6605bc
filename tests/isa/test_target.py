"""The targets that come along, files of one's own, and each mistake in one with its text."""

import dataclasses
from pathlib import Path

import pytest
import yaml

from q4compile.errors import TargetError
from q4compile.isa.engine import Precision
from q4compile.isa.target import Target, load_target, shipped_targets
from q4compile.yaml_lines import MAX_BYTES, MAX_DEPTH

RAPID1 = load_target("rapid1")


def load(folder, text, name="mine.yaml"):
    (folder / name).write_text(text, encoding="utf-8")
    return load_target(folder / name)


def test_which_there_are():
    assert list(shipped_targets()) == ["edge", "rapid1", "rapid1-32m", "rapid4"]


@pytest.mark.parametrize("name", shipped_targets())
def test_each_is_named_as_its_file(name):
    assert load_target(name).name == load_target(f"{name}.yaml").name == name
    assert load_target(shipped_targets()[name]) == load_target(name)


def test_rapid1():
    precisions = (Precision.FP16, Precision.INT8, Precision.W4A8, Precision.INT4)
    macs = [RAPID1.matrix.macs_per_cycle(each) for each in precisions]
    assert macs == [1024, 4096, 4096, 8192]
    assert (RAPID1.sram.size_bytes, RAPID1.dram.size_bytes) == (2 << 20, 4 << 30)
    assert (RAPID1.clock_ghz, RAPID1.dram.gigabytes_per_second) == (1.5, 64.0)
    with pytest.raises(KeyError):
        RAPID1.matrix.rows_at(Precision.NONE)


@pytest.mark.parametrize(
    "name, section, values",
    [
        ("rapid4", "dram", {"gigabytes_per_second": 128.0}),
        ("rapid1-32m", "sram", {"size_kib": 32768}),
        ("edge", "dram", {"gigabytes_per_second": 16.0}),
    ],
)
def test_what_has_a_base_differs_where_it_says(name, section, values):
    base, own = getattr(RAPID1, section), getattr(load_target(name), section)
    assert own == dataclasses.replace(base, **values)


def test_bases_of_bases_and_beside_the_file(tmp_path):
    (tmp_path / "first.yaml").write_text(
        "name: first\nbase: rapid1\ncores: 2\nvector: {lanes: 8}\n"
    )
    (tmp_path / "second.yaml").write_text("name: second\nbase: first.yaml\ncores: 3\n")
    found = load(tmp_path, "name: third\nbase: second.yaml\nvector: {latency_cycles: 0}\n")
    vector = dataclasses.replace(RAPID1.vector, lanes=8, latency_cycles=0)
    assert found == dataclasses.replace(RAPID1, name="third", cores=3, vector=vector)


def leaves(values, above=()):
    for key, value in values.items():
        if isinstance(value, dict):
            yield from leaves(value, (*above, key))
        else:
            yield (*above, key), value


def nested(keys, value):
    for key in reversed(keys):
        value = {key: value}
    return value


NUMBERS = [keys for keys, value in leaves(dataclasses.asdict(RAPID1)) if keys != ("name",)]


@pytest.mark.parametrize("keys", NUMBERS, ids=".".join)
def test_every_value_counts_and_has_limits(keys, tmp_path):
    """A change of any is another target with another hash; negative ones and words are refused."""
    value = dict(leaves(dataclasses.asdict(RAPID1)))[keys]
    other = {int: value * 2, float: value / 2}[type(value)]

    def with_value(each):
        text = yaml.safe_dump({"name": "rapid1", "base": "rapid1"} | nested(keys, each))
        return load(tmp_path, text)

    assert with_value(value) == RAPID1 and with_value(value).hash == RAPID1.hash
    changed = with_value(other if keys != ("dram", "size_mib") else value // 2)
    assert changed != RAPID1 and changed.hash != RAPID1.hash
    for wrong in (-1, "many", True, None, [value], {}, 10**12, float("nan")):
        with pytest.raises(TargetError, match=r"Q30[14]"):
            with_value(wrong)


def test_the_hash_is_that_of_the_values_not_of_the_spelling(tmp_path):
    text = yaml.safe_dump(dataclasses.asdict(RAPID1), sort_keys=True)
    assert load(tmp_path, text).hash == RAPID1.hash
    assert load(tmp_path, text.replace("lanes: 128", "lanes: +128 # lanes")).hash == RAPID1.hash
    assert len({load_target(name).hash for name in shipped_targets()}) == len(shipped_targets())
    assert len(RAPID1.hash) == 32


def test_the_hash_stays_what_it_is():
    """Programs hold it: it may change only with the values, and then knowingly."""
    assert RAPID1.hash.hex()[:16] == "d7795809e729075b"


OWN = "name: mine\nbase: rapid1\n"
MISTAKES = {
    "Q300-base": "name: mine\nbase: rapid2\n",
    "Q300-base-of-a-long-name": f"name: mine\nbase: {'x' * 5000}\n",
    "Q301-target-not-yaml": "name: [unclosed\n",
    "Q301-target-empty": "",
    "Q301-target-a-list": "- name: mine\n",
    "Q301-target-duplicate": OWN + "cores: 1\ncores: 2\n",
    "Q301-section": OWN + "sram: 2048\nvector: [1]\n",
    "Q302-target": OWN + "core: 2\nsram: {size: 1}\nmatrix:\n  rows: {int2: 4}\n",
    "Q303-target": "name: mine\nclock_ghz: 1\nmatrix: {columns: 2, rows: {int4: 1}}\n",
    "Q303-name": "base: rapid1\n",
    "Q304-target": "name: my own\nbase: rapid1\nclock_ghz: 0\ncores: -1\n"
    "sram: {size_kib: 0, reserve_share: 1.5, alignment_bytes: 48}\n"
    "dram:\n  size_mib: 8192\n  efficiency_share: .inf\n"
    "vector: {lanes: 1.5, cycles_per_element: {add: true, lut: two}}\n",
    "Q304-base": "name: mine\nbase: [rapid1]\n",
    "Q305-target-tag": OWN + "cores: !!int 3\n",
    "Q305-target-bomb": "name: &a mine\nbase: *a\n",
    "Q305-target-large": "#" * (MAX_BYTES + 1),
    "Q305-target-deep": "name: " + "[" * (MAX_DEPTH + 1),
    "Q306-itself": "name: mine\nbase: mine.yaml\n",
    "Q306-in-two-steps": "name: mine\nbase: other.yaml\n",
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name, tmp_path, golden):
    (tmp_path / "other.yaml").write_text("name: other\nbase: mine.yaml\n")
    with pytest.raises(TargetError) as caught:
        load(tmp_path, MISTAKES[name])
    assert {finding.code for finding in caught.value.findings} == {name[:4]}
    golden(f"errors/{name}.txt", str(caught.value), folder=tmp_path)


def test_a_value_of_a_base_is_blamed_on_the_base(tmp_path):
    (tmp_path / "other.yaml").write_text("name: other\nbase: rapid1\ncores: 0\n")
    with pytest.raises(TargetError, match=r"other\.yaml:3"):
        load(tmp_path, "name: mine\nbase: other.yaml\n")


def test_a_name_nobody_has(golden):
    with pytest.raises(TargetError) as caught:
        load_target("rapid")
    golden("errors/Q300-no-such-target.txt", str(caught.value))
    with pytest.raises(TargetError, match="Q300"):
        load_target(Path("/"))


def test_a_target_is_a_value():
    assert isinstance(RAPID1, Target) and hash(RAPID1) == hash(load_target("rapid1"))
