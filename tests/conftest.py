"""Shared fixtures: golden files, the recorded-speech corpus, and one thread per process."""

import os
import subprocess
import sys
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"  # before numpy loads: threads on a busy machine run 16x slower

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

settings.register_profile("shared-machine", deadline=None)  # a busy machine is not a slow function
settings.load_profile("shared-machine")

GOLDEN = Path(__file__).parent / "golden"
AN4 = Path(os.environ.get("Q4COMPILE_AN4", Path(__file__).parents[1] / "an4"))


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden/**")


def run_fresh(file, call):
    """Run the Python expression `call` on the names of the module `file`, in a process of its own.

    torch's dynamo exporter fixes dynamic axes of LSTMs once another LSTM was exported before it.
    """
    script = (
        "import sys, importlib.util as loader\n"
        f"sys.path[:0] = {sys.path!r}\n"
        f"spec = loader.spec_from_file_location('fresh', {str(file)!r})\n"
        "module = sys.modules['fresh'] = loader.module_from_spec(spec)\n"
        "spec.loader.exec_module(module)\n"
        f"eval({call!r}, vars(module))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def fresh():
    return run_fresh


class Golden:
    """Compares a text with the file of that name; `--update-golden` writes the file instead."""

    def __init__(self, update):
        self.update = update

    def __call__(self, name, text, **hidden):
        """Compare after replacing each hidden value (a temporary path, say) by <its name>."""
        for label, value in hidden.items():
            text = text.replace(str(value), f"<{label}>")
        path = GOLDEN / name
        if self.update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.rstrip() + "\n", encoding="utf-8")
        assert path.exists(), f"{path} is missing: run pytest --update-golden and read the diff"
        assert text.rstrip() + "\n" == path.read_text(encoding="utf-8")


@pytest.fixture
def golden(request):
    return Golden(request.config.getoption("--update-golden"))


@pytest.fixture(scope="session")
def an4():
    """The AN4 corpus (1078 recorded utterances), or a skip that says how to get it."""
    if not (AN4 / "etc" / "an4_test.fileids").is_file():
        pytest.skip(f"no AN4 corpus in {AN4}: clone cmusphinx/an4 and set Q4COMPILE_AN4 to it")
    return AN4.resolve()
