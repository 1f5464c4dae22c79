"""Logging in with OAuth 2.0, and keeping the login: flows, endpoints, stored credentials."""
