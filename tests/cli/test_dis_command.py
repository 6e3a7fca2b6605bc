"""``q4compile dis``: what a person, a program and the assembler see of a program."""

import json
import os
from pathlib import Path

import pytest
from running import fail, process, succeed

GOLDEN = Path(__file__).parents[1] / "golden"
LISTING, TEXT = GOLDEN / "isa" / "small-listing.txt", GOLDEN / "isa" / "small.q4s"


@pytest.fixture
def program(tmp_path, monkeypatch):
    """small.q4p in the current folder."""
    monkeypatch.chdir(tmp_path)
    succeed("asm", TEXT, "-o", "small.q4p")
    return tmp_path / "small.q4p"


def test_a_listing(program):
    assert succeed("dis", "small.q4p") == LISTING.read_text(encoding="utf-8")
    assert succeed("dis", "small.q4p", "--target", "rapid1") == LISTING.read_text(encoding="utf-8")


def test_the_text_for_the_assembler(program):
    assert succeed("dis", "small.q4p", "-o", "a.q4s") == ""
    assert (program.parent / "a.q4s").read_bytes() == TEXT.read_bytes()


def test_meta(program):
    shown = json.loads(succeed("dis", "small.q4p", "--json"))
    assert [entry["name"] for entry in shown["entries"]] == ["encoder", "joint"]
    assert shown["nodes"][2] == "/encoder/embed; 2 of them"
    succeed("dis", "small.q4p", "--json", "-o", "meta.json")
    assert json.loads((program.parent / "meta.json").read_text(encoding="utf-8")) == shown


def test_mistakes(program, golden):
    data = program.read_bytes()
    program.write_bytes(data[:-1])
    golden("errors/Q311-dis-cut.txt", fail(3, "dis", "small.q4p"))
    golden("errors/Q310-dis-missing.txt", fail(3, "dis", "none.q4p"))
    golden("errors/Q310-dis-text.txt", fail(3, "dis", TEXT), golden=GOLDEN)
    program.write_bytes(data)
    assert "Q313" in fail(3, "dis", "small.q4p", "--target", "rapid4")


def test_what_is_no_regular_file(program):
    os.mkfifo("pipe.q4p")
    done = process("dis", "pipe.q4p", cwd=program.parent, timeout=60)
    assert (done.returncode, done.stdout) == (3, "")
    assert "Q310" in done.stderr and "a regular file" in done.stderr
    assert "Q310" in fail(3, "dis", ".")
