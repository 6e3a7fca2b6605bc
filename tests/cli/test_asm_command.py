"""``q4compile asm``: a program from its text, and the bytes that dis has read."""

import json
import os
from pathlib import Path

import pytest
from running import fail, files, process, succeed

from q4compile.isa.container import read_program
from q4compile.report.hashing import sha256_of
from q4compile.report.record import read_record

GOLDEN = Path(__file__).parents[1] / "golden"
SOURCE = "small.q4s"


@pytest.fixture
def there(tmp_path, monkeypatch):
    """The current folder, with the text of a program."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / SOURCE).write_bytes((GOLDEN / "isa" / SOURCE).read_bytes())
    return tmp_path


def test_there_and_back(there):
    assert succeed("asm", SOURCE) == "small.q4p: 39 words, 1031 bytes of data\n"
    succeed("dis", "small.q4p", "-o", "out/again.q4s")
    assert (there / "out/again.q4s").read_bytes() == (there / SOURCE).read_bytes()
    assert succeed("asm", "out/again.q4s", "-o", "other.q4p", "-q") == ""
    assert (there / "other.q4p").read_bytes() == (there / "small.q4p").read_bytes()


def test_its_record(there):
    shown = json.loads(succeed("asm", SOURCE, "--json"))
    record = read_record(there / "small.q4p.record.json")
    assert shown["figures"] == dict(record.figures)
    assert shown["inputs"] == {SOURCE: sha256_of(there / SOURCE)}
    size = (there / "small.q4p").stat().st_size
    del shown["figures"]["seconds"]
    expected = {"code_words": 39, "code_bytes": 39 * 32, "data_bytes": 1031, "file_bytes": size}
    assert shown["figures"] == expected


def test_a_changed_word_is_another_program(there):
    text = (there / SOURCE).read_text()
    (there / SOURCE).write_text(text.replace("depth=16", "depth=8"))
    succeed("asm", SOURCE)
    assert read_program(there / "small.q4p").code[8].depth == 8


def test_a_target_of_ones_own(there):
    (there / "mine.yaml").write_text("name: mine\nbase: rapid1\ncores: 2\n")
    assert "Q313" in fail(3, "asm", SOURCE, "--target", "mine.yaml")
    assert "Q300" in fail(3, "asm", SOURCE, "--target", "rapid7")
    assert "Q313" in fail(3, "asm", SOURCE, "--target", "rapid4")
    assert files(there) == ["mine.yaml", SOURCE]


def test_mistakes_write_nothing(there, golden):
    text = (there / SOURCE).read_text()
    (there / SOURCE).write_text(text.replace("  mm to=", "  mn to=").replace("rows=S0", "row=S0"))
    said = fail(3, "asm", SOURCE)
    golden("errors/Q331-asm-many.txt", said)
    golden("errors/Q554-asm.txt", fail(2, "asm", SOURCE, "-o", SOURCE))
    assert files(there) == [SOURCE]


def test_a_pipe_is_no_text(there):
    os.mkfifo("pipe.q4s")
    done = process("asm", "pipe.q4s", cwd=there, timeout=60)
    assert (done.returncode, done.stdout) == (3, "")
    assert "Q310" in done.stderr
