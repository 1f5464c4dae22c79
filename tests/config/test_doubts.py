"""Plain scalars that YAML 1.1 and 1.2 read differently are refused where they are read, with the spelling to use."""

from __future__ import annotations

import pytest

from cbauth.config import check, load_plan
from cbauth.config.document.doubts import doubt
from cbauth.errors import ConfigError

HEAD = "version: 1\nprofiles:\n  a: {provider: openai}\n"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("on", ("true",)),
        ("Yes", ("true",)),
        ("OFF", ("false",)),
        ("no", ("false",)),
        ("010", ("10", "8")),
        ("-010", ("-10", "-8")),
        ("0_7", ("7",)),
        ("08", ("8",)),
        ("0o17", ("15",)),
        ("0b101", ("5",)),
        ("0b_", ()),
        ("0x_", ()),
        ("0xF_F", ("255",)),
        ("1_000", ("1000",)),
        ("1_000.5", ("1000.5",)),
        ("1:30", ("1m30s",)),
        ("1:00:00", ("1h",)),
        ("0:00", ("0s",)),
        ("1:30:10:05", ()),
        ("-1:30", ()),
        ("1:30.5", ()),
        ("1e3", ("1000",)),
        ("1.5e3", ("1500",)),
        ("2.5e-1", None),
        ("1e-1", ()),
        ("1e400", ()),
        ("2024-02-30", ()),
        ("2024-1-1 10:00:00 +01:00", ()),
    ],
)
def test_these_are_doubtful(text: str, meant: tuple[str, ...] | None) -> None:
    found = doubt(text)
    assert (None if found is None else found.meant) == meant


@pytest.mark.parametrize(
    "text",
    [
        *("", "y", "n", "true", "False", "~", "null", "0", "-0", "07", "1", "4.10", "1.5", ".5", "1.", "+12", "0x1F"),
        *(".inf", "-.inf", ".nan", "1.5e+3", "30s", "1h30m", "12:60", "gpt-4o-2024-08-06", "1:2x", "_1", "1-2"),
        *("+", "-", ".", "...", "0x", "9" * 65, "onn", "192.168.0.1", "2024-08"),
    ],
)
def test_both_versions_agree_about_these(text: str) -> None:
    assert doubt(text) is None


@pytest.mark.parametrize(
    ("lines", "message", "help_text"),
    [
        ("  b: {provider: openai, enabled: on}", "YAML 1.1 reads `on` as true, YAML 1.2 as a text", "write `true`"),
        ("  b: {provider: openai, weight: 010}", "YAML 1.1 reads `010` as 8, YAML 1.2 as 10", "write `10` or `8`"),
        ("  b: {provider: openai, models: [no]}", "YAML 1.1 reads `no` as false, YAML 1.2 as a text", 'quotes: `"no"`'),
        ("  off: {provider: openai}", "YAML 1.1 reads `off` as false, YAML 1.2 as a text", 'put it in quotes: `"off"`'),
        ("policy: {retry: {max_wait: 1:30}}", "a number in base 60", "write `1m30s`"),
        ("policy: {retry: {max_wait: yes}}", "YAML 1.1 reads `yes` as true", "write `true`"),
        ("policy: {breaker: {open_for: 1e-1}}", "YAML 1.2 as a number", "write a duration such as `30s`"),
        ("policy: {retry: {backoff: {factor: 1e-1}}}", "YAML 1.2 as a number", "write the number in plain digits"),
        ("policy: {rotation: {sticky: 2024-01-01}}", "as a date", "write `true` or `false`"),
    ],
)
def test_the_finding_says_both_readings_and_the_spelling_to_use(lines: str, message: str, help_text: str) -> None:
    (found,) = check(f"{HEAD}{lines}\n")
    assert found.code == "CBA121"
    assert message in found.message
    assert help_text in (found.help or "")


@pytest.mark.parametrize("value", ["010", "2024-02-30", "NO", "1:30", "1_000"])
def test_the_value_of_a_field_that_may_hold_a_secret_is_not_repeated(value: str) -> None:
    (found,) = check(f"{HEAD}  b: {{provider: openai, metadata: {{pin: {value}}}}}\n")
    assert (found.code, found.help) == ("CBA121", "put it in quotes")
    assert value not in repr(found)


@pytest.mark.parametrize(
    "lines",
    [
        "x-note: {a: [on, 010, 1:30], no: 1e3}",
        "  b: {provider: anthropic, x-since: 2024-01-01}",
        "policy: {breaker: {mode: off}}",
        '  "on": {provider: openai, enabled: false, models: ["010", \'1e3\']}',
    ],
)
def test_free_keys_quotes_and_a_breakers_own_word_are_fine(lines: str) -> None:
    assert check(f"{HEAD}{lines}\n") == []


def test_what_is_taken_over_from_a_free_key_is_read_and_reported_once_where_it_stands() -> None:
    (found,) = check(
        "version: 1\nx-base: &base {enabled: on}\nprofiles:\n"
        "  a: {<<: *base, provider: openai}\n  b: {<<: *base, provider: openai}\n"
    )
    assert (found.code, found.line, found.column) == ("CBA121", 2, 25)


@pytest.mark.parametrize(
    ("lines", "spelling"),
    [
        ("  b: {provider: openai, models: [4.10]}", "4.10"),
        ("  b: {provider: openai, models: [gpt-4o, 007.50]}", "007.50"),
        ('  b: {provider: openai, models: ["*"], default_model: 4.10}', "4.10"),
        ("  b: {provider: openai, models: [010]}", "010"),
        ("  b: {provider: openai, models: [1e3]}", "1e3"),
        ("  b: {provider: openai, models: [True]}", "True"),
        ("  b:\n    provider: openai\n    models:\n      - 0x1F  # in sixteens\n", "0x1F"),
        ("  b: {provider: 1.0}", "1.0"),
        ("  4.10: {provider: openai}", "4.10"),
        ("routes: {4.10: [gpt-4o]}", "4.10"),
        ("routes: {smart: [gpt-4o, 4.10]}", "4.10"),
        ("classify: [{provider: 4.10, kind: billing}]", "4.10"),
    ],
)
def test_a_number_where_a_text_is_wanted_is_spelled_as_the_file_has_it(lines: str, spelling: str) -> None:
    (found,) = check(f"{HEAD}{lines}\n")
    assert found.help == f'put it in quotes: `"{spelling}"`'


@pytest.mark.parametrize(
    "lines",
    [
        "  b: {provider: openai, metadata: {pin: 4.10}}",
        "  b: {provider: openai, models: [&CANARY 4.10]}",
        "providers: {b: {protocol: openai, name: 4.10}}",
        "providers: {b: {protocol: openai, base_url: 4.10}}",
    ],
)
def test_a_number_that_may_be_a_secret_is_not_spelled(lines: str) -> None:
    (found,) = check(f"{HEAD}{lines}\n")
    assert (found.code, found.help) == ("CBA203", "put it in quotes")
    assert "4.1" not in repr(found)
    assert "CANARY" not in repr(found)


def test_a_number_of_a_mapping_has_no_spelling() -> None:
    with pytest.raises(ConfigError) as raised:
        load_plan({"profiles": {"a": {"provider": "openai", "models": [4.10]}}})
    (found,) = [each for each in raised.value.diagnostics if each.severity == "error"]
    assert (found.code, found.key, found.help) == ("CBA203", "profiles.a.models[0]", "put it in quotes")
