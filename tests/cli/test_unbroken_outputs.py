"""A full disk, a signal, a kill: the old output stays, and nothing half-written takes its name."""

import shutil
import signal
import subprocess
import sys

import pytest
from running import files

# The program, with a save that stops half-way and says so.
STOPPING = """
import sys, time
from pathlib import Path
import onnx_ir
from q4compile.cli import main as program
from q4compile.graph import write

def half(model, path, **options):
    onnx_ir.save(model, path, **options)
    data = Path(path).read_bytes()
    Path(path).write_bytes(data[: len(data) // 2])
    print("half", flush=True)
    time.sleep(60)

write.ir = type("ir", (), {**vars(onnx_ir), "save": staticmethod(half)})
sys.argv = ["q4compile", *sys.argv[1:]]
program.run()
"""
COMMANDS = {
    "quantize": ("quantize", "lm.onnx", "--calib-limit", "2", "-o", "out.onnx"),
    "export": ("export", "lm.safetensors", "-o", "out.onnx"),
}


@pytest.fixture
def folder(here, made):
    shutil.copy(made / "lm.safetensors", here)
    (here / "out.onnx").write_text("old")
    (here / "out.onnx.record.json").write_text("old record")
    return here


def stopped(folder, command, number):
    """The exit code of `command` stopped by a signal half-way through its output."""
    with subprocess.Popen(
        [sys.executable, "-c", STOPPING, *COMMANDS[command]],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout.readline() == "half\n", running.stderr.read()
        running.send_signal(number)
        _, errors = running.communicate(timeout=30)
    assert "Traceback" not in errors
    return running.returncode


@pytest.mark.parametrize("command", COMMANDS)
def test_an_interrupt_leaves_the_old_output_and_nothing_else(folder, command):
    before = files(folder)
    assert stopped(folder, command, signal.SIGINT) == 130
    assert files(folder) == before
    assert (folder / "out.onnx").read_text() == "old"
    assert (folder / "out.onnx.record.json").read_text() == "old record"


def test_a_kill_leaves_the_old_output(folder):
    """Nobody can tidy up after SIGKILL: a hidden folder stays, but no name that is anyone's."""
    before = files(folder)
    assert stopped(folder, "quantize", signal.SIGKILL) == -signal.SIGKILL
    left = set(files(folder)) - set(before)
    assert all(name.startswith(".out.onnx.") for name in left)
    assert (folder / "out.onnx").read_text() == "old"


FULL_DISK = """
mount -t tmpfs -o size={size}k tmpfs small || exit 77
printf old > small/out.onnx
"$@"
code=$?
ls -A small
cat small/out.onnx
exit $code
"""


def on_a_small_disk(folder, size_kb, *arguments):
    """Run the program in a mount namespace where the folder `small` holds `size_kb`."""
    if shutil.which("unshare") is None:
        pytest.skip("no unshare: a small disk cannot be mounted")
    (folder / "small").mkdir()
    program = [sys.executable, "-m", "q4compile", *map(str, arguments)]
    script = ["sh", "-c", FULL_DISK.format(size=size_kb), "sh", *program]
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", *script],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 77 or "unshare:" in done.stderr:
        pytest.skip(f"a small disk cannot be mounted: {done.stderr.strip()}")
    return done


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk(folder, golden, command):
    *arguments, _ = COMMANDS[command]
    done = on_a_small_disk(folder, 8, *arguments, "small/out.onnx")
    assert (done.returncode, done.stdout) == (2, "out.onnx\nold")
    golden(f"errors/Q552-{command}-disk-full.txt", done.stderr)
