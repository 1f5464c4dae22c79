"""Sources that answer at once, and which source a reference stands for."""

from __future__ import annotations

from pathlib import Path

import pytest

from cbauth.errors import AuthError, ConfigError
from cbauth.plan import SecretRef
from cbauth.secrets import Blocked, Environment, FirstOf, Given, Nothing, Secret, source_for


def env(*names: str, environ: dict[str, str]) -> Environment | FirstOf:
    source = source_for(tuple(SecretRef("env", (name,)) for name in names), base_dir=None, environ=environ)
    assert isinstance(source, Environment | FirstOf)
    return source


def test_a_variable_gives_its_value() -> None:
    source = env("KEY", environ={"KEY": "sk-1"})
    assert source.missing() is None
    assert source.get() == Secret("sk-1")
    assert source.description == "env:KEY"
    assert not source.slow


def test_the_process_environment_is_read_anew_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    source = source_for((SecretRef("env", ("SOME_KEY",)),), base_dir=None)
    assert source.missing() == "SOME_KEY is not set"
    monkeypatch.setenv("SOME_KEY", "sk-1")
    assert source.get().reveal() == "sk-1"
    monkeypatch.setenv("SOME_KEY", "sk-2")
    assert source.get().reveal() == "sk-2"
    source.forget()
    assert source.get().reveal() == "sk-2"


def test_a_value_that_was_good_before_counts_for_nothing_once_it_is_another() -> None:
    environ = {"KEY": "sk-1"}
    source = env("KEY", environ=environ)
    assert source.get().reveal() == "sk-1"
    environ["KEY"] = "one\ntwo"
    with pytest.raises(AuthError, match="more than one line"):
        source.get()
    environ["KEY"] = ""
    with pytest.raises(AuthError, match="KEY is empty"):
        source.get()
    del environ["KEY"]
    with pytest.raises(AuthError, match="KEY is not set"):
        source.get()
    environ["KEY"] = "sk-1"
    assert source.get().reveal() == "sk-1"


def test_blanks_and_line_ends_around_a_value_are_dropped() -> None:
    assert env("KEY", environ={"KEY": " \tsk-1\r\n"}).get().reveal() == "sk-1"


@pytest.mark.parametrize(("environ", "reason"), [({}, "KEY is not set"), ({"KEY": " \n"}, "KEY is empty")])
def test_a_variable_without_a_value_is_missing_and_says_so(environ: dict[str, str], reason: str) -> None:
    source = env("KEY", environ=environ)
    assert source.missing() == reason
    with pytest.raises(AuthError, match=reason):
        source.get()


@pytest.mark.parametrize(
    ("value", "flaw"),
    [
        ("one\ntwo", "more than one line"),
        ("one\rtwo", "more than one line"),
        ("one\ttwo", "control character"),
        ("one\x00two", "control character"),
        ("one\x7ftwo", "control character"),
        ("“quoted”", "outside ASCII"),
        ("invisible\u200bblank", "outside ASCII"),
        ("caf\u00e9", "outside ASCII"),
        ("\udc80raw", "outside ASCII"),
    ],
)
def test_a_value_that_no_header_can_carry_is_refused_where_it_comes_from(value: str, flaw: str) -> None:
    with pytest.raises(AuthError, match=f"^KEY holds .*{flaw}|^KEY has {flaw}"):
        env("KEY", environ={"KEY": value}).get()


def test_the_first_variable_that_is_set_wins() -> None:
    environ = {"SECOND": "sk-2", "THIRD": "sk-3"}
    source = env("FIRST", "SECOND", "THIRD", environ=environ)
    assert source.missing() is None
    assert source.get().reveal() == "sk-2"
    assert source.description == "env:SECOND"
    environ["FIRST"] = "sk-1"
    assert source.get().reveal() == "sk-1"
    assert source.description == "env:FIRST"


def test_when_no_variable_is_set_all_are_named() -> None:
    source = env("FIRST", "SECOND", environ={"SECOND": ""})
    assert source.missing() == "FIRST is not set and SECOND is empty"
    assert source.description == "env:FIRST or env:SECOND"
    with pytest.raises(AuthError, match="FIRST is not set and SECOND is empty"):
        source.get()


def test_several_sources_are_slow_when_one_is_and_forget_together(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("sk-1")
    file.chmod(0o600)
    refs = (SecretRef("env", ("KEY",)), SecretRef("file", (str(file),)))
    source = source_for(refs, base_dir=None, environ={})
    assert source.slow
    assert source.get().reveal() == "sk-1"
    source.forget()
    assert source.get().reveal() == "sk-1"


def test_a_key_given_in_python_is_used_as_it_is() -> None:
    source = Given(" sk-1\n")
    assert source.missing() is None
    assert source.get() == Given(Secret("sk-1")).get() == Secret("sk-1")
    assert "sk-1" not in f"{source!r} {source.description}"
    source.forget()
    assert source.get() == Secret("sk-1")


def test_an_empty_key_given_in_python_is_missing() -> None:
    assert Given("  ").missing() == "the key given in Python is empty"
    with pytest.raises(AuthError, match="is empty"):
        Given("  ").get()


@pytest.mark.parametrize("value", [b"sk-1", None, 7])
def test_a_key_that_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(ConfigError, match="a key must be text, not "):
        Given(value)


def test_protocols_without_a_credential_have_an_empty_token() -> None:
    source = source_for(None, base_dir=None)
    assert isinstance(source, Nothing)
    assert source.missing() is None
    assert source.get().reveal() == ""
    source.forget()


def test_a_credential_that_nobody_declared_is_missing() -> None:
    source = source_for((), base_dir=None)
    assert source.missing() == "no credential is declared: give the profile an `api_key` or an `oauth` login"


def test_a_blocked_source_gives_its_reason_and_nothing_else() -> None:
    source = Blocked("profiles.yaml is not trusted: run `cbauth trust`", description="env:KEY")
    assert source.missing() == "profiles.yaml is not trusted: run `cbauth trust`"
    assert source.description == "env:KEY"
    source.forget()
    with pytest.raises(AuthError, match="not trusted"):
        source.get()


def test_a_command_of_an_untrusted_file_is_not_run_and_says_what_to_do(tmp_path: Path) -> None:
    ref = SecretRef("command", ("touch", str(tmp_path / "ran")))
    source = source_for((ref,), base_dir=tmp_path, allow_command=False)
    assert source.missing() == "command:touch … is not trusted: run `cbauth trust`"
    with pytest.raises(AuthError):
        source.get()
    assert not (tmp_path / "ran").exists()


def test_a_repr_says_what_it_is() -> None:
    sources = (Environment("KEY"), Nothing(), Given("sk-1"), Blocked("not trusted"))
    assert repr(FirstOf(sources)) == "FirstOf((Environment('KEY'), Nothing(), Given('…'), Blocked('not trusted')))"


def test_an_unknown_kind_of_reference_is_missing() -> None:
    source = source_for((SecretRef("vault", ("x",)),), base_dir=None)
    assert source.missing() == "vault is no place for a secret: use env:, file:, keyring: or command:"


@pytest.mark.parametrize(
    ("ref", "description"),
    [
        (SecretRef("env", ("KEY",)), "env:KEY"),
        (SecretRef("file", ("~/.keys/acme",)), "file:~/.keys/acme"),
        (SecretRef("keyring", ("acme", "me")), "keyring:acme/me"),
        (SecretRef("command", ("op", "read", "op://vault/acme")), "command:op …"),
    ],
)
def test_every_source_describes_itself_by_its_reference(ref: SecretRef, description: str) -> None:
    source = source_for((ref,), base_dir=None, environ={})
    assert source.description == description
    assert source.slow is (ref.scheme != "env")
    assert ref.args[0] in repr(source) or "keys/acme" in repr(source)
