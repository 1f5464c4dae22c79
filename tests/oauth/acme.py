"""A provider, ``acme``, over the real identity provider; managers that log in there, on a clock that stands still."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cbauth
from cbauth.oauth import Credential, OAuthManager
from tests.clock import FakeClock
from tests.support.identity import PUBLIC, Client, IdentityProvider

__all__ = ["LIFE", "SCOPES", "SOON", "Acme"]

LIFE = 3600.0
"""Seconds that access tokens live, unless a test says otherwise."""
SCOPES = ("openid", "offline_access", "email")
SOON = 20.0
"""Seconds after which a test gives up waiting; nothing here should take one."""


@dataclass(kw_only=True)
class Acme:
    """The provider, where logins are kept, and what was made of both in a test."""

    identity: IdentityProvider
    folder: Path
    clock: FakeClock = field(default_factory=FakeClock)
    managers: list[OAuthManager] = field(default_factory=list)

    def bare(self, **options: Any) -> OAuthManager:
        """A manager that knows no provider; its logins are files, unless ``options`` say otherwise."""
        if "store" not in options:
            options.setdefault("path", self.folder)
        manager = OAuthManager(**{"clock": self.clock, "sleep": self.clock.sleep, **options})
        self.managers.append(manager)
        return manager

    def manager(self, client: Client = PUBLIC, **options: Any) -> OAuthManager:
        """A manager that knows ``acme``, by discovery."""
        manager = self.bare(**options)
        self.configure(manager, client)
        return manager

    def configure(self, manager: OAuthManager, client: Client = PUBLIC, **changes: Any) -> None:
        """Describe ``acme`` to a manager."""
        settings: dict[str, Any] = {
            "client_id": client.id,
            "client_secret": self.identity.secret_of(client) or None,
            "issuer": self.identity.issuer,
            "scopes": SCOPES,
            "extra_params": {"prompt": "consent"},
        }
        manager.configure_provider("acme", **settings | changes)

    def endpoints(self) -> dict[str, str]:
        """All endpoints, for those who do not ask the issuer."""
        url = self.identity.url
        return {
            "authorization_endpoint": url("authorization"),
            "token_endpoint": url("token"),
            "device_authorization_endpoint": url("device_authorization"),
            "revocation_endpoint": url("revocation"),
            "userinfo_endpoint": url("userinfo"),
        }

    def login(self, manager: OAuthManager, name: str = "acme") -> Credential:
        """Log in with a browser on this machine."""
        login = manager.begin(name)
        assert self.identity.visit(login.url).status_code == 200
        return login.wait(SOON)

    def file(self) -> Path:
        """The file of the one login."""
        (path,) = self.folder.glob("*.json")
        return path

    def config(self, **profile: Any) -> dict[str, Any]:
        """A configuration with one profile, ``me``, that logs in at ``acme``, and files in the user's folder."""
        return {
            "version": 1,
            "providers": {
                "acme": {
                    "protocol": "openai",
                    "base_url": "https://llm.acme.example/v1",
                    "oauth": {
                        "issuer": self.identity.issuer,
                        "client_id": PUBLIC.id,
                        "scopes": list(SCOPES),
                        "extra_params": {"prompt": "consent"},
                    },
                }
            },
            "profiles": {"me": {"provider": "acme", "oauth": {}, "models": ["*"], **profile}},
            "state": {"store": "memory"},
            "credentials": {"store": "file"},
        }

    def toolkit(self, config: dict[str, Any] | None = None) -> cbauth.Toolkit:
        """A toolkit on the clock."""
        sleep = self.clock.sleep
        toolkit = cbauth.load(
            config or self.config(), clock=self.clock, sleep=sleep, async_sleep=self.clock.async_sleep
        )
        self.managers.append(toolkit.oauth)
        return toolkit

    def close(self) -> None:
        """Close what was made."""
        for manager in self.managers:
            manager.close()
