"""A coverage-guided fuzzer finds nothing that is raised. Bounded: some seconds, from the example files on."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.config.corpus import INVALID, VALID

ROOT = Path(__file__).parents[2]
SECONDS = 20


def fuzzed(folder: Path) -> subprocess.CompletedProcess[str]:
    """A run of the fuzzer that keeps what it finds in ``folder``."""
    for path in (*VALID, *INVALID):
        shutil.copy(path, folder)
    bounds = [f"-max_total_time={SECONDS}", "-max_len=4096", "-timeout=10", "-rss_limit_mb=1024", "-seed=1"]
    command = [sys.executable, "-m", "tests.support.fuzzing", str(folder), f"-artifact_prefix={folder}/", *bounds]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)


if find_spec("atheris"):  # it has wheels for some versions of Python only; pyproject.toml says for which

    def test_no_input_raises(tmp_path: Path) -> None:
        ended = fuzzed(tmp_path)
        assert ended.returncode == 0, ended.stderr[-4000:]
        assert "Done " in ended.stderr
        assert not list(tmp_path.glob("crash-*"))
