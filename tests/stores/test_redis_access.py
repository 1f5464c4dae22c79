"""Getting in: passwords, users with few rights, TLS, a cluster; and no word of a password anywhere."""

from __future__ import annotations

import logging
import re
import socket
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest
import redis
import trustme

from cbauth import StoreError
from cbauth.stores.redis import RedisStore
from tests.stores.records import count, increment
from tests.support.processes import eventually
from tests.support.redis_server import RedisServer

PASSWORD = "canary-of-the-right-password"
WRONG = "canary-of-a-wrong-password"
Start = Callable[..., RedisServer]
Open = Callable[..., RedisStore]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts servers of this test's own, with the options that it gives."""
    with ExitStack() as stack:

        def start_one(options: Sequence[str] = ()) -> RedisServer:
            server = RedisServer(tmp_path / "redis", options)
            stack.callback(server.kill)
            server.start()
            return server

        yield start_one


@pytest.fixture
def open_at() -> Iterator[Open]:
    """Opens stores and closes them at the end, before their server goes: Python's ssl forgets to close a socket whose
    other end hangs up between connecting and the handshake."""
    with ExitStack() as stack:
        yield lambda url: stack.enter_context(closing(RedisStore(url)))
    assert eventually(lambda: all(thread.name != "cbauth-redis" for thread in threading.enumerate()))


def url_of(server: RedisServer, password: str, user: str = "") -> str:
    """The server's URL for somebody."""
    return f"redis://{user}:{password}@127.0.0.1:{server.port}/0"


def client(server: RedisServer) -> redis.Redis:
    """A client to look behind the scenes with."""
    return redis.Redis(port=server.port, decode_responses=True, protocol=2)


def has_trouble(store: RedisStore) -> bool:
    """Whether it keeps changes in memory for now."""
    return bool(store.trouble)


def is_well(store: RedisStore) -> bool:
    """Whether it does not."""
    return not store.trouble


def knows(store: RedisStore, key: str, number: int) -> bool:
    """Whether the record with that number is seen by mere reading."""
    return count(store.read(key)) == number


def test_the_right_password_opens(start: Start, open_at: Open) -> None:
    server = start(["--requirepass", PASSWORD])
    assert open_at(url_of(server, PASSWORD)).update("k", increment) == 1
    assert open_at(url_of(server, PASSWORD)).update("k", increment) == 2


@pytest.mark.parametrize("password", [WRONG, ""])
def test_a_wrong_password_is_an_error_at_the_start_that_does_not_show_it(start: Start, password: str) -> None:
    server = start(["--requirepass", PASSWORD])
    with pytest.raises(StoreError) as caught:
        RedisStore(url_of(server, password))
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert f"127.0.0.1:{server.port}" in str(caught.value)
    assert "password" in str(caught.value)
    assert "canary" not in shown


def rights_named(error: StoreError) -> list[str]:
    """The commands that the message asks for, as ACL rules."""
    named = re.findall(r"\b[A-Z]{3,}(?: [A-Z]{3,})?\b", str(error))
    places = re.findall(r"[~&]\S+", str(error))
    return [*(f"+{name.lower().replace(' ', '|')}" for name in named), *places]


def test_a_user_without_rights_is_told_which_are_needed_and_with_these_it_works(start: Start, open_at: Open) -> None:
    server = start()
    with client(server) as there:
        there.execute_command("ACL", "SETUSER", "app", "on", f">{PASSWORD}", "-@all")
        with pytest.raises(StoreError, match="does not permit this user") as caught:
            RedisStore(url_of(server, PASSWORD, "app"))
        assert "canary" not in str(caught.value)
        there.execute_command("ACL", "SETUSER", "app", "-@all", *rights_named(caught.value))
        there.script_flush()
        mine, theirs = open_at(url_of(server, PASSWORD, "app")), open_at(server.url)
        assert mine.update("k", increment) == 1
        assert theirs.update("k", increment) == 2
        assert eventually(lambda: count(mine.read("k")) == 2)
        there.delete("{cbauth:}:record:k")
        mine.refresh()
        assert theirs.update("k", increment) == 3
        assert eventually(lambda: count(mine.read("k")) == 3)
        assert mine.trouble == ""


def test_the_signs_of_life_are_among_the_rights_that_are_named(start: Start, open_at: Open) -> None:
    """After a while without news the store asks for one: of a server that is well it makes no outage."""
    server = start()
    with client(server) as there:
        there.execute_command("ACL", "SETUSER", "app", "on", f">{PASSWORD}", "~{cbauth:}:*", "&*", "-@all")
        with pytest.raises(StoreError) as caught:
            RedisStore(url_of(server, PASSWORD, "app"))
        there.execute_command("ACL", "SETUSER", "app", "-@all", *rights_named(caught.value))
        store = open_at(url_of(server, PASSWORD, "app"))
        calls = [there.info("commandstats")["cmdstat_time"]["calls"]]

        def is_asked_or_in_trouble() -> bool:
            calls.append(there.info("commandstats")["cmdstat_time"]["calls"])
            return bool(store.trouble) or calls[-1] >= calls[0] + 2

        assert eventually(is_asked_or_in_trouble)
        assert store.trouble == ""


def test_rights_that_are_taken_away_later_cost_no_caller_an_error(start: Start, open_at: Open) -> None:
    server = start()
    with client(server) as there:
        there.execute_command("ACL", "SETUSER", "app", "on", f">{PASSWORD}", "~*", "&*", "+@all")
        store = open_at(url_of(server, PASSWORD, "app"))
        assert store.update("k", increment) == 1
        there.execute_command("ACL", "SETUSER", "app", "-@all")
        assert store.update("k", increment) == 2
        assert eventually(lambda: "permit" in store.trouble)
        there.execute_command("ACL", "SETUSER", "app", "+@all")
        assert eventually(lambda: not store.trouble)
        there.execute_command("ACL", "SETUSER", "app", "resetpass", ">another")
        there.execute_command("CLIENT", "KILL", "USER", "app")
        assert store.update("k", increment) == 3
        assert eventually(lambda: "password" in store.trouble)
    assert count(open_at(server.url).read("k")) == 2


def test_no_password_is_ever_logged_or_shown(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server = start(["--requirepass", PASSWORD])
    shown = []
    for password in (PASSWORD, WRONG):
        try:
            store = RedisStore(url_of(server, password))
        except StoreError as error:
            shown += traceback.format_exception(error)
            continue
        with closing(store):
            store.update("k", increment)
            server.kill()
            store.update("k", increment)
            assert eventually(partial(has_trouble, store))
            shown += [repr(store), str(store), store.trouble]
            server.start()
            assert eventually(partial(is_well, store))
    for url in (f"redis://:{WRONG}@127.0.0.1:port/0", f"redis://:{WRONG}@/x", f"redis://:{WRONG}@h/0?socket_timeout=x"):
        with pytest.raises(StoreError) as caught:
            RedisStore(url)
        shown += traceback.format_exception(caught.value)
    shown += [caplog.text, *(repr(vars(record)) for record in caplog.records)]
    assert len(caplog.records) >= 2
    assert "canary" not in "\n".join(shown)


def test_tls_with_a_certificate_that_is_vouched_for(start: Start, open_at: Open, tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    ca, key, chain = (tmp_path / name for name in ("ca.pem", "key.pem", "chain.pem"))
    authority.cert_pem.write_to_path(ca)
    certificate.private_key_pem.write_to_path(key)
    chain.write_bytes(b"".join(part.bytes() for part in certificate.cert_chain_pems))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    options = ["--tls-port", str(port), "--tls-cert-file", str(chain), "--tls-key-file", str(key)]
    start([*options, "--tls-ca-cert-file", str(ca), "--tls-auth-clients", "no"])

    url = f"rediss://127.0.0.1:{port}/0"
    mine, theirs = (open_at(f"{url}?ssl_ca_certs={quote(str(ca))}") for _ in range(2))
    assert mine.update("k", increment) == 1
    assert theirs.update("k", increment) == 2
    assert eventually(lambda: count(mine.read("k")) == 2)
    assert mine.trouble == theirs.trouble == ""

    stranger = open_at(url)
    assert "certificate" in stranger.trouble.lower(), "nobody this machine trusts vouches for it"
    assert stranger.update("k", increment) == 1


def test_a_cluster_keeps_all_of_a_namespace_in_one_slot(start: Start) -> None:
    server = start(["--cluster-enabled", "yes"])
    with client(server) as there, ExitStack() as stack:
        there.execute_command("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        assert eventually(lambda: "cluster_state:ok" in str(there.execute_command("CLUSTER", "INFO")).lower())
        for namespace in ("team", "others"):
            mine, theirs = (stack.enter_context(closing(RedisStore(server.url, namespace))) for _ in range(2))
            for n in range(1, 21):
                assert (mine, theirs)[n % 2].update("k", increment) == n
                mine.update(f"k{n}", increment)
            assert eventually(partial(knows, theirs, "k20", 1))
            theirs.refresh()
            assert mine.trouble == theirs.trouble == ""
        slots: dict[str, set[int]] = {}
        for key in there.scan_iter():
            slots.setdefault(key.partition("}")[0], set()).add(there.execute_command("CLUSTER", "KEYSLOT", key))
        assert [len(found) for found in slots.values()] == [1, 1]
