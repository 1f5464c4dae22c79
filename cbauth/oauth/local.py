"""A server for the callbacks of logins whose address was asked for with ``get_authorization_url``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from cbauth.oauth.loopback import Check, Loopback

__all__ = ["CallbackServer"]

FOREVER = 86400.0


class CallbackServer:
    """Receives one callback after the other on one port, until it is closed.

    ``check`` says which are ours; ``redeem`` is called with each of those, in the server's own thread.
    """

    def __init__(self, redirect_uri: str, check: Check, redeem: Callable[[Mapping[str, str]], None]) -> None:
        self._check = check
        self._redeem = redeem
        self._closed = False
        self._lock = threading.Lock()
        self._loopback = Loopback((redirect_uri,), check)
        self.redirect_uri = self._loopback.redirect_uri
        threading.Thread(target=self._serve, name="cbauth waits for callbacks", daemon=True).start()

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
                    if not self._closed:
                        self._loopback = Loopback((self.redirect_uri,), self._check)
                self._redeem(params)
            if self._closed:
                return
