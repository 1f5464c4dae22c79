"""Canaries: keys that must not turn up in any text, record or pickle that cbauth makes, whatever goes wrong.

The providers here are of the worst kind: they quote the whole key in their errors, as some really do.
"""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType

import pytest

import cbauth
from cbauth import AuthError, CbauthError, Event, UnavailableError
from tests.support import replies
from tests.support.clients import CLIENTS, OPENAI, Caller, Client
from tests.support.replies import Drop, Ok, Raw
from tests.support.setting import Setting, key

PROFILES = ("first", "second", "third")
PACKAGE = str(Path(cbauth.__file__).parent)


class Watch:
    """Everything that is said meanwhile: log records of all loggers at DEBUG, and events."""

    def __init__(self, toolkit: cbauth.Toolkit, caplog: pytest.LogCaptureFixture) -> None:
        self.events: list[Event] = []
        self._caplog = caplog
        caplog.set_level(logging.DEBUG)
        toolkit.on("*", self.events.append)

    def texts(self) -> Iterator[str]:
        """Them as text, in every way in which they are usually written down."""
        formatter = logging.Formatter("%(name)s %(message)s")
        for one in self._caplog.records:
            if one.name.partition(".")[0] == "cbauth":
                yield formatter.format(one)
                yield repr(one.__dict__)
        for event in self.events:
            yield from (repr(event), str(event), json.dumps(asdict(event)), repr(pickle.dumps(event)))


def quoting(status: int, profile_id: str, dialect: str) -> Raw:
    """An error that quotes the key in its message, in a field and in a header."""
    quoted = key(profile_id)
    message = f"Key {quoted} is not good for this, Bearer {quoted} either; see https://acme.example/?api_key={quoted}"
    error = {"message": message, "type": "error", "code": None, "status": "ERROR", "param": quoted}
    return replies.refusal(status, {"type": "error", "error": error}, {"x-request-id": quoted, "retry-after": "100"})


def errors_of(error: BaseException | None) -> Iterator[BaseException]:
    """An error and all that it came from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def own_frames(error: BaseException) -> Iterator[str]:
    """The local variables of cbauth's own frames in the tracebacks of an error and of all that it came from."""
    for one in errors_of(error):
        step: TracebackType | None = one.__traceback__
        while step is not None:
            if step.tb_frame.f_code.co_filename.startswith(PACKAGE):
                yield "\n".join(f"{name} = {value!r}" for name, value in step.tb_frame.f_locals.items())
            step = step.tb_next


def all_of(thing: object) -> Iterator[str]:
    """A value in every way in which it is usually shown."""
    yield from (repr(thing), str(thing), f"{thing}", f"{thing!r}")
    for name in ("_repr_html_", "_repr_mimebundle_", "as_dict"):
        if (method := getattr(thing, name, None)) is not None:
            yield str(method())
    with suppress(TypeError, pickle.PicklingError, AttributeError):
        yield repr(pickle.dumps(thing))


def leaks(texts: Iterator[str]) -> list[str]:
    """Those of ``texts`` in which a key stands, or the part of one that is unlike any other word."""
    return [text for text in texts if "canary." in text or "shaped.like" in text]


@pytest.fixture
def unlucky(setting: Setting, caplog: pytest.LogCaptureFixture) -> Callable[[Client], tuple[cbauth.Toolkit, Watch]]:
    """A toolkit whose three keys are refused, each in another way, by a provider that quotes them."""

    def unlucky(client: Client) -> tuple[cbauth.Toolkit, Watch]:
        toolkit = setting.toolkit({name: {} for name in PROFILES}, acme=client.dialect)
        setting.acme.says(key("first"), quoting(429, "first", client.dialect))
        setting.acme.says(key("second"), quoting(401, "second", client.dialect))
        setting.acme.says(key("third"), quoting(503, "third", client.dialect), Drop())
        return toolkit, Watch(toolkit, caplog)

    return unlucky


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_when_all_keys_are_refused_and_quoted_no_text_shows_them(
    client: Client, unlucky: Callable[[Client], tuple[cbauth.Toolkit, Watch]]
) -> None:
    toolkit, watch = unlucky(client)
    caller = Caller(client)

    with pytest.raises(UnavailableError) as caught:
        caller(toolkit, client.model, "thread-7")

    error = caught.value
    assert {(a.profile_id, a.kind) for a in error.attempts} >= {("first", "rate_limit"), ("second", "auth")}
    assert all(a.message.startswith("Key [redacted] is not good") for a in error.attempts[:3]), "or nothing is tested"
    texts = [*all_of(error), repr(error.args), *own_frames(error), *watch.texts()]
    for thing in (toolkit, toolkit.plan, *toolkit.status(), *toolkit.explain(client.model), *toolkit.plan.profiles):
        texts += all_of(thing)
    for thing in (
        *error.attempts,
        *error.refusals,
        toolkit.profiles,
        toolkit.models,
        *toolkit.models.get_all_profiles(),
    ):
        texts += all_of(thing)
    assert len(watch.events) > len(PROFILES)
    assert leaks(iter(texts)) == []


def test_a_handler_that_fails_is_logged_without_the_error_that_was_on_its_way(
    setting: Setting, caplog: pytest.LogCaptureFixture
) -> None:
    """The handler runs while the client's own error, which quotes the key, is being handled."""

    def fail(event: Event) -> None:
        raise RuntimeError("the handler failed")

    toolkit = setting.toolkit({"first": {"priority": 1}, "second": {}})
    setting.acme.says(key("first"), quoting(401, "first", "openai"))
    watch = Watch(toolkit, caplog)
    toolkit.on("profile:failure", fail)
    assert Caller(OPENAI)(toolkit, "gpt-4o") == "Hello."
    assert any("RuntimeError: the handler failed" in text for text in watch.texts())
    assert leaks(watch.texts()) == []


def test_a_lease_shows_nothing_and_cannot_be_pickled_or_copied(setting: Setting) -> None:
    toolkit = setting.toolkit({"first": {}})
    attempts = toolkit.attempts("gpt-4o")
    attempt = next(attempts)
    with attempt as lease:
        assert key("first") in lease.token
        assert key("first") in str(lease.headers)
        texts = [
            text for thing in (lease, attempt, attempts, lease.member, lease.member.source) for text in all_of(thing)
        ]
        for spread in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="holds a credential"):
                spread(lease)
        lease.report("server")
    assert leaks(iter([*texts, *all_of(lease)])) == []


def test_nothing_that_leads_to_a_credential_takes_it_along_when_pickled(setting: Setting) -> None:
    toolkit = setting.toolkit({"first": {}})
    attempts = toolkit.attempts("gpt-4o")
    attempt = next(attempts)
    assert key("first") in attempt.lease.token
    for thing in (toolkit, attempts, attempt, toolkit.profiles, toolkit.models, attempt.lease.member.source):
        with pytest.raises((TypeError, AttributeError), match="pickle"):
            pickle.dumps(thing)


def whole_traceback(error: BaseException) -> str:
    """A traceback with the local variables of every frame, as error reporters write it."""
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def cooling(setting: Setting) -> None:
    toolkit = setting.toolkit({"first": {}})
    toolkit.profiles.mark_failed("first", f"refused {key('first')}", kind="billing")
    Caller(OPENAI)(toolkit, "gpt-4o")


def two_lines(setting: Setting) -> None:
    toolkit = setting.toolkit({"first": {"api_key": "env:TWO_LINES"}})
    setting.setenv("TWO_LINES", f"{key('first')}\nsecond line")
    with toolkit.acquire("gpt-4o") as lease:
        OPENAI.call(lease, 20.0)


def curly_quote(setting: Setting) -> None:
    toolkit = setting.toolkit({"first": {"api_key": "env:CURLY"}})
    setting.setenv("CURLY", f"\u201c{key('first')}\u201d")
    Caller(OPENAI)(toolkit, "gpt-4o")


def wrong_report(setting: Setting) -> None:
    toolkit = setting.toolkit({"first": {}})
    with toolkit.acquire("gpt-4o") as lease:
        OPENAI.call(lease, 20.0)
        lease.report("no such kind")


@pytest.mark.parametrize("program", [cooling, two_lines, curly_quote, wrong_report], ids=lambda p: p.__name__)
def test_a_traceback_with_all_local_variables_shows_no_key(
    program: Callable[[Setting], None], setting: Setting
) -> None:
    with pytest.raises(CbauthError) as caught:
        program(setting)
    assert leaks(iter([whole_traceback(caught.value)])) == []


def test_a_key_that_stands_in_a_file_is_refused_without_showing_it(tmp_path: Path) -> None:
    path = tmp_path / "profiles.yaml"
    path.write_text(f"version: 1\nprofiles:\n  first: {{provider: openai, api_key: {key('first')}}}\n")
    with pytest.raises(cbauth.ConfigError, match="a secret stands in the file") as caught:
        cbauth.load(path)
    assert leaks(iter([*all_of(caught.value), repr(caught.value.diagnostics), whole_traceback(caught.value)])) == []


def test_a_key_that_stands_in_a_mapping_is_refused_without_showing_it(setting: Setting) -> None:
    with pytest.raises(cbauth.ConfigError, match="a secret stands in the file") as caught:
        cbauth.load(setting.config({"first": {"api_key": key("first")}}))
    assert leaks(iter([*all_of(caught.value), repr(caught.value.diagnostics)])) == []


def test_what_is_stored_holds_neither_keys_nor_session_names(setting: Setting, tmp_path: Path) -> None:
    config = setting.config({"first": {}, "second": {}}, state={"store": f"sqlite:{tmp_path / 'state.db'}"})
    setting.acme.says(key("first"), quoting(401, "first", "openai"))
    with cbauth.load(config, clock=setting.clock) as toolkit:
        Caller(OPENAI)(toolkit, "gpt-4o", "thread-of-somebody")
        stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"auth" in stored
    assert key("first").encode() not in stored
    assert key("second").encode() not in stored
    assert b"thread-of-somebody" not in stored


def test_an_error_in_an_async_program_shows_nothing_either(setting: Setting, caplog: pytest.LogCaptureFixture) -> None:
    toolkit = setting.toolkit({"first": {}})
    watch = Watch(toolkit, caplog)
    setting.acme.says(key("first"), quoting(403, "first", "openai"), Ok())

    async def program() -> None:
        async for attempt in toolkit.attempts("gpt-4o"):
            async with attempt as lease:
                raise AuthError(f"the server said: {lease.token} is bad")

    with pytest.raises(UnavailableError) as caught:
        asyncio.run(program())
    assert [a.kind for a in caught.value.attempts] == ["auth"]
    assert leaks(iter([*all_of(caught.value), *own_frames(caught.value), *watch.texts()])) == []
