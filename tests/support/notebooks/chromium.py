"""A real Chromium, the system's, without a window."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Playwright, ProxySettings, sync_playwright

__all__ = ["PATIENCE", "Chromium"]

PATIENCE = 60_000
"""Milliseconds after which something that should be on a page counts as missing. Nothing is waited for longer than it
takes; the machine may be busy."""
NOBODY = 9
"""A port on which nobody listens: the proxy of a browser that reaches nothing."""
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Chromium:
    """The browser. Each ``profile`` is that of somebody new. A context manager."""

    def __enter__(self) -> Self:
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        assert program is not None, "there is no chromium: `make tools` installs it"
        self._playwright: Playwright = sync_playwright().start()
        self._browser: Browser = self._playwright.chromium.launch(
            executable_path=program,
            args=list(FLAGS),
            ignore_default_args=["--disable-popup-blocking"],  # people have it on
        )
        return self

    def profile(
        self, *, dark: bool = False, width: int = 1100, height: int = 1000, reached: Sequence[str] = ()
    ) -> BrowserContext:
        """A fresh profile, with cookies of its own. ``reached``: the only servers that can be reached, if any."""
        bypass = ",".join(urlsplit(url).netloc for url in reached)
        nobody = ProxySettings(server=f"http://127.0.0.1:{NOBODY}", bypass=bypass)
        context = self._browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            proxy=nobody if reached else None,
        )
        context.set_default_timeout(PATIENCE)
        return context

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._browser.close()
        self._playwright.stop()
