"""``python -m q4compile`` is the program ``q4compile``."""

from q4compile.cli.main import run

run()
