"""What must hold for every walk, one module each. A new check is its module and its line here."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from q4compile.errors import Finding
from q4compile.isa.verify.checks import (
    alike,
    bounds,
    core_races,
    coverage,
    deadlock,
    extent,
    overflow,
    races,
    registers,
    semaphores,
    streams,
    tables,
    unwritten,
)
from q4compile.isa.verify.walk import Verification

Check: TypeAlias = Callable[[Verification], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    alike.findings,
    bounds.findings,
    core_races.findings,
    coverage.findings,
    deadlock.findings,
    extent.findings,
    overflow.findings,
    races.findings,
    registers.findings,
    semaphores.findings,
    streams.findings,
    tables.findings,
    unwritten.findings,
)
