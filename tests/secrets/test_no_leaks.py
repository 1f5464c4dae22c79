"""Whatever goes wrong with a credential, no text shows it: no message, no chain, no local variable, no log."""

from __future__ import annotations

import logging
import pickle
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import keyring
import keyring.backend
import pytest

from cbauth.errors import AuthError, CbauthError
from cbauth.plan import SecretRef
from cbauth.secrets import FirstOf, Given, Secret, Source, source_for

CANARY = "canary-0123456789"


class Leaky(keyring.backend.KeyringBackend):
    """A backend that says everything it knows when it fails."""

    priority = 1

    def __init__(self) -> None:
        """Nothing to set up."""

    def get_password(self, service: str, username: str) -> str | None:
        if service == "failing":
            password = f"sk-{CANARY}"
            raise ValueError(f"cannot decode {password}")
        return f"sk-{CANARY}\nsecond line"

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError


@pytest.fixture(autouse=True)
def backend() -> Iterator[None]:
    before = keyring.get_keyring()
    keyring.set_keyring(Leaky())
    yield
    keyring.set_keyring(before)


def source(scheme: str, *args: str, environ: dict[str, str] | None = None) -> Source:
    return source_for((SecretRef(scheme, args),), base_dir=None, environ=environ)


def in_file(folder: Path, content: bytes) -> Source:
    path = folder / "key"
    path.write_bytes(content)
    path.chmod(0o644)
    return source("file", str(path))


def printed(text: str, code: int = 0, times: int = 1) -> Source:
    # In two halves, so that the text is not among the arguments.
    text = "(" + repr(text).replace("canary", "can' + 'ary") + f") * {times}"
    script = f"import sys; sys.stdout.buffer.write(({text}).encode('utf-8', 'surrogateescape')); sys.exit({code})"
    return source("command", sys.executable, "-c", script)


BROKEN: dict[str, tuple[str, Callable[[Path], Source]]] = {
    "a variable with two lines": (
        "more than one line",
        lambda _: source("env", "KEY", environ={"KEY": f"sk-{CANARY}\nx"}),
    ),
    "a variable outside ASCII": ("outside ASCII", lambda _: source("env", "KEY", environ={"KEY": f"“{CANARY}”"})),
    "one of several variables": (
        "control character",
        lambda _: FirstOf(
            [source("env", "A", environ={}), source("env", "B", environ={"B": f"{CANARY}\x07x", "C": CANARY})]
        ),
    ),
    "a key given in Python": ("more than one line", lambda _: Given(f"{CANARY}\nx")),
    "a file with two lines": ("more than one line", lambda folder: in_file(folder, f"{CANARY}\nx".encode())),
    "a file that is not UTF-8": ("not UTF-8", lambda folder: in_file(folder, CANARY.encode() + b"\xff")),
    "a file that is too large": ("larger than", lambda folder: in_file(folder, CANARY.encode() * 10_000)),
    "a keyring with two lines": ("more than one line", lambda _: source("keyring", "acme", "me")),
    "a keyring that fails": ("failed with ValueError", lambda _: source("keyring", "failing", "me")),
    "a command with two lines": ("more than one line", lambda _: printed(f"{CANARY}\nx")),
    "a command that is not UTF-8": ("not UTF-8", lambda _: printed(f"{CANARY}\udcff")),
    "a command that fails": ("exit code 1", lambda _: printed(CANARY, 1)),
    "a command that prints too much": ("more than 64 KiB", lambda _: printed(CANARY, times=10_000)),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_credential_that_cannot_be_used_stays_hidden(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reason, make = BROKEN[name]
    broken = make(tmp_path)
    with caplog.at_level(logging.DEBUG):
        error = failure(broken.get)
    told = everything_about(error)
    assert isinstance(error, AuthError)
    assert reason in str(error)
    for text in (told, caplog.text, repr(broken), broken.description, str(broken.missing())):
        assert CANARY not in text
    assert CANARY.encode() not in pickle.dumps(str(error))


def test_the_search_would_find_a_leak() -> None:
    """The test above would pass if it looked at nothing."""

    def leak() -> None:
        key = CANARY
        raise AuthError("short" if key else "")

    assert CANARY in everything_about(failure(leak))


def test_a_key_of_the_wrong_type_stays_hidden() -> None:
    keys: list[object] = [CANARY.encode()]
    told = everything_about(failure(lambda: Given(keys.pop())))
    assert "a key must be text, not bytes" in told
    assert CANARY not in told


def test_the_frames_of_a_good_source_hide_its_secret(tmp_path: Path) -> None:
    """An exception of the caller's own, raised while a secret is at hand, is shown with that secret masked."""

    def call() -> None:
        held = [Given(CANARY).get(), Secret(CANARY), printed(CANARY).get(), in_file(tmp_path, CANARY.encode()).get()]
        raise CbauthError(f"{len(held)} secrets, and one error")

    told = everything_about(failure(call))
    assert "Secret('…')" in told
    assert CANARY not in told


def failure(call: Callable[[], object]) -> CbauthError:
    try:
        call()
    except CbauthError as error:
        return error
    raise AssertionError("it did not fail")


def everything_about(error: BaseException) -> str:
    """The error as the most talkative tools print it: arguments, attributes, causes, contexts, local variables."""
    told = [repr(error), str(error), repr(error.args), repr(vars(error))]
    seen: BaseException | None = error
    while seen is not None:
        # the test's own frame comes first; it holds the maker of the broken source
        frames = seen.__traceback__.tb_next if seen.__traceback__ is not None else None
        shown = traceback.TracebackException(type(seen), seen, frames, capture_locals=True)
        told += [*shown.format(), repr(seen), repr(vars(seen))]
        seen = seen.__cause__ or seen.__context__
    return "\n".join(told)
