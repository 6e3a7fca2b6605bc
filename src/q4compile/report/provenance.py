"""Which machine and which commit a benchmark's figures came from."""

import os
import platform
import subprocess
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
RESULTS = "benchmarks/results"


def machine_description() -> str:
    """``Linux x86_64, NAME OF THE CPU, 2 of 16 logical CPUs usable``."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    counts = f"{usable} of {os.cpu_count()} logical CPUs usable"
    return f"{platform.system()} {platform.machine()}, {_cpu_name()}, {counts}"


def commit_of(repository: Path) -> str | None:
    """The commit checked out in `repository`, with ``-dirty`` after uncommitted changes.

    Results of benchmarks are no changes: one benchmark may follow another. None when `repository`
    is no git checkout, or git is not installed.
    """
    try:
        commit = _git(repository, "rev-parse", "HEAD")
        changes = _git(repository, "status", "--porcelain", "--", ".", f":!{RESULTS}")
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + "-dirty" * bool(changes)


def _git(repository: Path, *arguments: str) -> str:
    command = ["git", "-C", str(repository), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


def _cpu_name() -> str:
    if CPUINFO.exists():
        for line in CPUINFO.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or "unknown CPU"
