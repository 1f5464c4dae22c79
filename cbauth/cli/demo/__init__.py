"""``cbauth demo``: failover live on this machine, with no key and no network."""

from __future__ import annotations

from cbauth.cli.demo.command import demo

__all__ = ["demo"]
