"""Whatever comes in, a configuration is either a plan or a ``ConfigError``, and no secret comes out again."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbauth.config import check, compile_policy, load_plan
from cbauth.errors import ConfigError
from cbauth.plan import Plan, Policy
from tests.config.corpus import INVALID, VALID

SOURCES = [path.read_bytes() for path in VALID + INVALID]
TOKENS = [
    *(
        "\n",
        "  ",
        "\t",
        ": ",
        "- ",
        "? ",
        "[",
        "]",
        "{",
        "}",
        ",",
        '"',
        "'",
        "#",
        "&a ",
        "*a",
        "<<: ",
        "|\n",
        ">\n",
        "!x ",
    ),
    *(
        "!!int ",
        "---\n",
        "...\n",
        "%YAML 1.1\n",
        "\\",
        "~",
        "null",
        "true",
        ".nan",
        "1e999",
        "9" * 70,
        "\0",
        "\r",
        "\x85",
    ),
    *("\u2028", "\u202e", "é", "😀", "\ud800", '"\\ud800"', '"\\UFFFFFFFF"', "profiles", "provider: openai", "policy"),
]
WORDS = st.sampled_from(
    [
        *(
            "version",
            "profiles",
            "providers",
            "routes",
            "policy",
            "classify",
            "state",
            "credentials",
            "store",
            "openai",
        ),
        *("provider", "api_key", "oauth", "models", "weight", "breaker", "open_for", "retry", "backoff", "x-a", "acme"),
    ]
)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12), WORDS, st.binary(max_size=3), st.just(1)
)
DATA = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(WORDS, st.text(max_size=5)), inner, max_size=5),
        st.dictionaries(st.one_of(st.integers(), st.none()), inner, max_size=2),
    ),
    max_leaves=25,
)


def well_placed(source: str | bytes) -> None:
    for problem in check(source, "f"):
        assert problem.line is not None
        assert problem.column is not None
        assert problem.line >= 1
        assert problem.column >= 1
        assert problem.end_line is not None
        assert problem.end_column is not None
        assert (problem.line, problem.column) <= (problem.end_line, problem.end_column)
        assert str(problem).isprintable()


@given(st.binary())
def test_any_bytes_are_checked_without_an_exception(source: bytes) -> None:
    well_placed(source)


@given(st.text(alphabet=st.characters(codec=None)))
def test_any_text_is_checked_without_an_exception(source: str) -> None:
    well_placed(source)


@given(st.lists(st.sampled_from(TOKENS), max_size=40))
def test_any_heap_of_yaml_is_checked_without_an_exception(tokens: list[str]) -> None:
    well_placed("".join(tokens))


@given(st.sampled_from(SOURCES), st.data())
def test_any_file_that_was_damaged_is_checked_without_an_exception(source: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(source)))
    stop = data.draw(st.integers(start, min(len(source), start + 20)))
    token = data.draw(st.sampled_from(TOKENS)).encode("utf-8", "surrogatepass")
    well_placed(source[:start] + token + source[stop:])


@given(st.dictionaries(st.one_of(WORDS, st.text(max_size=5)), DATA, max_size=6))
def test_any_mapping_is_a_plan_or_a_config_error(source: dict[str, Any]) -> None:
    with contextlib.suppress(ConfigError):
        assert isinstance(load_plan(source), Plan)


@given(DATA)
def test_anything_under_the_keys_of_a_profile_is_a_plan_or_a_config_error(value: Any) -> None:
    for key in ("provider", "api_key", "oauth", "base_url", "models", "default_model", "metadata", "policy"):
        with contextlib.suppress(ConfigError):
            assert isinstance(load_plan({"version": 1, "profiles": {"a": {"provider": "openai", key: value}}}), Plan)


@given(st.dictionaries(st.sampled_from(["rotation", "breaker", "cooldown", "retry", "x-a"]), DATA))
def test_any_mapping_is_a_policy_or_a_config_error(written: dict[str, Any]) -> None:
    with contextlib.suppress(ConfigError):
        assert isinstance(compile_policy(written), Policy)


@given(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=12, max_size=40))
def test_no_text_that_stands_where_a_secret_belongs_is_ever_repeated(secret: str) -> None:
    written: dict[str, Any] = {
        "version": 1,
        "providers": {"acme": {"protocol": "openai", "base_url": secret, "oauth": {"client_secret": secret}}},
        "profiles": {
            "a": {"provider": "acme", "api_key": secret, "metadata": secret, "base_url": f"https://u:{secret}@h"}
        },
        "state": {"store": f"redis://:{secret}@h"},
    }
    with pytest.raises(ConfigError) as raised:
        load_plan(written)
    assert secret not in f"{raised.value!r} {raised.value} {raised.value.diagnostics}"
