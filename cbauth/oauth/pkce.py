"""Proof Key for Code Exchange (RFC 7636), S256 only: the plain method protects nobody who can read the request."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import NoReturn

__all__ = ["PKCEChallenge", "challenge_of", "generate_pkce", "generate_state"]


@dataclass(frozen=True, slots=True)
class PKCEChallenge:
    """A verifier, which stays here until the exchange, and the challenge that goes into the request."""

    verifier: str = field(repr=False)
    challenge: str
    method: str = "S256"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a PKCE verifier is a secret and cannot be pickled or copied: make a new one")


def generate_pkce() -> PKCEChallenge:
    """A fresh pair: 64 bytes of randomness (86 characters; RFC 7636 section 4.1 wants 43 to 128)."""
    verifier = secrets.token_urlsafe(64)
    return PKCEChallenge(verifier, challenge_of(verifier))


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636 section 4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def generate_state() -> str:
    """A fresh ``state``, which ties the callback to this login (RFC 6749 section 10.12)."""
    return secrets.token_urlsafe(32)
