"""Logging in with OAuth 2.0, and keeping the login: flows, endpoints, stored credentials.

Only what is light is imported here; what needs an HTTP client is imported by the first login, refresh or logout.
"""

from __future__ import annotations

from cbauth.oauth.credentials import Credential
from cbauth.oauth.manager import OAuthManager
from cbauth.oauth.pkce import PKCEChallenge

__all__ = ["Credential", "OAuthManager", "PKCEChallenge"]
