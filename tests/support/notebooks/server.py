"""A Jupyter server on a free port of this machine, with JupyterLab, Notebook 7 and Voila."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import requests

__all__ = ["JupyterServer"]

PATIENCE = 90.0
PATHS = {"lab": "lab/workspaces/{stem}/tree/{name}", "notebook": "notebooks/{name}", "voila": "voila/render/{name}"}
"""Where each front-end opens a notebook; JupyterLab in a workspace of its own, where no other notebook is open."""

ROOT = Path(__file__).parents[3]


class JupyterServer:
    """The server, with a home, settings and a folder of notebooks of its own. A context manager."""

    def __init__(self, folder: Path) -> None:
        self.notebooks = folder / "notebooks"
        self._folder = folder
        self._token = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None
        self._url = ""

    @property
    def address(self) -> str:
        """The server itself."""
        return self._url

    def url(self, front_end: str, name: str) -> str:
        """Where ``front_end`` opens the notebook ``name``."""
        return f"{self._url}{PATHS[front_end].format(name=name, stem=Path(name).stem)}?token={self._token}"

    def environment(self) -> dict[str, str]:
        """What the server and its kernels see: nothing of whoever runs the tests."""
        folders = {
            "HOME": "home",
            "IPYTHONDIR": "ipython",
            "JUPYTER_CONFIG_DIR": "settings",
            "JUPYTER_DATA_DIR": "jupyter",
            "JUPYTER_RUNTIME_DIR": "run",
            "XDG_CACHE_HOME": "cache",
            "XDG_CONFIG_HOME": "config",
            "XDG_DATA_HOME": "data",
            "XDG_STATE_HOME": "state",
        }
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            "PYTHONPATH": str(ROOT),
            **{name: str(self._folder / place) for name, place in folders.items()},
            **{name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")},
        }

    def __enter__(self) -> Self:
        settings = self._folder / "settings"
        for folder in (self.notebooks, self._folder / "home", settings, settings / "labconfig"):
            folder.mkdir(parents=True)
        common = {"port": 0, "ip": "127.0.0.1", "token": self._token, "open_browser": False, "allow_root": True}
        app = {"expose_app_in_browser": True, "news_url": None}
        configuration = {
            "ServerApp": {**common, "root_dir": str(self.notebooks)},
            "LabApp": app,
            "JupyterNotebookApp": {"expose_app_in_browser": True},
            "VoilaConfiguration": {"show_tracebacks": True},
        }
        (settings / "jupyter_server_config.json").write_text(json.dumps(configuration), "utf-8")
        with (self._folder / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jupyterlab"],
                cwd=self.notebooks,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._url = self._listening(self._process)
        return self

    def _listening(self, process: subprocess.Popen[bytes]) -> str:
        """The address of the server, when it answers."""
        place, ends = self._folder / "run" / f"jpserver-{process.pid}.json", time.monotonic() + PATIENCE
        while time.monotonic() < ends and process.poll() is None:
            try:
                url = str(json.loads(place.read_text("utf-8"))["url"])
                with requests.Session() as session:
                    session.trust_env = False
                    if session.get(f"{url}api/status", params={"token": self._token}, timeout=PATIENCE).ok:
                        return url
            except (OSError, ValueError, requests.RequestException):
                pass
            time.sleep(0.05)
        self.stop()
        raise AssertionError(f"jupyter did not start:\n{(self._folder / 'server.log').read_text('utf-8', 'replace')}")

    def end_kernels(self) -> None:
        """End the kernels that run: each test starts its own."""
        with requests.Session() as session:
            session.trust_env = False
            session.headers["Authorization"] = f"token {self._token}"
            for kernel in session.get(f"{self._url}api/kernels", timeout=PATIENCE).json():
                session.delete(f"{self._url}api/kernels/{kernel['id']}", timeout=PATIENCE)

    def stop(self) -> None:
        """End it, and with it its kernels."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
