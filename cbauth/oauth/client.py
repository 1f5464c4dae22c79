"""How a client says who it is (RFC 6749 section 2.3)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from requests.auth import HTTPBasicAuth

from cbauth.secrets import Secret

__all__ = ["Client"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client: public without a ``secret``. ``in_body``: its provider takes the secret in the body only."""

    id: str
    secret: Secret | None = field(default=None, repr=False)
    in_body: bool = False

    @property
    def auth(self) -> HTTPBasicAuth | None:
        """The header of a confidential client; name and password are encoded first (RFC 6749 section 2.3.1)."""
        if self.secret is None or self.in_body:
            return None
        return HTTPBasicAuth(quote(self.id, safe=""), quote(self.secret.reveal(), safe=""))

    @property
    def form(self) -> dict[str, Any]:
        """What says it in the body of a request: nothing, where the header does."""
        if self.secret is None:
            return {"client_id": self.id}
        return {"client_id": self.id, "client_secret": self.secret.reveal()} if self.in_body else {}

    @property
    def ways(self) -> tuple[Client, ...]:
        """The ways to say it, in order: who does not declare how it wants a secret may take it in the body only."""
        return (self,) if self.auth is None else (self, replace(self, in_body=True))

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be seen."""
        return () if self.secret is None else (self.secret.reveal(),)
