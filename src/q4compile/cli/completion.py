"""``q4compile completion``: the script that lets a shell complete commands, options and paths."""

import click
from click.shell_completion import get_completion_class

from q4compile.cli.options import debug_option, example

SHELLS = ("bash", "fish", "zsh")


@click.command(epilog=example('eval "$(q4compile completion bash)"'))
@click.argument("shell", metavar="SHELL", type=click.Choice(SHELLS))
@debug_option
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script of SHELL: bash, fish or zsh."""
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"this version of click cannot complete in {shell}")
    script = found(ctx.find_root().command, {}, "q4compile", "_Q4COMPILE_COMPLETE")
    click.echo(script.source())
