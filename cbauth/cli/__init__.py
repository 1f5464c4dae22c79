"""The command line. Each command's module is imported only when the command runs."""

from __future__ import annotations

from cbauth.cli.main import main

__all__ = ["main"]
