"""What any program, or any page in the browser, can send to a login that waits.

Each request is the true callback but for one thing, so that only this can be what keeps it out.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing

import pytest

from cbauth.oauth.loopback import Loopback
from tests.oauth.wire import SOON, connect, get, read_all, send

CODE, STATE, ISSUER = "canary-code-8f2a", "canary-state-91cc", "https://login.acme.example"
TRUE = {"code": CODE, "state": STATE, "iss": ISSUER}
Q = "code=canary-code-8f2a&state=canary-state-91cc&iss=https%3A%2F%2Flogin.acme.example"
END = "\r\n\r\n"


def line(target: str, method: str = "GET", version: str = "HTTP/1.1", fields: str = "") -> str:
    return f"{method} {target} {version}\r\nHost: HOST{fields}{END}"


def hosts(*names: str) -> str:
    return "\r\n".join([f"GET /callback?{Q} HTTP/1.1", *(f"Host: {name}" for name in names)]) + END


def with_field(field: str) -> str:
    return line(f"/callback?{Q}", fields=f"\r\n{field}")


REFUSED: dict[str, tuple[int, str]] = {
    # what the login itself does not accept
    "wrong state": (400, line(f"/callback?code={CODE}&state=guess&iss={ISSUER}")),
    "no state": (400, line(f"/callback?code={CODE}&iss={ISSUER}")),
    "empty state": (400, line(f"/callback?code={CODE}&state=&iss={ISSUER}")),
    "wrong iss": (400, line(f"/callback?code={CODE}&state={STATE}&iss=https://evil.example")),
    "no iss": (400, line(f"/callback?code={CODE}&state={STATE}")),
    "a denial with the wrong state": (400, line("/callback?error=access_denied&state=guess")),
    # parameters
    "no query": (400, line("/callback")),
    "an empty query": (400, line("/callback?")),
    "neither code nor error": (400, line(f"/callback?state={STATE}&iss={ISSUER}")),
    "an empty code": (400, line(f"/callback?code=&state={STATE}&iss={ISSUER}")),
    "code and error": (400, line(f"/callback?{Q}&error=access_denied")),
    "code twice": (400, line(f"/callback?{Q}&code={CODE}")),
    "state twice": (400, line(f"/callback?{Q}&state={STATE}")),
    "state twice, wrong first": (400, line(f"/callback?state=guess&{Q}")),
    "iss twice": (400, line(f"/callback?{Q}&iss={ISSUER}")),
    "an unknown parameter twice": (400, line(f"/callback?{Q}&x=1&x=2")),
    "code twice, the name encoded": (400, line(f"/callback?{Q}&c%6Fde=evil")),
    "a broken escape": (400, line(f"/callback?{Q}&x=%zz")),
    "half an escape at the end": (400, line(f"/callback?{Q}&x=%4")),
    "an escape that is not UTF-8": (400, line(f"/callback?{Q}&x=%ff%fe")),
    "overlong UTF-8": (400, line(f"/callback?{Q}&x=%c0%af")),
    "an encoded NUL": (400, line(f"/callback?{Q}&x=%00")),
    "an encoded line break": (400, line(f"/callback?{Q}&x=a%0d%0aSet-Cookie:%20b")),
    "a control character in a name": (400, line(f"/callback?{Q}&%1b=x")),
    "too many parameters": (400, line(f"/callback?{Q}&" + "&".join(f"x{n}=" for n in range(40)))),
    "parameters behind a semicolon": (400, line(f"/callback?{Q.replace('&', ';')}")),
    "parameters in the fragment": (400, line(f"/callback#?{Q}")),
    # paths
    "the root": (404, line(f"/?{Q}")),
    "the favicon": (404, line("/favicon.ico")),
    "another path": (404, line(f"/callbacks?{Q}")),
    "a slash behind": (404, line(f"/callback/?{Q}")),
    "two slashes before": (404, line(f"//callback?{Q}")),
    "an encoded slash behind": (404, line(f"/callback%2f?{Q}")),
    "an encoded letter": (404, line(f"/c%61llback?{Q}")),
    "an encoded question mark": (404, line(f"/callback%3f{Q}")),
    "a NUL behind, encoded": (404, line(f"/callback%00?{Q}")),
    "dots": (404, line(f"/x/../callback?{Q}")),
    "a dot": (404, line(f"/./callback?{Q}")),
    "another case": (404, line(f"/Callback?{Q}")),
    "path parameters": (404, line(f"/callback;x=1?{Q}")),
    "backslashes": (404, line(f"\\callback?{Q}")),
    "no leading slash": (404, line(f"callback?{Q}")),
    "the absolute form": (404, line(f"http://HOST/callback?{Q}")),
    "the absolute form of another host": (404, line(f"http://evil.example/callback?{Q}")),
    # methods
    "POST": (405, line(f"/callback?{Q}", "POST")),
    "POST with the parameters as a form": (
        405,
        line(
            "/callback",
            "POST",
            fields=f"\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(Q)}",
        )
        + Q,
    ),
    "HEAD": (405, line(f"/callback?{Q}", "HEAD")),
    "OPTIONS": (405, line(f"/callback?{Q}", "OPTIONS")),
    "OPTIONS of the server": (405, line("*", "OPTIONS")),
    "a preflight for the private network": (
        405,
        line(
            f"/callback?{Q}",
            "OPTIONS",
            fields="\r\nOrigin: https://evil.example\r\nAccess-Control-Request-Method: GET"
            "\r\nAccess-Control-Request-Private-Network: true",
        ),
    ),
    "PUT": (405, line(f"/callback?{Q}", "PUT")),
    "DELETE": (405, line(f"/callback?{Q}", "DELETE")),
    "TRACE": (405, line(f"/callback?{Q}", "TRACE")),
    "CONNECT": (405, line("HOST", "CONNECT")),
    "get in small letters": (405, line(f"/callback?{Q}", "get")),
    "a method of its own": (405, line(f"/callback?{Q}", "GETX")),
    # the host
    "no Host": (400, f"GET /callback?{Q} HTTP/1.1{END}"),
    "no Host in HTTP/1.0": (400, f"GET /callback?{Q} HTTP/1.0{END}"),
    "a rebound name": (400, hosts("evil.example")),
    "a rebound name with the port": (400, hosts("evil.example:PORT")),
    "the host without its port": (400, hosts("127.0.0.1")),
    "another port": (400, hosts("127.0.0.1:1")),
    "localhost instead": (400, hosts("localhost:PORT")),
    "IPv6 instead": (400, hosts("[::1]:PORT")),
    "another spelling of the address": (400, hosts("127.1:PORT")),
    "a dot behind the host": (400, hosts("127.0.0.1.:PORT")),
    "userinfo in the host": (400, hosts("me@HOST")),
    "the port with a zero before": (400, hosts("127.0.0.1:0PORT")),
    "an empty Host": (400, hosts("")),
    "two hosts": (400, hosts("HOST", "HOST")),
    "two hosts, one wrong": (400, hosts("HOST", "evil.example")),
    "two hosts in one": (400, hosts("HOST, HOST")),
    # the header
    "a body": (400, with_field("Content-Length: 5") + "hello"),
    "two lengths": (400, with_field("Content-Length: 0\r\nContent-Length: 5") + "hello"),
    "two lengths that agree": (400, with_field("Content-Length: 0\r\nContent-Length: 0")),
    "a length with a sign": (400, with_field("Content-Length: +0")),
    "a length that is none": (400, with_field("Content-Length: zero")),
    "chunks": (400, with_field("Transfer-Encoding: chunked") + "0\r\n\r\n"),
    "chunks, and a length": (400, with_field("Content-Length: 0\r\nTransfer-Encoding: chunked") + "0\r\n\r\n"),
    "chunks in disguise": (400, with_field("transfer-ENCODING:\tidentity")),
    "a folded line": (400, with_field("X-A: 1\r\n folded")),
    "a folded line at the start": (400, f"GET /callback?{Q} HTTP/1.1\r\n Host: HOST{END}"),
    "a space before the colon": (400, f"GET /callback?{Q} HTTP/1.1\r\nHost : HOST{END}"),
    "no colon": (400, with_field("garbage")),
    "no name": (400, with_field(": garbage")),
    "a NUL in a value": (400, with_field("X-A: \x00")),
    "an escape character in a value": (400, with_field("X-A: \x1b[31m")),
    "a bare line feed between lines": (400, with_field("X-A: 1\nX-B: 2")),
    "bare line feeds throughout": (400, with_field("X-A: 1").replace("\r\n", "\n")),
    "a bare carriage return": (400, with_field("X-A: 1\rX-B: 2")),
    "a carriage return too many": (400, with_field("X-A: 1\r")),
    "too many fields": (431, with_field("\r\n".join(f"X-{n}: 1" for n in range(200)))),
    "a field too long": (431, with_field("Cookie: " + "x" * 60_000)),
    # the request line
    "HTTP/0.9": (400, f"GET /callback?{Q}\r\n"),
    "HTTP/2 by name": (400, line(f"/callback?{Q}", version="HTTP/2.0")),
    "HTTP/1.2": (400, line(f"/callback?{Q}", version="HTTP/1.2")),
    "http in small letters": (400, line(f"/callback?{Q}", version="http/1.1")),
    "no HTTP": (400, line(f"/callback?{Q}", version="ICY/1.1")),
    "a space too many": (400, line(f" /callback?{Q}")),
    "a space behind": (400, line(f"/callback?{Q}", version="HTTP/1.1 ")),
    "a space in the query": (400, line(f"/callback?{Q}&x=a b")),
    "a tab for a space": (400, line(f"/callback?{Q}").replace("GET ", "GET\t")),
    "an empty line first": (400, "\r\n" + line(f"/callback?{Q}")),
    "only an empty line": (400, "\r\n"),
    "a NUL in the path": (400, line(f"/callback\x00?{Q}")),
    "a letter beyond ASCII": (400, line(f"/callback?{Q}&x=\u00e9")),
    "a line too long": (414, line(f"/callback?{Q}&x=" + "x" * 9000)),
    "a line that never ends": (414, "GET /callback?x=" + "x" * 9000),
    # other protocols
    "the preface of HTTP/2": (400, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "a ClientHello of TLS": (400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    "SOCKS 5": (400, "\x05\x01\x00"),
    "SSH": (400, "SSH-2.0-OpenSSH_9.6\r\n"),
    "zeros": (400, "\x00" * 4096),
}


def check(params: Mapping[str, str]) -> str | None:
    if params.get("state") != STATE:
        return "the state is another"
    return None if params.get("iss") == ISSUER else "the issuer is another"


def request(text: str, uri: str) -> bytes:
    port = uri.split(":")[2].split("/")[0]
    return text.replace("HOST", f"127.0.0.1:{port}").replace("PORT", port).encode("latin-1")


@pytest.fixture
def waiting() -> Iterator[Loopback]:
    with closing(Loopback(["http://127.0.0.1/callback"], check)) as loopback:
        yield loopback


@pytest.mark.parametrize(("status", "text"), REFUSED.values(), ids=REFUSED)
def test_it_is_refused_and_the_login_waits_on(waiting: Loopback, status: int, text: str) -> None:
    answer = send(waiting.redirect_uri, request(text, waiting.redirect_uri))
    assert answer is not None
    assert answer.status == status
    assert waiting.wait(0) is None
    assert get(waiting.redirect_uri, **TRUE).status == 200
    assert waiting.wait(SOON) == TRUE


def test_the_request_that_all_of_them_resemble_is_accepted(waiting: Loopback) -> None:
    """Otherwise the refusals above would prove nothing."""
    answer = send(waiting.redirect_uri, request(line(f"/callback?{Q}"), waiting.redirect_uri))
    assert answer is not None
    assert answer.status == 200
    assert waiting.wait(SOON) == TRUE


def test_none_gets_through_among_idle_connections_and_the_true_callback_still_does_within_two_seconds(
    waiting: Loopback,
) -> None:
    uri = waiting.redirect_uri
    assert len(REFUSED) >= 35
    with ExitStack() as idle:
        for _ in range(50):
            idle.enter_context(connect(uri))
        begin = time.monotonic()
        for status, text in REFUSED.values():
            answer = send(uri, request(text, uri))
            assert answer is not None
            assert answer.status == status
        assert waiting.wait(0) is None
        assert get(uri, **TRUE).status == 200
        assert waiting.wait(SOON) == TRUE
        assert time.monotonic() - begin < 2


def test_no_refusal_shows_anything_of_its_request(waiting: Loopback) -> None:
    for _, text in REFUSED.values():
        answer = send(waiting.redirect_uri, request(text, waiting.redirect_uri))
        assert answer is not None
        shown = answer.body.decode() + str(answer.headers)
        assert not [word for word in (CODE, STATE, "callback", "evil", "canary", "guess") if word in shown]
        assert answer.headers["content-length"] == str(len(answer.body))


@pytest.mark.parametrize("byte", [b"\x00", b"\x7f", b"\n", b"\r", b"\t"])
def test_a_stray_byte_anywhere_spoils_the_request(waiting: Loopback, byte: bytes) -> None:
    whole = request(line(f"/callback?{Q}"), waiting.redirect_uri)
    for place in range(whole.index(b"\r\n")):
        answer = send(waiting.redirect_uri, whole[:place] + byte + whole[place:])
        assert answer is not None
        assert answer.status == 400
    assert waiting.wait(0) is None


def test_a_request_smuggled_behind_another_is_never_read(waiting: Loopback) -> None:
    text = line("/favicon.ico") + line(f"/callback?{Q}")
    answer = send(waiting.redirect_uri, request(text, waiting.redirect_uri))
    assert answer is not None
    assert answer.status == 404
    assert answer.body.count(b"<!doctype") == 1
    assert waiting.wait(0) is None


def test_a_request_that_breaks_off_is_never_a_callback(waiting: Loopback) -> None:
    whole = request(line(f"/callback?{Q}"), waiting.redirect_uri)
    for length in range(0, len(whole), 7):
        with connect(waiting.redirect_uri) as client:
            client.sendall(whole[:length])
            client.shutdown(1)
            assert read_all(client) == b""
    assert waiting.wait(0) is None


def test_a_client_that_wants_tls_is_told_at_once_that_there_is_none(waiting: Loopback) -> None:
    context = ssl.create_default_context()
    with connect(waiting.redirect_uri) as client, pytest.raises(ssl.SSLError):
        context.wrap_socket(client, server_hostname="localhost")


def test_a_body_that_never_ends_does_not_keep_the_answer_back(waiting: Loopback) -> None:
    with connect(waiting.redirect_uri) as client:
        client.sendall(request(line("/callback", "POST", fields="\r\nContent-Length: 999999999"), waiting.redirect_uri))
        client.sendall(b"x" * 100_000)
        assert read_all(client).startswith(b"HTTP/1.1 405 ")
