"""A server for the callbacks of logins whose address was asked for with ``get_authorization_url``."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from cbauth.errors import LoginError
from cbauth.oauth.loopback import Check, Loopback
from cbauth.oauth.loopback.callback import Place

__all__ = ["CallbackServer"]

FOREVER = 86400.0

_log = logging.getLogger("cbauth.oauth")


class CallbackServer:
    """Receives one callback after the other on one port, until it is closed: the first of these that can be had.

    ``check`` says which are ours; ``redeem`` is called with each of those, in the server's own thread.
    """

    def __init__(self, redirect_uris: Sequence[str], check: Check, redeem: Callable[[Mapping[str, str]], None]) -> None:
        self._check = check
        self._redeem = redeem
        self._closed = False
        self._lock = threading.Lock()
        self._loopback = Loopback(redirect_uris, check)
        self.redirect_uri = self._loopback.redirect_uri
        threading.Thread(target=self._serve, name="cbauth waits for callbacks", daemon=True).start()

    def receives(self, redirect_uri: str) -> bool:
        """Whether a registered URI leads here; one without a port leads to any."""
        here, there = Place.of(self.redirect_uri), Place.of(redirect_uri)
        return replace(there, port=there.port or here.port) == here

    def close(self) -> None:
        """Free the port."""
        with self._lock:
            self._closed = True
        self._loopback.close()

    def _serve(self) -> None:
        while True:
            params = self._loopback.wait(FOREVER)
            if params is not None:
                self._loopback.close()
                with self._lock:
                    try:
                        if not self._closed:
                            self._loopback = Loopback((self.redirect_uri,), self._check)
                    except LoginError as error:  # somebody else has taken the port in between
                        self._closed = True
                        _log.warning("no more callbacks are received at %s: %s", self.redirect_uri, error.description)
                self._redeem(params)
            if self._closed:
                return
