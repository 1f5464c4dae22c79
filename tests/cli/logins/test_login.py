"""``cbauth login`` with a browser: on this machine, on another one with the address pasted, and when it goes wrong."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import socket
import stat
import subprocess
import termios
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.cli.logins.shell import COMMAND, Shell, config_for
from tests.support.identity import IdentityProvider, faults
from tests.support.processes import PATIENCE, eventually


def redirect_port(url: str) -> int:
    port = urlsplit(parse_qs(urlsplit(url).query)["redirect_uri"][0]).port
    assert port is not None
    return port


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class TestHere:
    def test_a_visit_to_the_printed_url_logs_in(self, shell: Shell, identity: IdentityProvider) -> None:
        login = shell.start("login", "acme-me", "--no-browser")
        page = identity.visit(login.url(identity))
        assert page.status_code == 200
        assert login.end() == 0
        assert identity.granted("authorization_code") == 1

    def test_the_url_goes_to_standard_error_and_the_outcome_to_standard_output(self, shell: Shell) -> None:
        login = shell.login()
        assert "/auth?" not in login.out
        assert login.out.startswith("logged in: acme-me (Acme LLM) as me@acme.example\n")

    def test_it_says_where_the_login_is_kept_and_until_when(self, shell: Shell) -> None:
        login = shell.login()
        assert re.search(r"^stored: +files in ~/data/cbauth/credentials$", login.out, re.MULTILINE)
        assert re.search(r"^token: +until 20\S+, then renewed by itself$", login.out, re.MULTILINE)
        assert "not granted" not in login.out

    def test_scopes_that_were_not_granted_are_named(self, here: Path, shell: Shell, identity: IdentityProvider) -> None:
        identity.fail(faults.body({"access_token": "tok-4c1", "token_type": "Bearer", "scope": "openid"}))
        login = shell.login()
        assert "not granted: offline_access, email" in login.out
        assert "hint" not in login.out, "the file asks for consent already"

    def test_where_a_lasting_login_was_refused_for_want_of_consent_that_is_said(
        self, here: Path, shell: Shell, identity: IdentityProvider
    ) -> None:
        file = here / "profiles.yaml"
        file.write_text(file.read_text().replace("      extra_params: {prompt: consent}\n", ""))
        login = shell.login()
        lines = login.out.splitlines()
        (told,) = [place for place, line in enumerate(lines) if "not granted: offline_access" in line]
        assert lines[told + 1].startswith("hint: ")
        assert "`extra_params: {prompt: consent}`" in lines[told + 1]

    def test_the_login_of_another_account_than_the_profiles_is_pointed_out(
        self, here: Path, shell: Shell, identity: IdentityProvider
    ) -> None:
        file = here / "profiles.yaml"
        file.write_text(file.read_text().replace("oauth: {}", "oauth: {account: boss@acme.example}"))
        assert "the provider names the account me@acme.example" in shell.login().out

    def test_without_an_id_token_the_provider_is_asked_who_it_is(
        self, here: Path, shell: Shell, identity: IdentityProvider
    ) -> None:
        file = here / "profiles.yaml"
        file.write_text(file.read_text().replace("scopes: [openid, ", "scopes: ["))
        identity.fail(faults.body({"email": "me@acme.example"}), endpoint="userinfo")
        assert " as me@acme.example\n" in shell.login().out
        identity.fail(faults.cut(), times=9, endpoint="userinfo")
        assert shell.login().out.startswith("logged in: acme-me (Acme LLM)\n"), "a login is a login"

    def test_a_provider_can_be_logged_in_to_by_its_id(self, shell: Shell) -> None:
        assert shell.login("acme").out.startswith("logged in: acme (Acme LLM)")
        assert shell.run("token", "acme").end() == 0

    def test_what_is_stored_is_for_its_owner_alone(self, shell: Shell, home: Path) -> None:
        shell.login()
        folder = home / "data/cbauth/credentials"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


class TestBrowser:
    @pytest.fixture
    def opened(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """The file that a browser writes to what it is to open; it stays, as long as nobody ends it."""
        browser, opened = tmp_path / "browser", tmp_path / "opened"
        browser.write_text(f'#!/bin/sh\necho "$1" > {opened}.new\nmv {opened}.new {opened}\nexec cat\n')
        browser.chmod(0o755)
        monkeypatch.setenv("BROWSER", str(browser))
        return opened

    def test_it_is_given_the_url_that_is_printed(self, shell: Shell, identity: IdentityProvider, opened: Path) -> None:
        login = shell.start("login", "acme-me")
        url = login.url(identity)
        assert eventually(opened.exists)
        assert opened.read_text().strip() == url
        identity.visit(url)
        assert login.end() == 0
        assert "Opening a browser" in login.err

    def test_it_is_not_opened_when_that_is_not_wanted(
        self, shell: Shell, identity: IdentityProvider, opened: Path
    ) -> None:
        shell.login()
        assert not opened.exists()

    def test_one_that_fails_is_no_error(self, shell: Shell, identity: IdentityProvider) -> None:
        login = shell.start("login", "acme-me", env={"BROWSER": "false"})
        identity.visit(login.url(identity))
        assert login.end() == 0

    def test_none_on_a_desktop_is_no_error(self, here: Path, shell: Shell, identity: IdentityProvider) -> None:
        login = shell.start("login", "acme-me", env={"DISPLAY": ":0", "PATH": str(here)})
        identity.visit(login.url(identity))
        assert login.end() == 0
        assert login.err.startswith("Opening a browser; or open this page")

    def test_a_module_in_the_current_folder_is_not_run(
        self, here: Path, shell: Shell, identity: IdentityProvider, opened: Path
    ) -> None:
        (here / "webbrowser.py").write_text(f"open({str(here / 'hijacked')!r}, 'w')")
        login = shell.start("login", "acme-me")
        identity.visit(login.url(identity))
        assert login.end() == 0
        assert eventually(opened.exists)
        assert not (here / "hijacked").exists()

    @pytest.mark.parametrize(
        ("env", "reason"),
        [({}, "there is no display here"), ({"DISPLAY": ":0", "SSH_CONNECTION": "1 2 3 4"}, "this is an ssh session")],
    )
    def test_where_there_can_be_none_it_says_why_and_waits(
        self, shell: Shell, identity: IdentityProvider, env: dict[str, str], reason: str
    ) -> None:
        login = shell.start("login", "acme-me", env=env)
        url = login.url(identity)
        assert f"No browser is opened ({reason})" in login.err
        identity.visit(url)
        assert login.end() == 0


class TestPasted:
    def test_the_address_that_the_browser_ended_on_logs_in(self, shell: Shell, identity: IdentityProvider) -> None:
        login = shell.start("login", "acme-me", "--no-browser", typing=True)
        landing = identity.approve(login.url(identity))
        login.said("paste here")
        login.type(landing)
        assert login.end() == 0
        assert login.out.startswith("logged in: acme-me")

    def test_a_wrong_one_is_explained_and_the_right_one_still_counts(
        self, shell: Shell, identity: IdentityProvider
    ) -> None:
        login = shell.start("login", "acme-me", "--no-browser", typing=True)
        landing = identity.approve(login.url(identity))
        login.type("")
        login.type("https://elsewhere.example/callback?code=CANARY-41f0")
        login.said("^that did not finish the login: that address does not begin with")
        login.type(landing.replace("state=", "state=x"))
        login.said("^that did not finish the login: that belongs to another login")
        assert login.process.poll() is None
        login.type(landing)
        assert login.end() == 0
        assert "CANARY" not in login.out + login.err
        assert identity.asked("authorization_code") == 1

    def test_after_a_wrong_one_the_browser_here_still_counts(self, shell: Shell, identity: IdentityProvider) -> None:
        login = shell.start("login", "acme-me", "--no-browser", typing=True)
        login.type("x" * 200_000)
        login.said("^that did not finish the login")
        identity.visit(login.url(identity))
        assert login.end() == 0

    def test_the_end_of_the_input_is_no_error(self, shell: Shell, identity: IdentityProvider) -> None:
        login = shell.start("login", "acme-me", "--no-browser", typing=True)
        assert login.process.stdin is not None
        login.process.stdin.close()
        login.said("Ctrl-C gives up")
        identity.visit(login.url(identity))
        assert login.end() == 0

    def test_its_last_line_needs_no_end(self, shell: Shell, identity: IdentityProvider) -> None:
        login = shell.start("login", "acme-me", "--no-browser", typing=True)
        landing = identity.approve(login.url(identity))
        assert login.process.stdin is not None
        login.process.stdin.write(landing.encode())
        login.process.stdin.close()
        assert login.end() == 0

    def test_a_script_that_feeds_a_file_keeps_its_lines(
        self, here: Path, shell: Shell, identity: IdentityProvider
    ) -> None:
        (here / "list").write_text("acme-me\nacme\n")
        with (here / "list").open("rb", buffering=0) as lines:
            login = shell.start("login", "acme-me", "--no-browser", stdin=lines)
            identity.visit(login.url(identity))
            assert login.end() == 0
            assert lines.read() == b"acme-me\nacme\n"

    def test_a_terminal_that_listens_to_others_is_left_to_them(self, shell: Shell, identity: IdentityProvider) -> None:
        ours, theirs = pty.openpty()
        with open(theirs, "rb", buffering=0) as terminal:
            login = shell.start("login", "acme-me", "--no-browser", stdin=terminal)
            os.write(ours, b"for somebody else\n")
            identity.visit(login.url(identity))
            assert login.end() == 0
            assert "paste here" not in login.err
            assert terminal.readline() == b"for somebody else\n"
        os.close(ours)

    def test_without_any_standard_input_the_browser_counts(self, here: Path, identity: IdentityProvider) -> None:
        words = ["sh", "-c", 'exec "$0" login acme-me --no-browser <&-', str(COMMAND)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            identity.visit(next(line.strip() for line in process.stderr if line.startswith(identity.issuer)))
            assert process.wait(PATIENCE) == 0

    def test_a_refusal_can_be_pasted_too(self, shell: Shell, identity: IdentityProvider) -> None:
        login = shell.start("login", "acme-me", "--no-browser", typing=True)
        login.type(identity.approve(login.url(identity), deny=True))
        assert login.end() == 1
        assert "access_denied" in login.err

    def test_a_terminal_takes_it_as_well(self, here: Path, identity: IdentityProvider) -> None:
        ours, theirs = pty.openpty()

        def take_terminal() -> None:
            os.setsid()
            fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

        with subprocess.Popen(
            [COMMAND, "login", "acme-me", "--no-browser"],
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=take_terminal,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            url = next(line.strip() for line in process.stderr if line.startswith(identity.issuer))
            assert any("paste here" in line for line in process.stderr)
            os.write(ours, identity.approve(url).encode() + b"\n")
            assert process.stdout.readline().startswith("logged in: acme-me")
            assert process.wait(PATIENCE) == 0
        os.close(ours)
        os.close(theirs)


class TestFailing:
    def test_a_denial_is_one_line(self, shell: Shell, identity: IdentityProvider) -> None:
        login = shell.start("login", "acme-me", "--no-browser")
        identity.visit(login.url(identity), deny=True)
        assert login.end() == 1
        assert login.out == ""
        assert login.err.splitlines()[-1].startswith("cbauth: login failed: access_denied")
        assert shell.run("token", "acme-me").end() == 4

    @pytest.mark.parametrize("time", ["0.2", "200ms"])
    def test_nobody_coming_in_time_is_one_line(self, shell: Shell, time: str) -> None:
        login = shell.run("login", "acme-me", "--no-browser", "--timeout", time)
        assert login.end() == 1
        assert login.err.splitlines()[-1].startswith("cbauth: login failed: timeout (nobody has finished")

    def test_a_port_in_use_says_so_and_offers_alternatives(
        self, here: Path, shell: Shell, identity: IdentityProvider
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            (here / "profiles.yaml").write_text(config_for(identity, redirect_uri=f"http://127.0.0.1:{port}/callback"))
            login = shell.run("login", "acme-me", "--no-browser")
        assert login.end() == 1
        (line,) = login.err.splitlines()
        assert f"port {port}" in line
        assert "--device" in line

    def test_ctrl_c_exits_with_130_and_frees_the_port(self, shell: Shell, identity: IdentityProvider) -> None:
        login = shell.start("login", "acme-me", "--no-browser", typing=True)
        url = login.url(identity)
        login.said("Ctrl-C gives up")
        assert not is_free(redirect_port(url))
        login.interrupt()
        assert login.end() == 130
        assert login.err.splitlines()[-1] == "interrupted"
        assert "Traceback" not in login.err
        assert is_free(redirect_port(url))

    def test_a_second_callback_is_refused_and_changes_nothing(self, shell: Shell, identity: IdentityProvider) -> None:
        login = shell.start("login", "acme-me", "--no-browser", typing=True)
        landing = identity.approve(login.url(identity))
        with requests.Session() as session:
            session.trust_env = False
            forged = session.get(landing.replace("state=", "state=x"), timeout=PATIENCE)
            assert forged.status_code == 400
            assert session.get(landing, timeout=PATIENCE).status_code == 200
        assert login.end() == 0

    def test_a_profile_with_a_key_says_what_it_uses(self, shell: Shell) -> None:
        login = shell.run("login", "team")
        assert login.end() == 2
        assert login.err == "cbauth: profile team does not log in: it uses env:TEAM_KEY; those that log in: acme-me\n"

    def test_a_provider_without_a_client_says_what_to_declare(self, shell: Shell) -> None:
        login = shell.run("login", "github")
        assert login.end() == 2
        assert "set `providers.github.oauth.client_id`" in login.err

    @pytest.mark.parametrize("command", ["login", "logout", "token"])
    def test_an_unknown_profile_gets_a_suggestion(self, shell: Shell, command: str) -> None:
        failed = shell.run(command, "acme-mee")
        assert failed.end() == 2
        assert failed.err == "cbauth: there is no profile 'acme-mee': did you mean acme-me?\n"

    @pytest.mark.parametrize("time", ["nan", "inf", "-1", "0", "0s", "soon", "5x", "", "99999999999"])
    def test_a_time_that_is_none_is_refused(self, shell: Shell, time: str) -> None:
        login = shell.run("login", "acme-me", "--timeout", time)
        assert login.end() == 2
        assert "--timeout" in login.err.splitlines()[-1]
        assert login.out == ""

    def test_a_provider_that_cannot_be_reached_is_one_line(
        self, here: Path, shell: Shell, identity: IdentityProvider
    ) -> None:
        identity.fail(faults.cut(), times=9, endpoint="discovery")
        login = shell.run("login", "acme-me", "--no-browser")
        assert login.end() == 1
        assert login.err.startswith("cbauth: login failed: discovery_failed")
        assert len(login.err.splitlines()) == 1


class TestDevice:
    def page_and_code(self, shell_words: str) -> tuple[str, str]:
        code = re.search(r"type this code on any device: (\S+)$", shell_words, re.MULTILINE)
        page = re.search(r"^http\S+$", shell_words, re.MULTILINE)
        assert code is not None
        assert page is not None
        return page.group(), code.group(1)

    def test_typing_the_code_elsewhere_logs_in(self, shell: Shell, identity: IdentityProvider) -> None:
        login = shell.start("login", "acme-me", "--device")
        login.said("Ctrl-C gives up")
        identity.approve_device(*self.page_and_code(login.err))
        assert login.end() == 0
        assert login.out.startswith("logged in: acme-me (Acme LLM) as me@acme.example")
        assert shell.run("token", "acme-me").end() == 0

    def test_a_denial_is_one_line(self, shell: Shell, identity: IdentityProvider) -> None:
        login = shell.start("login", "acme-me", "--device")
        login.said("Ctrl-C gives up")
        identity.approve_device(*self.page_and_code(login.err), deny=True)
        assert login.end() == 1
        assert login.err.splitlines()[-1].startswith("cbauth: login failed: access_denied")

    def test_ctrl_c_exits_with_130(self, shell: Shell, identity: IdentityProvider) -> None:
        begun = {"device_code": "CANARY-device", "user_code": "ABCD-EFGH", "verification_uri": identity.issuer}
        identity.fail(faults.body(begun), endpoint="device_authorization")
        login = shell.start("login", "acme-me", "--device")
        login.said("Ctrl-C gives up")
        assert self.page_and_code(login.err) == (identity.issuer, "ABCD-EFGH")
        assert "with the code in it" not in login.err
        login.interrupt()
        assert login.end() == 130
        assert "CANARY" not in login.err

    def test_a_page_cannot_draw_into_the_terminal(self, shell: Shell, identity: IdentityProvider) -> None:
        page = f"{identity.issuer}/\x1b[2Jdevice"
        begun = {"device_code": "CANARY-device", "user_code": "ABCD-EFGH", "verification_uri": page}
        identity.fail(faults.body(begun), endpoint="device_authorization")
        login = shell.start("login", "acme-me", "--device")
        login.said("Ctrl-C gives up")
        assert "\x1b" not in login.err

    def test_a_provider_without_a_page_to_log_in_at_gets_the_code_unasked(
        self, here: Path, shell: Shell, identity: IdentityProvider
    ) -> None:
        file = here / "profiles.yaml"
        endpoints = (
            f"token_endpoint: {identity.url('token')}\n"
            f"      device_authorization_endpoint: {identity.url('device_authorization')}"
        )
        file.write_text(file.read_text().replace(f"issuer: {identity.issuer}", endpoints))
        login = shell.start("login", "acme-me")
        login.said("Ctrl-C gives up")
        identity.approve_device(*self.page_and_code(login.err))
        assert login.end() == 0

    def test_one_that_offers_neither_says_what_is_missing(self, shell: Shell, identity: IdentityProvider) -> None:
        declared = {"issuer": identity.issuer, "token_endpoint": identity.url("token")}
        identity.fail(faults.body(declared), endpoint="discovery", times=9)
        login = shell.run("login", "acme-me")
        assert login.end() == 1
        assert "no_authorization_endpoint" in login.err
