"""The policy rules, by their example files; and what each finding has to say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import cbauth
from cbauth.config import check, load_plan
from cbauth.config.codes import CODES
from cbauth.errors import ConfigError
from tests.config.corpus import HERE, INVALID, LINTED, UNLINTED, expected, told

ROOT = HERE.parents[1]
RULES = sorted(code for code in CODES if code.startswith("CBA4"))
UNSERVED = {"version": 1, "profiles": {"a": {"provider": "openai"}}, "routes": {"dead": ["llama3.2"]}}
IDLE = {"version": 1, "profiles": {"a": {"provider": "openai"}}, "policy": {"breaker": {"open_for": 1}}}


def named(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def test_every_rule_has_bad_and_good_examples_in_a_folder_of_its_own() -> None:
    assert len(RULES) >= 20
    assert [path.name[:6] for path in sorted((HERE / "lint").iterdir())] == RULES
    for paths in (LINTED, UNLINTED):
        assert sorted({path.parent.name[:6] for path in paths}) == RULES


@pytest.mark.parametrize("path", LINTED, ids=named)
def test_a_bad_example_gets_exactly_the_expected_findings_and_only_of_its_own_rule(path: Path) -> None:
    found = check(path.read_bytes(), path.name)
    assert [told(diagnostic) for diagnostic in found] == expected(path)
    assert {diagnostic.code for diagnostic in found} == {path.parent.name[:6]}


@pytest.mark.parametrize("path", UNLINTED, ids=named)
def test_a_good_example_gets_none(path: Path) -> None:
    assert check(path.read_bytes()) == []


@pytest.mark.parametrize("path", LINTED, ids=named)
def test_every_finding_says_what_to_do_in_printable_words_and_knows_its_place(path: Path) -> None:
    for diagnostic in check(path.read_bytes(), path.name):
        assert diagnostic.help
        assert str(diagnostic).isascii()
        assert str(diagnostic).isprintable()
        assert diagnostic.key
        assert (diagnostic.line, diagnostic.column) < (diagnostic.end_line, diagnostic.end_column)
        for place in diagnostic.related:
            assert place.message
            assert place.path == path.name
            assert (place.line, place.column) != (diagnostic.line, diagnostic.column)


def test_what_ships_with_cbauth_lints_clean() -> None:
    for path in ("profiles.yaml", "cbauth/cli/demo/profiles.yaml"):
        assert check((ROOT / path).read_bytes(), path) == []


def test_the_example_of_the_readme_lints_clean() -> None:
    page = (ROOT / "README.md").read_text("utf-8")
    assert check(page.partition("```yaml\n")[2].partition("```")[0]) == []


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_a_file_with_errors_is_not_asked_what_its_policy_means(path: Path) -> None:
    found = check(path.read_bytes())
    if any(diagnostic.severity == "error" for diagnostic in found):
        assert [diagnostic.code for diagnostic in found if diagnostic.code.startswith("CBA4")] == []


def test_a_warning_keeps_nothing_from_being_loaded_and_the_plan_tells_it(tmp_path: Path) -> None:
    file = tmp_path / "profiles.yaml"
    file.write_text("version: 1\nprofiles: {a: {provider: openai}}\npolicy: {breaker: {open_for: 1s}}\n")
    (warning,) = load_plan(file).warnings
    assert (warning.code, warning.path, warning.line, warning.column) == ("CBA435", str(file), 3, 30)
    with cbauth.load(IDLE, store="memory") as toolkit:
        assert [(each.code, each.key) for each in toolkit.plan.warnings] == [("CBA435", "policy.breaker.open_for")]


def test_warnings_do_not_tell_two_plans_apart() -> None:
    plan: Any = load_plan(IDLE)
    assert plan == load_plan({**IDLE, "x-note": "the same"})
    assert "CBA435" not in repr(plan)


@pytest.mark.parametrize("trusted", [True, False])
def test_a_policy_that_cannot_work_is_refused_with_everything_else_that_was_found(trusted: bool) -> None:
    with pytest.raises(ConfigError) as raised:
        load_plan({**UNSERVED, "policy": {"breaker": {"open_for": 1}}}, trusted=trusted)
    assert [(found.code, found.severity) for found in raised.value.diagnostics] == [
        ("CBA427", "error"),
        ("CBA435", "warning"),
    ]


def test_names_that_may_not_be_shown_are_not() -> None:
    """A name may look like a secret, and then it is spoken of without being said."""
    odd = "CANARYa8f7A9d8f7a9s8d7f9a8sd7f9"
    data = {
        "version": 1,
        "profiles": {
            odd: {"provider": "openai", "models": [f"{odd}*", "*"]},
            "b": {"provider": "openai", "models": [odd, odd]},
        },
        "routes": {odd: [odd]},
    }
    found = [str(each) for each in load_plan(data).warnings]
    assert len(found) > 2
    assert "CANARY" not in "".join(found)


@pytest.mark.parametrize("count", [1, 3])
def test_a_place_that_many_share_is_reported_once(count: int) -> None:
    profiles = {f"p{number}": {"provider": "openai", "api_key": f"env:KEY_{number}"} for number in range(count)}
    policy = {"cooldown": {"auth": {"base": 60, "cap": 1}}}
    assert [each.code for each in load_plan({"version": 1, "profiles": profiles, "policy": policy}).warnings] == [
        "CBA431"
    ]


def test_a_hostile_crowd_of_wildcards_costs_no_more_than_its_length() -> None:
    """Twenty thousand wildcards with their stars in the middle: all pairs would take minutes."""
    models = [f"*{number}*" for number in range(4000)]
    profiles = {f"p{each}": {"provider": "openai", "api_key": f"env:K{each}", "models": models} for each in range(5)}
    found = load_plan({"version": 1, "profiles": profiles, "routes": {"r": models_named(4000)}}).warnings
    assert {each.code for each in found} <= {"CBA411"}, "nobody is said to be unserved before all were asked"


def models_named(count: int) -> list[str]:
    return [f"m{number}" for number in range(count)]


def test_routes_that_stand_for_more_than_anybody_reads_are_given_up() -> None:
    """Two thousand routes, each naming the next: what they stand for grows with the square."""
    routes = {f"r{number}": [f"r{number + 1}", "gpt-4o"] for number in range(2000)}
    routes["r2000"] = ["gpt-4o"]
    plan = load_plan({"version": 1, "profiles": {"a": {"provider": "openai"}}, "routes": routes})
    assert plan.warnings == ()


def test_routes_that_all_name_each_other_are_told_of_within_bounds() -> None:
    """Forty thousand entries, nearly half of which lead back, and at the end a route that cannot work."""
    names = [f"r{number}" for number in range(200)]
    routes = {name: [*(each for each in names if each != name), "gpt-4o"] for name in names}
    with pytest.raises(ConfigError) as raised:
        load_plan(
            {"version": 1, "profiles": {"a": {"provider": "openai"}}, "routes": {**routes, "x": ["y"], "y": ["x"]}}
        )
    told = [(each.code, each.severity) for each in raised.value.diagnostics]
    assert set(told) == {("CBA426", "warning"), ("CBA426", "error")}
    assert told.count(("CBA426", "warning")) == 10_000
    assert told.count(("CBA426", "error")) == 1


def test_a_route_in_many_circles_is_told_of_each() -> None:
    data = {
        "version": 1,
        "profiles": {"a": {"provider": "openai"}},
        "routes": {"a": ["b", "gpt-4o"], "b": ["a", "c", "gpt-4o"], "c": ["a", "c", "gpt-4o"]},
    }
    assert [(each.code, each.key) for each in load_plan(data).warnings] == [
        ("CBA426", "routes.b[0]"),
        ("CBA426", "routes.c[0]"),
        ("CBA426", "routes.c[1]"),
    ]


GATEWAY = {"protocol": "openai", "base_url": "https://gw.example/v1"}


def codes(data: dict[str, Any]) -> list[str]:
    return [found.code for found in load_plan({"version": 1, **data}).warnings]


def test_one_credential_at_two_providers_is_no_fallback() -> None:
    first = {"provider": "gw", "api_key": "env:K", "models": ["f-*"]}
    second = {"provider": "openai", "api_key": "env:K", "models": ["w-*"]}
    file = {"providers": {"gw": GATEWAY}, "profiles": {"f": first, "w": second}, "routes": {"c": ["f-1", "w-1"]}}
    assert codes(file) == ["CBA425", "CBA442"]
    second["api_key"] = "env:W"
    assert codes(file) == []


@pytest.mark.parametrize("other", ["https://GW.example/v1", "https://gw.example:443/v1", "https://gw.example/v1/"])
def test_one_address_has_many_spellings(other: str) -> None:
    providers = {"gw": GATEWAY, "hw": {**GATEWAY, "base_url": other}}
    first = {"provider": "gw", "api_key": "env:A", "models": ["f-*"]}
    second = {"provider": "hw", "api_key": "env:B", "models": ["w-*"]}
    routes = {"c": ["f-1", "w-1"]}
    assert codes({"providers": providers, "profiles": {"f": first, "w": second}, "routes": routes}) == ["CBA424"]
    same = {"provider": "gw", "api_key": "env:A", "models": ["f-*"]}
    twins = {"f": same, "g": {**same, "base_url": other}}
    assert codes({"providers": {"gw": GATEWAY}, "profiles": twins}) == ["CBA401"]


def test_another_port_is_another_address() -> None:
    same = {"provider": "gw", "api_key": "env:A", "models": ["f-*"]}
    twins = {"f": same, "g": {**same, "base_url": "https://gw.example:444/v1"}}
    assert "CBA401" not in codes({"providers": {"gw": GATEWAY}, "profiles": twins})


def test_a_route_that_names_itself_and_means_no_model_is_a_circle() -> None:
    file = {"version": 1, "profiles": {"a": {"provider": "openai"}}, "routes": {"r": ["gpt-4o", "r"]}}
    [found] = load_plan(file).warnings
    assert (found.code, found.key) == ("CBA426", "routes.r[1]")


def test_a_model_beside_a_wildcard_that_covers_it_is_no_promise_of_a_fallback() -> None:
    mine = {"provider": "openai", "models": ["gpt-4o", "gpt-*"], "default_model": "gpt-4o"}
    profiles = {"a": mine, "b": {"provider": "anthropic"}}
    assert codes({"profiles": profiles}) == []
    assert codes({"profiles": {**profiles, "a": {**mine, "models": ["gpt-4o"]}}}) == ["CBA421"]
