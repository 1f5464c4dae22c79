"""A real identity provider on loopback: the npm package oidc-provider, with doors and faults for tests.

Tests take the fixture ``identity``::

    def test_a_login(identity: IdentityProvider) -> None:
        landing = identity.approve(authorization_url)          # a person signs in and allows it
        identity.fail(faults.status(500), times=2)             # the next two token requests
        assert identity.asked("refresh_token") == 1
"""

from tests.support.identity import faults
from tests.support.identity.browser import PageError
from tests.support.identity.provider import BASIC, POST, PUBLIC, Client, Exchange, IdentityProvider

__all__ = ["BASIC", "POST", "PUBLIC", "Client", "Exchange", "IdentityProvider", "PageError", "faults"]
