"""The file of a program: whole, or refused with the reason."""

import io
import json
import struct
import time
from contextlib import contextmanager
from dataclasses import replace
from zlib import crc32

import pytest
from container_parts import file_of, sections_of
from hypothesis import given, settings
from hypothesis import strategies as st
from small_programs import ENCODER, JOINT, SMALL, TARGET, changed, with_entry, with_port

from q4compile.errors import TargetError
from q4compile.isa import container
from q4compile.isa.canonical_json import canonical_json
from q4compile.isa.container import parse_program, program_bytes, read_program, write_program
from q4compile.isa.encoding import encode
from q4compile.isa.header import HEADER_BYTES
from q4compile.isa.instructions import Halt, Loop
from q4compile.isa.meta import meta_bytes, meta_of
from q4compile.isa.program import Derived, Dimension, Expression, Made, Scratch, Symbol
from q4compile.isa.target import load_target

FILE = program_bytes(SMALL)
META, CODE, DATA = sections_of(FILE)


def test_a_program_comes_back(tmp_path):
    path = tmp_path / "small.q4p"
    write_program(SMALL, path)
    assert path.read_bytes() == FILE
    assert read_program(path) == parse_program(FILE) == SMALL
    assert program_bytes(read_program(path, TARGET), TARGET) == FILE


@settings(max_examples=30)
@given(st.binary(max_size=200), st.text(st.characters(codec="utf-8"), max_size=9))
def test_any_data_and_names(data, name):
    program = changed(data=data, name=name, nodes=("", name, name, "x"), symbols=())
    assert parse_program(program_bytes(program, TARGET), target=TARGET) == program


def test_an_empty_program():
    program = changed(code=(), data=b"", entries=(), nodes=("",), symbols=())
    assert parse_program(program_bytes(program)) == program


def test_the_layout_is_that_of_the_manual():
    """Read with nothing of the reader."""
    magic, version, count, target_hash = struct.unpack_from("<4sHH32s", FILE)
    assert (magic, version, count, target_hash) == (b"Q4P1", 1, 3, TARGET.hash)
    end = 40 + 3 * 28
    assert struct.unpack_from("<I", FILE, end) == (crc32(FILE[:end]),)
    end, found = end + 4, {}
    for row in range(3):
        name, offset, length, crc, zero = struct.unpack_from("<4sQQII", FILE, 40 + 28 * row)
        body = FILE[offset : offset + length]
        assert (crc, zero, offset % 64) == (crc32(body), 0, 0)
        assert 0 <= offset - end < 64 and not any(FILE[end:offset])
        end, found[name] = offset + length, body
    assert end == len(FILE)
    assert list(found) == [b"META", b"CODE", b"DATA"]
    assert found[b"DATA"] == SMALL.data
    assert len(found[b"CODE"]) == 32 * len(SMALL.code)
    meta = json.loads(found[b"META"])
    assert sorted(meta) == ["cores", "entries", "name", "nodes", "precision", "symbols", "target"]
    h = meta["entries"][0]["ports"][2]
    assert h["rows"] == {"product": ["T"], "times": 1, "divide": 1, "plus": 1}
    assert (h["scale"], h["axes"]) == ("0x1.0000000000000p-3", ["T", "B", 10])


def test_reading_takes_milliseconds():
    program = changed(code=tuple(ENCODER) * 34 + JOINT, entries=(), symbols=())
    data = program_bytes(program)
    seconds = []
    for _ in range(5):
        started = time.process_time()
        parse_program(data, target=TARGET)
        seconds.append(time.process_time() - started)
    assert len(program.code) >= 512
    assert min(seconds) < 0.2  # 10 ms on a machine with nothing else to do


def test_the_writer_refuses_what_the_reader_would(tmp_path):
    for wrong in (
        changed(nodes=("",)),
        changed(target_hash=bytes(32)),
        changed(target="rapid2"),
        changed(code=ENCODER[:-1] + JOINT[:-1]),
    ):
        with pytest.raises(ValueError, match=r"error\[Q31"):
            write_program(wrong, tmp_path / "wrong.q4p")
    assert not list(tmp_path.iterdir())


def test_a_target_of_ones_own(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("name: own\nbase: rapid1\ndram: {size_mib: 1}\n")
    own = load_target(path)
    program = changed(target="own", target_hash=own.hash)
    data = program_bytes(program, own)
    assert parse_program(data, target=own) == program
    with pytest.raises(TargetError, match="Q313"):
        parse_program(data)


def test_another_target_than_the_one_given(golden):
    with pytest.raises(TargetError) as caught:
        parse_program(FILE, "small.q4p", load_target("rapid4"))
    golden("errors/Q313-given.txt", str(caught.value))


def test_sizes_are_checked_before_sections_are_read(tmp_path, golden):
    """Checksums are wrong, and nobody notices."""
    path = tmp_path / "own.yaml"
    path.write_text("name: own\nbase: rapid1\ndram: {size_mib: 1}\nsequencer: {code_words: 2}\n")
    own = load_target(path)
    meta = meta_bytes(meta_of(changed(target="own")))
    data = bytearray(file_of([meta, CODE, bytes(2**20 + 1)], own.hash))
    data[-1] = data[-(2**20) - 100] = 1
    with pytest.raises(TargetError) as caught:
        parse_program(bytes(data), "small.q4p", own)
    golden("errors/Q314-sections.txt", str(caught.value))
    with pytest.raises(TargetError) as caught:
        parse_program(file_of([b" " * (2**24 + 1), CODE, DATA], TARGET.hash), "small.q4p")
    golden("errors/Q314-meta.txt", str(caught.value))


def test_a_file_that_shrinks_while_it_is_read(tmp_path, monkeypatch):
    @contextmanager
    def shrunk(path):
        yield io.BytesIO(FILE[:-9]), len(FILE)

    monkeypatch.setattr(container, "opened", shrunk)
    with pytest.raises(TargetError, match="Q311"):
        read_program(tmp_path / "small.q4p")


def spoiled(start, *values):
    data = bytearray(FILE)
    data[start : start + len(values)] = bytes(values)
    return bytes(data)


def header_with(**values):
    """The file with another header that has a right checksum."""
    head = list(struct.unpack_from("<4sHH32s", FILE))
    rows = [list(struct.unpack_from("<4sQQII", FILE, 40 + 28 * row)) for row in range(3)]
    head[2] = values.get("count", 3)
    for (row, column), value in values.get("rows", {}).items():
        rows[row][column] = value
    body = struct.pack("<4sHH32s", *head) + b"".join(struct.pack("<4sQQII", *row) for row in rows)
    return body + struct.pack("<I", crc32(body)) + FILE[HEADER_BYTES:]


def meta_with(change):
    """The file with another META that has a right checksum."""
    meta = json.loads(META)
    change(meta)
    return file_of([canonical_json(meta), CODE, DATA], TARGET.hash)


def raw_meta(data):
    return file_of([data, CODE, DATA], TARGET.hash)


def unknown_keys(meta):
    meta["author"] = "me"
    meta["entries"][0]["ports"][0]["name_"] = 1
    del meta["entries"][1]["start"]


def wrong_types(meta):
    h = meta["entries"][0]["ports"][2]
    h |= {"scale": 0.125, "zero_point": 1.0, "lo": True, "direction": "inout", "rows": [1]}
    meta["entries"][0]["registers"][0].append(1)
    meta["symbols"][0] |= {"address": 2**63, "name": None}
    meta["nodes"] = "none"
    meta["precision"] = 4


def scales(meta):
    """Not the one spelling of a number."""
    ports = meta["entries"][0]["ports"]
    ports[0]["scale"], ports[2]["scale"] = "0x1p-3", "inf"
    meta["entries"][1]["ports"][0]["scale"] = "0.125"


MISTAKES = {
    "Q310-empty": b"",
    "Q310-magic": b"PK\x03\x04" + FILE[4:],
    "Q310-version": spoiled(4, 2, 0),
    "Q311-header-cut": FILE[:100],
    "Q311-cut": FILE[:-1],
    "Q311-longer": FILE + b"\0",
    "Q311-section-count": header_with(count=4),
    "Q311-sections": header_with(
        rows={(0, 0): b"CODE", (0, 4): 1, (1, 1): 128, (2, 1): 2**63, (2, 2): 2**63}
    ),
    "Q311-gap": spoiled(HEADER_BYTES + len(META), 1),
    "Q312-header": spoiled(41, 0),
    "Q312-meta": spoiled(HEADER_BYTES, 0),
    "Q312-data": FILE[:-1] + b"\0",
    "Q313-hash": file_of([META, CODE, DATA], bytes(32)),
    "Q313-name": meta_with(lambda meta: meta.update(target="rapid2")),
    "Q315-no-json": raw_meta(META[:-5]),
    "Q315-no-text": raw_meta(META[:-5] + b"\xff"),
    "Q315-half-a-character": raw_meta(b'{"name":"\\ud800"}'),
    "Q315-deep": raw_meta(b"[" * 100_000),
    "Q315-long-number": raw_meta(b"9" * 10_000),
    "Q315-nan": raw_meta(b"[NaN]"),
    "Q315-twice": raw_meta(b'{"name":"a","name":"b"}'),
    "Q315-a-list": raw_meta(b"[]"),
    "Q315-other-spelling": raw_meta(META.replace(b",", b", ", 1)),
    "Q315-keys": meta_with(unknown_keys),
    "Q315-types": meta_with(wrong_types),
    "Q315-scales": meta_with(scales),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_in_files(name, golden):
    with pytest.raises(TargetError) as caught:
        parse_program(MISTAKES[name], "small.q4p")
    assert {finding.code for finding in caught.value.findings} == {name[:4]}
    hashes = {"rapid1": TARGET.hash.hex()[:16]}
    golden(f"errors/{name}.txt", str(caught.value), **hashes)


def file_with(program):
    """The file of a program that does not hold together."""
    return file_of([meta_bytes(meta_of(program)), encode(program.code), program.data], TARGET.hash)


def loops(*words):
    return changed(code=(*words, Halt()), entries=())


T = Dimension("T", 0, 1, 9)
UNSOUND = {
    "Q314-code": changed(code=(Halt(),) * (TARGET.sequencer.code_words + 1), entries=()),
    "Q316-head": changed(precision="int5", nodes=("a",), symbols=SMALL.symbols[:1] * 2),
    "Q316-no-nodes": changed(nodes=(), code=(), entries=(), symbols=()),
    "Q316-entries": changed(entries=(SMALL.entries[0], replace(SMALL.entries[0], start=99))),
    "Q316-start-in-a-loop": with_entry(start=8),
    "Q316-registers": with_entry(
        dimensions=(T, T, Dimension("B", 16, 3, 2)), scratch=(Scratch("s", 5, Expression()),) * 2
    ),
    "Q316-derived": with_entry(
        derived=(
            Derived("a", 8, Expression(("b",))),
            Derived("b", 8, Expression(("a",))),
            Derived("T", 9, Expression()),
        )
    ),
    "Q316-expressions": with_entry(
        registers=((3, Expression(("T", "Z"), -1, 0)),),
        scratch=(Scratch("s", 9, Expression(("Y",))),),
    ),
    "Q316-port": with_port(type="i5", scale=0.1, axes=("Z", 0), onnx_axes=(0, 0)),
    "Q316-port-scale": with_port(scale=-1.0),
    "Q316-port-codes": with_port(lo=-9, hi=7, zero_point=2**40, pitch_bytes=4),
    "Q316-port-order": with_port(lo=3, hi=2, onnx_axes=(0, 1)),
    "Q316-offset": with_port(offset=-1),
    "Q316-shared-register": with_port(offset=3),
    "Q316-shared-register-rows": with_port(offset=4, register=5),
    "Q316-rows-of-nothing": with_port(rows=Expression(divide=0)),
    "Q316-made": with_entry(
        made=(
            Made(9, 9999, 0, Expression(("Y",)), replace(SMALL.entries[0].ports[0], register=14)),
            Made(0, 8, -1, Expression(divide=0), replace(SMALL.entries[0].ports[0], axes=("Z",))),
        )
    ),
    "Q316-symbols": changed(symbols=(Symbol("w", 64, 16, 4), Symbol("", -1, 2, -1))),
    "Q317-body": loops(Loop(0, 3, 1), Loop(1, 3, 2)),
    "Q317-levels": loops(Loop(1, 3, 2), Loop(1, 3, 1), *ENCODER[:1]),
    "Q317-past-the-end": loops(Loop(0, 3, 9), *ENCODER[:1]),
    "Q317-no-halt": changed(code=ENCODER[:-1], entries=SMALL.entries[:1]),
}


@pytest.mark.parametrize("name", UNSOUND)
def test_mistakes_in_programs(name, golden):
    with pytest.raises(TargetError) as caught:
        parse_program(file_with(UNSOUND[name]), "small.q4p")
    assert {finding.code for finding in caught.value.findings} == {name[:4]}
    golden(f"errors/{name}.txt", str(caught.value))
