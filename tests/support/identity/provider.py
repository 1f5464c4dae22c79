"""The provider's process, and what tests may ask of it."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import requests

from tests.support.identity.browser import PATIENCE, Browser, Form
from tests.support.identity.faults import Fault

__all__ = ["BASIC", "POST", "PUBLIC", "Client", "Endpoint", "Exchange", "IdentityProvider", "Method"]

SERVER = Path(__file__).with_name("server.mjs")
NEWER_NODE = SERVER.parent / "node_modules/.bin/node"
"""Where `make tools` puts a Node if the system's is too old."""
ME = "me@acme.example"
SHORTEST = 24
"""Characters; everything that the provider makes is longer."""

Endpoint = Literal[
    "discovery", "authorization", "token", "device_authorization", "revocation", "introspection", "userinfo"
]
Method = Literal["none", "client_secret_basic", "client_secret_post"]
PATHS: dict[Endpoint, str] = {
    "discovery": "/.well-known/openid-configuration",
    "authorization": "/auth",
    "token": "/token",
    "device_authorization": "/device/auth",
    "revocation": "/token/revocation",
    "introspection": "/token/introspection",
    "userinfo": "/me",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A registered client. Each process of the provider makes its own secrets: ``IdentityProvider.secret_of``."""

    id: str
    method: Method


PUBLIC = Client(id="cbauth", method="none")
"""A native app without a secret; PKCE with S256 is mandatory for all three."""
BASIC = Client(id="cbauth-basic", method="client_secret_basic")
POST = Client(id="cbauth-post", method="client_secret_post")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request to an endpoint. ``status`` is what the provider made of it, whatever a fault did to the answer.

    It is ``None`` while the provider works on it, and for ever if a fault kept it from doing so. The names in
    ``headers`` are in lower case. ``client`` is who the request says it is, by its parameters or its credentials.
    """

    endpoint: Endpoint
    method: str
    path: str
    client: str
    grant: str
    parameters: dict[str, str]
    headers: dict[str, str]
    status: int | None


class IdentityProvider:
    """A provider on a port of its own, with the three clients above. A context manager.

    ``folder`` takes the log of the process; ``node`` is the program that runs it. The redirect URIs of the three are
    ``http://127.0.0.1/callback`` and ``http://127.0.0.1/``, with any port (RFC 8252 section 7.3).
    """

    def __init__(self, folder: Path, node: Path | None = None) -> None:
        self._log = folder / "identity-provider.log"
        self._node = node or (NEWER_NODE if NEWER_NODE.exists() else None)
        self._process: subprocess.Popen[bytes] | None = None
        self._control = ""
        self._secrets: dict[str, str] = {}
        self.issuer = ""

    # The process

    def start(self) -> None:
        """Start it and wait until it listens."""
        node = self._node or shutil.which("node")
        assert node is not None, "node is not installed: `make tools` does it"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [node, str(SERVER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
                env={"PATH": os.environ.get("PATH", os.defpath)},
            )
        heard = self._first_line(self._process)
        if not heard.endswith(b"\n"):
            self.stop()
            words = self._log.read_text("utf-8", "replace")
            raise AssertionError(f"the identity provider did not start (`make tools` installs what it needs):\n{words}")
        told = json.loads(heard)
        self.issuer, self._control, self._secrets = told["issuer"], told["control"], told["secrets"]

    def stop(self) -> None:
        """End it: it goes when its standard input ends, and so when this process dies, too."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    @staticmethod
    def _first_line(process: subprocess.Popen[bytes]) -> bytes:
        assert process.stdout is not None
        heard, ends = b"", time.monotonic() + PATIENCE
        while not heard.endswith(b"\n"):
            ready, _, _ = select.select([process.stdout], [], [], max(0.0, ends - time.monotonic()))
            chunk = os.read(process.stdout.fileno(), 65536) if ready else b""
            if not chunk:
                break
            heard += chunk
        return heard

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # Where things are

    def url(self, endpoint: Endpoint) -> str:
        """The URL of an endpoint."""
        return self.issuer + PATHS[endpoint]

    def secret_of(self, client: Client) -> str:
        """A client's secret; empty for a public one."""
        return self._secrets[client.id]

    def add_client(self, client: Client, *redirect_uris: str, secret: str = "", any_port: bool = False) -> None:
        """Register a client more. Its redirect URIs are taken to the letter, port included, unless ``any_port``."""
        self._ask(
            "client",
            id=client.id,
            secret=secret,
            method=client.method,
            redirectUris=redirect_uris,
            anyPort=any_port,
        )
        self._secrets[client.id] = secret

    # People

    def approve(self, authorization_url: str, *, account: str = ME, deny: bool = False) -> str:
        """Sign in and allow it (or ``deny``), in a fresh browser; the URL that it is sent to, which is not opened.

        Raises ``PageError`` if the provider shows an error instead of sending the browser on.
        """

        def fill(form: Form) -> None:
            if "account" in form.fields:
                form.fields |= {"account": account, "decision": "deny" if deny else "allow"}

        with Browser(self.issuer) as browser:
            landing, words = browser.walk(authorization_url, fill)
        assert not words, f"the provider keeps the browser: {words}"
        return landing

    def visit(self, authorization_url: str, *, account: str = ME, deny: bool = False) -> requests.Response:
        """As ``approve``, and then open where that leads, as the browser would; what is answered there."""
        landing = self.approve(authorization_url, account=account, deny=deny)
        with requests.Session() as session:
            session.trust_env = False
            return session.get(landing, allow_redirects=False, timeout=PATIENCE)

    def approve_device(
        self, verification_uri: str, user_code: str = "", *, account: str = ME, deny: bool = False
    ) -> str:
        """Type the code that a device shows and allow it (or ``deny``); the words of the last page.

        ``verification_uri_complete`` needs no ``user_code``. Raises ``PageError`` if the code is not known.
        """

        def fill(form: Form) -> None:
            if "account" in form.fields:
                form.fields |= {"account": account, "decision": "deny" if deny else "allow"}
            elif "confirm" not in form.fields and user_code:
                form.fields["user_code"] = user_code

        with Browser(self.issuer) as browser:
            return browser.walk(verification_uri, fill)[1]

    # What has happened

    def exchanges(self, endpoint: Endpoint | None = None) -> list[Exchange]:
        """The requests since ``reset``, in order of their arrival; those to one endpoint, if named."""
        heard = [Exchange(**each) for each in self._ask("exchanges")]
        return [each for each in heard if endpoint in (None, each.endpoint)]

    def asked(self, grant: str | None = None, client: Client | None = None) -> int:
        """How many token requests came in, by grant type and client."""
        return len(self._token_requests(grant, client))

    def granted(self, grant: str | None = None, client: Client | None = None) -> int:
        """How many of them the provider granted, even if the answer was lost."""
        return sum(each.status == 200 for each in self._token_requests(grant, client))

    def _token_requests(self, grant: str | None, client: Client | None) -> list[Exchange]:
        return [
            each
            for each in self.exchanges("token")
            if grant in (None, each.grant) and (client is None or client.id == each.client)
        ]

    def secrets(self) -> dict[str, list[str]]:
        """Every secret issued or received since the process started, by kind.

        The kinds are ``access_token refresh_token id_token code code_verifier device_code client_secret``.
        """
        told: dict[str, list[str]] = self._ask("secrets")
        return told

    def issued(self) -> dict[str, str]:
        """What is secret, with its kind. Wrong tokens that tests have made up are left out: they are plain words."""
        return {value: kind for kind, values in self.secrets().items() for value in values if len(value) >= SHORTEST}

    def introspect(self, token: str) -> dict[str, Any]:
        """What the provider knows of a token (RFC 7662): ``{"active": False}`` if it is worth nothing."""
        with requests.Session() as session:
            session.trust_env = False
            credentials = (BASIC.id, self.secret_of(BASIC))
            answer = session.post(self.url("introspection"), data={"token": token}, auth=credentials, timeout=PATIENCE)
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told

    # What shall happen

    def reset(self) -> None:
        """Forget requests, faults and settings, and let everything go that waits. Tokens stay, and so do clients."""
        self._ask("reset")

    def fail(self, fault: Fault, *, times: int = 1, endpoint: Endpoint = "token") -> None:
        """Answer the next requests to an endpoint so. Orders queue up: ``fail(a); fail(b)`` is first a, then b."""
        self._ask("fail", endpoint=endpoint, fault=asdict(fault), times=times)

    def set_access_token_ttl(self, seconds: int) -> None:
        """The lifetime of access tokens from now on; 3600 after ``reset``."""
        self._ask("settings", accessTokenTtl=seconds)

    def set_device_interval(self, seconds: int) -> None:
        """How long devices are told to wait between two questions; 1 after ``reset``."""
        self._ask("settings", deviceInterval=seconds)

    def expire(self, token: str) -> None:
        """Let a token, an authorization code or a device code be past its time."""
        self._ask("expire", token=token)

    def revoke(self, token: str) -> None:
        """Take back the grant that a token came from, with all of its tokens."""
        self._ask("revoke", token=token)

    def revoke_account(self, account: str = ME) -> None:
        """Take back all that an account has granted."""
        self._ask("revoke", account=account)

    def _ask(self, verb: str, **arguments: Any) -> Any:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.post(self._control + verb, json=arguments, timeout=PATIENCE)
        assert answer.ok, f"{verb}: {answer.json()}"
        return answer.json()
