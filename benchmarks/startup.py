"""What it costs to start: a fresh interpreter each time, byte-compiled, with nothing inherited from this one."""

from __future__ import annotations

import atexit
import compileall
import os
import subprocess
import sys
from functools import cache, partial
from pathlib import Path
from shutil import copytree, ignore_patterns
from tempfile import TemporaryDirectory
from typing import NamedTuple

import cbauth
from benchmarks.measuring import Step

__all__ = ["Imported", "bare", "imports", "run", "with_cbauth"]


class Imported(NamedTuple):
    """A module that ``import cbauth`` loads, and the microseconds that it takes by itself."""

    name: str
    microseconds: int


@cache
def _environment() -> dict[str, str]:
    """Next to nothing, and a copy of the package of which every byte-code file is there and new."""
    folder = TemporaryDirectory(prefix="cbauth-benchmarks-")
    atexit.register(folder.cleanup)
    package = Path(folder.name, "cbauth")
    copytree(Path(cbauth.__file__).parent, package, ignore=ignore_patterns("__pycache__"))
    compileall.compile_dir(package, quiet=2)
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    return {**kept, "PYTHONPATH": folder.name, "PYTHONDONTWRITEBYTECODE": "1"}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter with these arguments, until it has ended well."""
    command = [sys.executable, "-s", *arguments]
    return subprocess.run(command, env=_environment(), check=True, capture_output=True, text=True)


def bare() -> Step:
    return partial(run, "-c", "pass")


def with_cbauth() -> Step:
    return partial(run, "-c", "import cbauth")


def imports() -> tuple[Imported, ...]:
    """What ``import cbauth`` loads beyond a bare start, as ``-X importtime`` tells."""
    before, after = (_loaded(program) for program in ("pass", "import cbauth"))
    return tuple(Imported(name, after[name]) for name in after if name not in before)


def _loaded(program: str) -> dict[str, int]:
    lines = run("-X", "importtime", "-c", program).stderr.splitlines()
    rows = [line.removeprefix("import time:").split("|") for line in lines if line.startswith("import time:")]
    return {name.strip(): int(own) for own, _, name in rows if own.strip().isdecimal()}
