"""Outputs are replaced whole, through links, and never in the place of what is no file."""

import os
import stat

import pytest

from q4compile.errors import OutputError
from q4compile.files import replacing, write_text


def listing(folder):
    """Path below `folder` → what it is: a link's target, a file's text, else its kind in bits."""
    return {
        path.relative_to(folder).as_posix(): str(path.readlink())
        if path.is_symlink()
        else path.read_text()
        if path.is_file()
        else stat.S_IFMT(path.stat().st_mode)
        for path in folder.rglob("*")
    }


def test_a_file_is_replaced_and_folders_are_made(tmp_path):
    for text in ("old", "new"):
        write_text(tmp_path / "a" / "b" / "out.txt", text)
    assert (tmp_path / "a" / "b" / "out.txt").read_text() == "new"
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "b", "out.txt"]


@pytest.mark.parametrize("there", [True, False], ids=["to a file", "dangling"])
def test_a_link_is_written_through(tmp_path, there):
    (tmp_path / "away").mkdir()
    if there:
        (tmp_path / "away" / "real.txt").write_text("old")
    (tmp_path / "link").symlink_to("between")
    (tmp_path / "between").symlink_to("away/real.txt")
    with replacing(tmp_path / "link") as temporary:
        temporary.write_text("new")
        temporary.with_name("weights.data").write_text("weights")
    assert listing(tmp_path) == {
        "away": stat.S_IFDIR,
        "away/real.txt": "new",
        "away/weights.data": "weights",
        "link": "between",
        "between": "away/real.txt",
    }


def folder(path):
    path.mkdir()
    (path / "kept.txt").write_text("kept")


def link_to_a_folder(path):
    folder(path.with_name("folder"))
    path.symlink_to("folder")


def link_in_a_circle(path):
    path.with_name("back").symlink_to(path.name)
    path.symlink_to("back")


def device(path):
    """Never a node of /dev: where the refusal is broken, root would lose it."""
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 7))
    except PermissionError:
        pytest.skip("only root makes devices")


MADE = {
    "folder": folder,
    "link-to-a-folder": link_to_a_folder,
    "link-in-a-circle": link_in_a_circle,
    "named-pipe": os.mkfifo,
    "device": device,
}


@pytest.mark.parametrize("slug", MADE)
def test_what_is_no_file_is_refused(golden, tmp_path, slug):
    MADE[slug](tmp_path / "out")
    before = listing(tmp_path)
    with pytest.raises(OutputError) as caught:
        write_text(tmp_path / "out", "new")
    golden(f"errors/Q551-output-{slug}.txt", str(caught.value), folder=tmp_path)
    assert listing(tmp_path) == before


def test_a_folder_in_the_place_of_a_companion_stops_all(golden, tmp_path):
    (tmp_path / "out").write_text("old")
    folder(tmp_path / "weights.data")
    before = listing(tmp_path)
    with pytest.raises(OutputError) as caught, replacing(tmp_path / "out") as temporary:
        temporary.write_text("new")
        for name in ("all.data", "weights.data"):
            temporary.with_name(name).write_text("weights")
    golden("errors/Q551-companion-folder.txt", str(caught.value), folder=tmp_path)
    assert listing(tmp_path) == before
