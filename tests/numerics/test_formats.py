import pytest

from q4compile.numerics.formats import FORMATS, format_named


def test_every_format_of_the_design_is_there():
    assert sorted(FORMATS) == sorted(
        ["int2", "int3", "int4", "uint4", "int8", "uint8", "int16", "fp16", "fp32"]
    )
    assert all(format_named(name).name == name == str(FORMATS[name]) for name in FORMATS)


@pytest.mark.parametrize(
    ("name", "full", "narrow"),
    [
        ("int2", (-2, 1), (-1, 1)),
        ("int3", (-4, 3), (-3, 3)),
        ("int4", (-8, 7), (-7, 7)),
        ("uint4", (0, 15), (0, 15)),
        ("int8", (-128, 127), (-127, 127)),
        ("uint8", (0, 255), (0, 255)),
        ("int16", (-32768, 32767), (-32767, 32767)),
    ],
)
def test_codes(name, full, narrow):
    assert FORMATS[name].codes() == full
    assert FORMATS[name].codes(narrow=True) == narrow
    assert full[1] - full[0] + 1 == 2 ** FORMATS[name].bits


def test_floats_have_no_codes():
    assert [each.name for each in FORMATS.values() if each.is_float] == ["fp16", "fp32"]
    assert FORMATS["fp16"].codes() == (0, 0)


def test_unknown_names_are_key_errors():
    with pytest.raises(KeyError, match="int5"):
        format_named("int5")
