"""Progress bars: every item passes, nothing is drawn where nobody looks."""

import io

import click
import pytest
from click.testing import CliRunner
from rich.console import Console

from q4compile.cli.bars import Bars, progress_for
from q4compile.cli.options import progress_options
from q4compile.progress import quiet


@pytest.fixture
def console():
    return Console(file=io.StringIO(), force_terminal=True, width=100)


def test_items_pass_and_the_bar_ends_full(console):
    assert list(Bars(console)(range(5), "calibrate")) == [0, 1, 2, 3, 4]
    assert "calibrate" in console.file.getvalue()
    assert "5/5" in console.file.getvalue()


def test_a_generator_takes_its_total_from_the_caller(console):
    assert list(Bars(console)(iter("abc"), "read", total=3)) == ["a", "b", "c"]
    assert "3/3" in console.file.getvalue()
    assert list(Bars(console)(iter("abc"), "read")) == ["a", "b", "c"]


def test_loops_may_be_nested_and_follow_each_other(console):
    bars = Bars(console)
    seen = [(i, j) for i in bars(range(2), "epoch") for j in bars(range(3), "batch")]
    assert len(seen) == 6
    assert list(bars([1], "after")) == [1]
    assert bars.display is None


def test_a_loop_that_is_left_early_gives_the_terminal_back(console):
    bars = Bars(console)
    loop = bars(range(5), "search")
    next(loop)
    loop.close()
    assert bars.display is None


def test_no_bars_without_a_terminal_or_when_not_wanted():
    assert progress_for(shown=False) is quiet
    assert progress_for(shown=True) is quiet


@pytest.mark.parametrize("flags", [[], ["--no-progress"], ["--quiet"]])
def test_a_command_gets_its_progress(flags):
    @click.command()
    @progress_options
    def command(progress, quiet):
        click.echo(f"{list(progress([1, 2], 'x'))} {quiet}")

    assert CliRunner().invoke(command, flags).output == f"[1, 2] {'--quiet' in flags}\n"
