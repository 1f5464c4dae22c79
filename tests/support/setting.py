"""A toolkit over loopback providers, with a clock that stands still."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

import cbauth
from tests.clock import FakeClock
from tests.support.provider import Provider

__all__ = ["Setting", "key", "record"]


def key(profile_id: str) -> str:
    """The key of a profile: a word that stands nowhere else, and that nothing but knowing it can tell for a key."""
    return f"canary.{profile_id}.shaped.like.nothing"


def record(toolkit: cbauth.Toolkit, profile_id: str) -> cbauth.Status:
    """The status record of a profile."""
    return next(one for one in toolkit.status() if one.profile_id == profile_id)


class Setting:
    """Two providers, ``acme`` and ``bravo``, and the toolkits that were made over them."""

    def __init__(self, acme: Provider, bravo: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
        self.acme = acme
        self.bravo = bravo
        self.clock = FakeClock()
        self._monkeypatch = monkeypatch
        self._toolkits: list[cbauth.Toolkit] = []

    def setenv(self, name: str, value: str) -> None:
        """Set an environment variable for the rest of the test."""
        self._monkeypatch.setenv(name, value)

    def config(
        self, profiles: Mapping[str, Mapping[str, Any]], *, acme: str = "openai", bravo: str = "openai", **rest: Any
    ) -> dict[str, Any]:
        """A configuration in which each profile that does not log in has a key of its own in the environment.

        ``acme`` and ``bravo`` are the dialects that the two speak; a profile that says nothing is one of acme's.
        """
        written: dict[str, Any] = {}
        for name, profile in profiles.items():
            written[name] = {"provider": "acme", "models": ["*"], **profile}
            if "oauth" not in profile:
                variable = f"KEY_{name.upper().replace('-', '_')}"
                self.setenv(variable, key(name))
                written[name].setdefault("api_key", f"env:{variable}")
        login = {"issuer": "https://login.acme.example", "client_id": "cbauth"}
        return {
            "version": 1,
            "providers": {
                "acme": {"protocol": acme, "base_url": self.acme.base_url(acme), "oauth": login},
                "bravo": {"protocol": bravo, "base_url": self.bravo.base_url(bravo)},
            },
            "profiles": written,
            "state": {"store": "memory"},
            **rest,
        }

    def toolkit(self, profiles: Mapping[str, Mapping[str, Any]], **rest: Any) -> cbauth.Toolkit:
        """A toolkit over such a configuration: on this clock, and sleeping in no time."""
        clock = self.clock
        toolkit = cbauth.load(
            self.config(profiles, **rest), clock=clock, sleep=clock.sleep, async_sleep=clock.async_sleep
        )
        self._toolkits.append(toolkit)
        return toolkit

    def close(self) -> None:
        """Close what was made."""
        for toolkit in self._toolkits:
            toolkit.close()
