"""Where logins are kept: the system's keyring if it really works, else files for their owner alone.

Laws:

1. What ``save`` has returned from is there after a crash; what it has not is there as it was before, whole.
2. A login that cannot be understood is set aside and missed with one warning; one that a newer cbauth wrote is left as
   it is, and whatever else hinders is a ``StoreError`` that says what to do. No error holds a part of a login.
3. Whoever holds a lock holds it alone, over threads and processes, and no longer than it lives.
4. Where logins are kept is decided once and remembered: no fault of a keyring makes cbauth look for them elsewhere.
"""

from __future__ import annotations

from cbauth.oauth.credentials.choice import credentials_folder, is_decided, open_credentials
from cbauth.oauth.credentials.files import FileStore
from cbauth.oauth.credentials.memory import MemoryCredentials
from cbauth.oauth.credentials.record import Credential, CredentialStore
from cbauth.oauth.credentials.vault import KeyringStore

__all__ = [
    "Credential",
    "CredentialStore",
    "FileStore",
    "KeyringStore",
    "MemoryCredentials",
    "credentials_folder",
    "is_decided",
    "open_credentials",
]
