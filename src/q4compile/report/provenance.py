"""Which machine and which commit a benchmark's figures came from."""

import os
import platform
import subprocess
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")


def machine_description() -> str:
    """``Linux x86_64, NAME OF THE CPU, 2 of 16 logical CPUs usable``."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    counts = f"{usable} of {os.cpu_count()} logical CPUs usable"
    return f"{platform.system()} {platform.machine()}, {_cpu_name()}, {counts}"


def commit_of(repository: Path) -> str | None:
    """The commit checked out in `repository`, with ``-dirty`` after uncommitted changes.

    None when `repository` is no git checkout, or git is not installed.
    """
    command = ["git", "-C", str(repository), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(
            [*command, "--exclude=*"], capture_output=True, text=True, check=True, timeout=60
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _cpu_name() -> str:
    if CPUINFO.exists():
        for line in CPUINFO.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or "unknown CPU"
