"""One manager of each kind per process, for programs that want no object to pass around.

The managers of one configuration share one toolkit, hence one engine and one health.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from cbauth.managers import AuthProfileManager, ModelProfileManager
from cbauth.oauth import OAuthManager
from cbauth.plan import Plan
from cbauth.toolkit import Toolkit, load

__all__ = [
    "get_auth_profile_manager",
    "get_model_profile_manager",
    "get_oauth_manager",
    "reset_auth_profile_manager",
    "reset_model_profile_manager",
    "reset_oauth_manager",
]

Config = str | Path | Plan | Toolkit
M = TypeVar("M", AuthProfileManager, ModelProfileManager, OAuthManager)

_lock = threading.RLock()


class Singleton(Generic[M]):
    """At most one manager of a kind, and the toolkit it belongs to."""

    def __init__(self, face: Callable[[Toolkit], M]) -> None:
        self._face: Callable[[Toolkit], M] = face
        self._manager: M | None = None
        self.toolkit: Toolkit | None = None
        self.owned = False

    def get(self, config: Config | None) -> M:
        """The manager, made at the first call."""
        with _lock:
            if self._manager is None:
                self.toolkit, self.owned = _toolkit(config)
                self._manager = self._face(self.toolkit)
            return self._manager

    def reset(self) -> None:
        """Forget the manager; close the toolkit when it was made here and nobody else uses it."""
        with _lock:
            toolkit, owned = self.toolkit, self.owned
            self._manager = self.toolkit = None
            if owned and toolkit is not None and all(s.toolkit is not toolkit for s in _all):
                toolkit.close()


def _toolkit(config: Config | None) -> tuple[Toolkit, bool]:
    if isinstance(config, Toolkit):
        return config, False
    if config is None:
        for sibling in _all:
            if sibling.toolkit is not None:
                return sibling.toolkit, sibling.owned
    return load(config), True


_auth = Singleton(lambda toolkit: toolkit.profiles)
_model = Singleton(lambda toolkit: toolkit.models)
_oauth = Singleton(lambda toolkit: toolkit.oauth)
_all: tuple[Singleton[AuthProfileManager] | Singleton[ModelProfileManager] | Singleton[OAuthManager], ...] = (
    _auth,
    _model,
    _oauth,
)


def get_auth_profile_manager(config: Config | None = None) -> AuthProfileManager:
    """The process's ``AuthProfileManager``, made at the first call from ``config``.

    ``config``: a path, a plan or a toolkit; none: the search order. Later calls give the same manager, whatever they
    say. Raises ``ConfigError`` when the configuration is missing or wrong.
    """
    return _auth.get(config)


def get_model_profile_manager(config: Config | None = None) -> ModelProfileManager:
    """The process's ``ModelProfileManager``, made at the first call from ``config`` like its sibling."""
    return _model.get(config)


def reset_auth_profile_manager() -> None:
    """Forget the process's ``AuthProfileManager``; the next call makes a new one."""
    _auth.reset()


def reset_model_profile_manager() -> None:
    """Forget the process's ``ModelProfileManager``; the next call makes a new one."""
    _model.reset()


def get_oauth_manager(config: Config | None = None) -> OAuthManager:
    """The process's ``OAuthManager``, made at the first call from ``config`` like its siblings."""
    return _oauth.get(config)


def reset_oauth_manager() -> None:
    """Forget the process's ``OAuthManager``; the next call makes a new one. Stored logins stay."""
    _oauth.reset()
