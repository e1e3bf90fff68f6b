"""What a measurement was made on: the machine, the cores it may use, and the versions."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

DISTRIBUTIONS = {"sklearn": "scikit-learn"}


def environment() -> dict[str, str]:
    """Return the environment in which another Python finds the modules that this one finds."""
    root = str(Path(__file__).parent.parent)
    return os.environ | {"PYTHONPATH": os.pathsep.join([root, *filter(None, sys.path)])}


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor() -> str:
    """Return the processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    fields: dict[str, str] = {}
    for line in lines:
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    name = fields.get("model name", platform.machine())
    if "cpu family" in fields:
        # Virtual machines often hide the name; family and model still tell the kind.
        name += f" (family {fields['cpu family']}, model {fields.get('model', '?')})"
    return name


def version(package: str) -> str | None:
    """Return a package's version by the name it is imported by, None if it is not installed."""
    try:
        return metadata.version(DISTRIBUTIONS.get(package, package))
    except metadata.PackageNotFoundError:
        return None


def commit() -> str:
    """Return the commit of the source this file is in, as an addition to a version."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f" at {found.stdout.strip()}"


def describe(packages: tuple[str, ...] = ()) -> dict[str, object]:
    """Return machine, date and versions, for JSON and tables."""
    import fastmlp
    from fastmlp import config

    versions = {"numpy": version("numpy"), **{name: version(name) for name in packages}}
    versions["fastmlp"] = fastmlp.__version__ + commit()
    return {
        "processor": processor(),
        "cores": cores(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "instruction set": fastmlp._core.isa(),
        "build type": config.build_type(),
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "versions": {DISTRIBUTIONS.get(k, k): v for k, v in sorted(versions.items())},
    }
