"""Receiving the redirect of a login on this machine."""

from __future__ import annotations

from cbauth.oauth.loopback.server import Check, Loopback

__all__ = ["Check", "Loopback"]
