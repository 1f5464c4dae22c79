"""A canary hunt: nothing that the provider ever issued is in any text but the one file that is made for it."""

from __future__ import annotations

import copy
import logging
import os
import pickle
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from cbauth import CbauthError
from cbauth.oauth import Credential, OAuthManager
from cbauth.secrets import Secret
from tests.oauth.acme import LIFE, SOON, Acme
from tests.oauth.wire import send
from tests.support.identity import BASIC, faults

SHORTEST = 16
"""Characters from which a secret is told from a word by chance."""


def everything_about(error: BaseException) -> str:
    """The error as the most talkative tools print it: attributes, causes, contexts even if suppressed, locals."""
    told: list[str] = []
    seen: list[BaseException] = []
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is None or any(one is other for other in seen):
            continue
        seen.append(one)
        frames = [frame for frame in traceback.walk_tb(one.__traceback__) if is_ours(frame[0].f_code.co_filename)]
        told += [repr(one), str(one), repr(one.args), repr(vars(one))]
        told += [f"{name}={value!r}" for frame, _ in frames for name, value in frame.f_locals.items()]
        shown = traceback.TracebackException(type(one), one, None)
        told += shown.format()
        left += [one.__cause__, one.__context__]
    return "\n".join(told)


def is_ours(filename: str) -> bool:
    """Frames of everything but the tests themselves, which hold what they like."""
    return f"{os.sep}tests{os.sep}" not in filename


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """Everything that is logged by anybody, with all of its arguments."""
    told: list[str] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(f"{record.name} {record.getMessage()} {record.args!r} {record.exc_text}")

    root, handler = logging.getLogger(), Keeping()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield told
    root.removeHandler(handler)
    root.setLevel(before)


def canaries(acme: Acme) -> dict[str, str]:
    """Every secret that the provider has issued or been sent, and its kind."""
    found = acme.identity.issued()
    return {value: kind for value, kind in found.items() if len(value) >= SHORTEST}


def hunt(acme: Acme, texts: list[str]) -> list[str]:
    """The kinds of secrets that are in any of these."""
    whole = "\n".join(texts)
    return sorted({kind for value, kind in canaries(acme).items() if value in whole})


def arrive(landing: str) -> None:
    """Open where a login ends, as a browser that logs nothing here."""
    parts = urlsplit(landing)
    assert send(landing, f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())


def failures(acme: Acme, manager: OAuthManager) -> Iterator[CbauthError]:
    """One error after the other, each from another place."""
    identity = acme.identity

    def failed(call: Callable[[], object]) -> CbauthError:
        with pytest.raises(CbauthError) as caught:
            call()
        return caught.value

    for fault in (
        *(faults.status(500), faults.html(), faults.truncated(), faults.body([]), faults.cut()),
        *(faults.redirect("https://attacker.example/"), faults.error("invalid_client")),
    ):
        identity.fail(fault, times=4)
        yield failed(lambda: manager.refresh_token("acme"))
        identity.reset()
        landing = identity.approve(manager.get_authorization_url("acme"))
        identity.fail(fault, times=2)
        yield failed(partial(manager.handle_callback, landing))
        identity.reset()
        identity.fail(fault, endpoint="userinfo")
        yield failed(lambda: manager.fetch_user_info("acme"))
        identity.reset()
        identity.fail(fault, times=2, endpoint="device_authorization")
        yield failed(lambda: manager.begin_device("acme"))
        identity.reset()
    landing = identity.approve(manager.get_authorization_url("acme"))
    yield failed(lambda: manager.handle_callback(landing.replace("state=", "state=x")))
    yield failed(lambda: manager.handle_callback(landing.replace("iss=", "iss=x")))
    yield failed(lambda: manager.exchange_code("acme", landing.split("code=")[1].split("&")[0], "nobody's"))
    login = manager.begin("acme")
    landing = identity.approve(login.url)
    yield failed(lambda: login.complete(landing.replace("iss=", "iss=x")))
    identity.fail(faults.error("invalid_grant", f"you sent {landing}"))
    yield failed(lambda: login.complete(landing))
    token = manager.get_access_token("acme")
    identity.fail(faults.status(401), times=2, endpoint="userinfo")
    yield failed(lambda: manager.fetch_user_info("acme"))
    identity.fail(faults.error("invalid_grant", token))
    yield failed(lambda: manager.renew("acme", Secret(manager.get_access_token("acme"))))
    yield failed(lambda: manager.get_access_token("acme"))


def test_nothing_that_was_issued_is_seen_anywhere_but_in_its_file(
    acme: Acme, logged: list[str], home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    seen: list[str] = []
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        manager = acme.manager(BASIC)
        events: list[object] = []
        manager.on("*", events.append)
        login = manager.begin("acme")
        arrive(acme.identity.approve(login.url))
        credential = login.wait(SOON)
        device = acme.manager(BASIC, sleep=None).begin_device("acme")
        acme.identity.approve_device(device.verification_uri, device.user_code)
        device.wait(SOON)
        acme.clock.advance(LIFE)
        manager.get_access_token("acme")
        manager.fetch_user_info("acme")
        pkce = manager.generate_pkce()
        things: list[object] = [manager, login, credential, device, pkce, manager.get_credential("acme")]
        seen += [text for thing in things for text in (repr(thing), str(thing), f"{thing}")]
        assert pkce.verifier not in repr(pkce)
        seen += [each.name for each in threading.enumerate()]
        for error in failures(acme, manager):
            seen.append(everything_about(error))
        manager.logout("acme")
    assert len(canaries(acme)) > 20
    assert events
    assert logged
    seen += [repr(each) for each in events] + logged + [str(each.message) for each in warned]
    seen += [*capfd.readouterr(), *os.environ, *os.environ.values()]
    seen.append(Path("/proc/self/cmdline").read_text())
    assert hunt(acme, seen) == []
    assert not any("OAUTHLIB_INSECURE" in name for name in os.environ)


def test_only_the_credential_file_holds_it_and_it_is_its_owners_alone(acme: Acme, home: Path) -> None:
    manager = acme.manager()
    acme.login(manager)
    acme.clock.advance(LIFE)
    token = manager.get_access_token("acme")
    holding = [path for path in acme.folder.parent.rglob("*") if path.is_file() and token in path.read_text()]
    assert holding == [acme.file()]
    assert acme.file().stat().st_mode & 0o777 == 0o600
    assert acme.folder.stat().st_mode & 0o777 == 0o700
    assert [path for path in home.rglob("*") if path.is_file() and token in path.read_text()] == []


def secret_things(acme: Acme) -> list[Any]:
    manager = acme.manager(BASIC)
    login = manager.begin("acme")
    acme.identity.visit(login.url)
    credential = login.wait(SOON)
    return [manager, login, credential, manager.begin_device("acme"), manager.generate_pkce(), credential.extra]


def test_whatever_holds_a_secret_cannot_be_pickled(acme: Acme) -> None:
    for thing in secret_things(acme):
        with pytest.raises(TypeError):
            pickle.dumps(thing)
        if not isinstance(thing, Credential) and thing.__class__.__name__ != "_Hidden":
            with pytest.raises(TypeError):
                copy.deepcopy(thing)


def test_the_hunt_would_find_a_leak(acme: Acme, logged: list[str]) -> None:
    manager = acme.manager()
    login = manager.begin("acme")
    arrive(acme.identity.approve(login.url))
    login.wait(SOON)
    assert hunt(acme, [manager.get_access_token("acme")]) == ["access_token"]
    logging.getLogger("anybody").debug("a token: %s", manager.get_access_token("acme"))
    assert hunt(acme, logged) == ["access_token"]


def test_what_a_provider_echoes_is_struck_out_of_errors(acme: Acme) -> None:
    manager = acme.manager()
    acme.login(manager)
    content = acme.file().read_text()
    refresh_token = content.split('"refresh_token": "')[1].split('"')[0]
    acme.identity.fail(faults.error("invalid_request", f"the token {refresh_token} is no good"))
    with pytest.raises(CbauthError) as caught:
        manager.refresh_token("acme")
    assert refresh_token not in everything_about(caught.value)
    assert "[redacted]" in str(caught.value)
