"""parse_text(render_text(p)) == p; what a text must have; what a person sees of a program."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from instruction_strategies import any_instruction
from program_mutants import TEXT
from small_programs import SMALL, TARGET, changed

from q4compile.errors import TargetError
from q4compile.isa.instructions import Halt, Loop
from q4compile.isa.program_text import (
    LINE_BYTES,
    parse_text,
    read_text,
    render_listing,
    render_text,
)


def test_a_text_as_it_is(golden):
    golden("isa/small.q4s", render_text(SMALL))
    golden("isa/small-listing.txt", render_listing(SMALL))


def test_a_text_comes_back(tmp_path):
    path = tmp_path / "small.q4s"
    path.write_text(TEXT, encoding="utf-8")
    assert read_text(path) == parse_text(TEXT) == SMALL


@settings(max_examples=40)
@given(
    st.binary(max_size=2 * LINE_BYTES + 1),
    st.text(st.characters(codec="utf-8"), max_size=9),
    st.lists(any_instruction().filter(lambda x: not isinstance(x, Loop | Halt)), max_size=4),
)
def test_any_program_comes_back(data, name, words):
    code = (*(replace(x, node=x.node % 2) for x in words), Halt())
    program = changed(data=data, name=name, nodes=("", name), symbols=(), code=code, entries=())
    assert parse_text(render_text(program), target=TARGET) == program


def test_line_ends_of_other_systems_and_remarks():
    text = "; by hand\n" + TEXT.replace("\n", "\r\n")
    assert parse_text(text.replace("  halt", "  ; a remark\n\n halt  ;")) == SMALL


def replaced(old, new):
    assert old in TEXT
    return TEXT.replace(old, new, 1)


DATA = TEXT[TEXT.index(".data") :]
MISTAKES = {
    "Q315-text-no-json": replaced('"name": "small",', '"name": small,'),
    "Q315-text-shape": replaced('"name": "small",', '"name": 3,'),
    "Q316-text-register": replaced('"register": 5,', '"register": 6,'),
    "Q317-text-loop": replaced("length=6", "length=7"),
    "Q330-empty": "",
    "Q330-not-a-text": "hello\n",
    "Q330-order": replaced(".meta", ".code"),
    "Q330-cut": TEXT[: TEXT.index(".data")],
    "Q330-more": TEXT + ".data 0\n",
    "Q330-below-the-end": TEXT + "more\nand more\n",
    "Q330-arguments": replaced(".q4s 1", ".q4s 2").replace(".code", ".code 3"),
    "Q330-hash": replaced(TARGET.hash.hex(), TARGET.hash.hex().upper()),
    "Q332-two-lines": replaced("count=S0", "count=T").replace("level=1 count=3", "level=4"),
    "Q333-base64": replaced(DATA, DATA.replace("AAEC", "AA C")),
    "Q333-count": replaced(DATA, DATA.replace("1031", "1032")),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name, golden):
    with pytest.raises(TargetError) as caught:
        parse_text(MISTAKES[name], "small.q4s")
    assert {finding.code for finding in caught.value.findings} == {name[:4]}
    golden(f"errors/{name}.txt", str(caught.value))


def test_no_text_at_all(tmp_path, golden):
    path = tmp_path / "a.q4s"
    with pytest.raises(TargetError) as caught:
        read_text(path)
    golden("errors/Q310-text-missing.txt", str(caught.value), folder=tmp_path)
    path.write_bytes(b"\xff.q4s 1\n")
    with pytest.raises(TargetError) as caught:
        read_text(path)
    golden("errors/Q330-not-utf-8.txt", str(caught.value), folder=tmp_path)
    with pytest.raises(TargetError) as caught:
        read_text(tmp_path)
    golden("errors/Q310-folder.txt", str(caught.value), folder=tmp_path)


def test_a_thousand_wrong_lines_are_not_a_thousand_findings():
    with pytest.raises(TargetError) as caught:
        parse_text(replaced("  halt", "stop\n" * 1000))
    assert len(caught.value.findings) == 20
