"""A file or mapping becomes a frozen plan, or every problem with it is told at once."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from cbauth.config import builtin_providers, load_plan
from cbauth.core.cooldown import ADAPTIVE, CLASSIC
from cbauth.errors import ConfigError
from cbauth.outcomes import KINDS, Rule
from cbauth.plan import DEFAULT_POLICY, OAuthClient, OAuthLogin, Plan, Profile, SecretRef
from tests.config.corpus import HERE

ROOT = HERE.parents[1]
ONE: dict[Any, Any] = {"version": 1, "profiles": {"a": {"provider": "openai"}}}


def profile(**keys: Any) -> Profile:
    """The only profile of a plan, with these keys."""
    return load_plan({"version": 1, "profiles": {"a": {"provider": "openai", **keys}}}).profiles[0]


def keys_of(source: Any) -> list[tuple[str, str]]:
    """Code and key path of every problem with ``source``."""
    with pytest.raises(ConfigError) as raised:
        load_plan(source)
    return [(diagnostic.code, diagnostic.key) for diagnostic in raised.value.diagnostics]


def test_the_whole_example_of_the_format_compiles_to_what_it_says() -> None:
    path = HERE / "valid" / "everything.yaml"
    plan = load_plan(path)
    acme, openai = plan.profiles
    assert plan.path == path
    assert plan.trusted
    assert plan.policy == DEFAULT_POLICY  # the example writes the defaults out
    assert plan.routes == {"smart": ("claude-sonnet-4", "gpt-4o", "gemini-2.5-pro")}
    assert plan.rules == (Rule(kind="billing", provider="acme", status=403, match="Key limit exceeded"),)
    assert (plan.store, plan.namespace, plan.credentials) == ("sqlite", "x", "auto")
    assert (acme.id, acme.credential, acme.priority, acme.order) == (
        "acme-me",
        OAuthLogin(account="me@acme.example"),
        100,
        0,
    )
    assert acme.uses_oauth
    assert acme.base_url == "https://llm.acme.example/v1"
    assert acme.provider.oauth == OAuthClient(
        issuer="https://login.acme.example",
        client_id="cbauth",
        client_secret=SecretRef("env", ("ACME_SECRET",)),
        scopes=("openid", "offline_access"),
        redirect_uris=("http://127.0.0.1/callback",),
        refresh_before=300.0,
        extra_params={"prompt": "consent"},
    )
    assert (openai.provider.builtin, openai.base_url) == (True, "https://eu.api.openai.com/v1")
    assert openai.models.patterns == ("gpt-4o", "gpt-*")
    assert (openai.default_model, openai.priority, openai.weight, openai.order) == ("gpt-4o", 80, 1, 1)
    assert openai.metadata == {"team": "search"}


def test_what_is_left_out_has_the_plans_own_defaults() -> None:
    plan = load_plan(ONE)
    only = plan.profiles[0]
    defaults = {field.name: field.default for field in dataclasses.fields(Profile)}
    assert {name: getattr(only, name) for name in ("priority", "weight", "enabled", "default_model")} == {
        name: defaults[name] for name in ("priority", "weight", "enabled", "default_model")
    }
    bare = Plan(profiles=(), providers={})
    assert (plan.store, plan.namespace, plan.credentials) == (bare.store, bare.namespace, bare.credentials)
    assert only.policy is plan.policy is DEFAULT_POLICY


def test_a_plan_is_frozen_and_an_untrusted_one_says_so() -> None:
    plan: Any = load_plan(ONE, trusted=False)
    assert not plan.trusted
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan.trusted = True
    with pytest.raises(TypeError):
        plan.providers["x"] = plan.providers["openai"]


def test_a_file_and_the_same_mapping_give_the_same_plan(tmp_path: Path) -> None:
    file = tmp_path / "profiles.yaml"
    file.write_text("version: 1\nprofiles: {a: {provider: openai}}\n")
    assert dataclasses.replace(load_plan(str(file)), path=None) == load_plan(ONE)


def test_any_mapping_and_any_sequence_will_do() -> None:
    class Word(str):
        __slots__ = ()

    plan = load_plan(
        MappingProxyType(
            {
                "version": 1,
                "profiles": OrderedDict({Word("a"): {"provider": Word("openai"), "models": ("gpt-*", Word("o1"))}}),
            }
        )
    )
    assert plan.profiles[0].models.patterns == ("gpt-*", "o1")
    assert type(plan.profiles[0].id) is str


@pytest.mark.parametrize(
    ("provider", "names"),
    [
        ("anthropic", ["ANTHROPIC_API_KEY"]),
        ("openai", ["OPENAI_API_KEY"]),
        ("google", ["GEMINI_API_KEY", "GOOGLE_API_KEY"]),
        ("github", ["GITHUB_TOKEN", "GH_TOKEN"]),
        ("grok", ["XAI_API_KEY", "GROK_API_KEY"]),
        ("openrouter", ["OPENROUTER_API_KEY"]),
        ("groq", ["GROQ_API_KEY"]),
        ("mistral", ["MISTRAL_API_KEY"]),
        ("deepseek", ["DEEPSEEK_API_KEY"]),
    ],
)
def test_without_a_key_the_providers_usual_variables_are_used(provider: str, names: list[str]) -> None:
    assert profile(provider=provider).credential == tuple(SecretRef("env", (name,)) for name in names)


def test_protocols_whose_servers_need_no_key_have_no_credential() -> None:
    assert profile(provider="ollama").credential is None
    providers = {"lab": {"protocol": "generic", "base_url": "http://127.0.0.1:1/"}}
    plan = load_plan({"version": 1, "providers": providers, "profiles": {"a": {"provider": "lab"}}})
    assert plan.profiles[0].credential is None


def test_a_provider_that_is_not_built_in_has_a_variable_of_its_own_never_that_of_its_protocol() -> None:
    """Otherwise a key for one company would be sent to another."""
    providers = {"acme-eu.2": {"protocol": "openai"}, "9lives": {"protocol": "anthropic"}}
    profiles = {"a": {"provider": "acme-eu.2"}, "b": {"provider": "9lives"}}
    plan = load_plan({"version": 1, "providers": providers, "profiles": profiles})
    assert [p.credential for p in plan.profiles] == [
        (SecretRef("env", ("ACME_EU_2_API_KEY",)),),
        (SecretRef("env", ("_9LIVES_API_KEY",)),),
    ]


@pytest.mark.parametrize(
    ("written", "scheme", "args"),
    [
        ("env:MY_KEY_2", "env", ("MY_KEY_2",)),
        ("file:/run/secrets/a b", "file", ("/run/secrets/a b",)),
        ("file:~/keys/openai", "file", ("~/keys/openai",)),
        ("keyring:openai/me@example.com", "keyring", ("openai", "me@example.com")),
        ("keyring:https://login.example/x/me", "keyring", ("https://login.example/x", "me")),
        ('command:["gh","auth","token"]', "command", ("gh", "auth", "token")),
        ('command: ["gh"]', "command", ("gh",)),
    ],
)
def test_references_are_taken_apart_and_never_opened(written: str, scheme: str, args: tuple[str, ...]) -> None:
    assert profile(api_key=written).credential == (SecretRef(scheme, args),)


def test_models_left_out_are_the_built_in_providers_own_else_all() -> None:
    openai = profile().models
    assert openai.serves("gpt-4o")
    assert not openai.serves("claude-sonnet-4")
    providers = {"acme": {"protocol": "openai"}}
    plan = load_plan({"version": 1, "providers": providers, "profiles": {"a": {"provider": "acme"}}})
    assert plan.profiles[0].models.patterns == ("*",)


def test_an_entry_with_a_built_in_providers_name_changes_it_key_by_key() -> None:
    providers = {
        "google": {"base_url": "https://eu.google.example", "oauth": {"client_id": "mine", "scopes": ["openid"]}},
    }
    plan = load_plan({"version": 1, "providers": providers, "profiles": {"a": {"provider": "google"}}})
    known, changed = builtin_providers()["google"], plan.providers["google"]
    assert known.oauth is not None
    assert changed == dataclasses.replace(
        known,
        base_url="https://eu.google.example",
        oauth=dataclasses.replace(known.oauth, client_id="mine", scopes=("openid",)),
    )
    assert plan.profiles[0].base_url == "https://eu.google.example"


def test_the_built_in_providers_are_those_of_the_format_and_ship_no_client_id() -> None:
    providers = builtin_providers()
    assert list(providers) == [
        *("anthropic", "openai", "google", "github", "grok", "ollama"),
        *("openrouter", "groq", "mistral", "deepseek"),
    ]
    for name, provider in providers.items():
        assert (provider.id, provider.builtin) == (name, True)
        assert provider.base_url is not None
        assert provider.base_url.startswith("https://") or name == "ollama"
        assert provider.oauth is None or (provider.oauth.client_id, provider.oauth.client_secret) == (None, None)


def test_every_kind_of_outcome_can_be_named_in_a_rule() -> None:
    rules = [{"kind": kind, "status": 418} for kind in KINDS]
    assert [rule.kind for rule in load_plan({**ONE, "classify": rules}).rules] == list(KINDS)


def test_policies_are_merged_key_by_key_defaults_file_provider_profile() -> None:
    plan = load_plan(HERE / "valid" / "policy-at-three-levels.yaml")
    breaker = plan.profiles[0].policy.breaker
    assert (breaker.failure_threshold, breaker.open_for) == (5, 10.0)  # the file's, the provider's
    assert (breaker.scope, breaker.mode) == ("provider", "observe")  # the profile's
    assert breaker.failure_decay == DEFAULT_POLICY.breaker.failure_decay
    assert plan.policy.breaker == dataclasses.replace(DEFAULT_POLICY.breaker, failure_threshold=5)


def test_the_later_layer_wins_where_both_give_a_key() -> None:
    plan = load_plan(
        {
            "version": 1,
            "policy": {"retry": {"attempts": 2, "backoff": {"initial": 1, "cap": 2}}},
            "providers": {"openai": {"policy": {"retry": {"attempts": 3, "backoff": {"cap": 3}}}}},
            "profiles": {
                "a": {"provider": "openai", "policy": {"retry": {"attempts": 4}}},
                "b": {"provider": "openai"},
                "c": {"provider": "anthropic"},
            },
        }
    )
    a, b, c = (p.policy.retry for p in plan.profiles)
    assert (a.attempts, b.attempts, c.attempts) == (4, 3, 2)
    assert [(r.backoff.base, r.backoff.cap) for r in (a, b, c)] == [(1.0, 3.0), (1.0, 3.0), (1.0, 2.0)]
    assert a.backoff.factor == DEFAULT_POLICY.retry.backoff.factor
    assert plan.profiles[2].policy is plan.policy  # no layer, no copy


def test_a_preset_is_what_the_ladders_start_from_whichever_layer_overrides_them() -> None:
    plan = load_plan(HERE / "valid" / "presets.yaml")
    a, b, c = (p.policy.cooldown for p in plan.profiles)
    assert a == CLASSIC
    assert b == ADAPTIVE
    assert c == dataclasses.replace(CLASSIC, billing=dataclasses.replace(CLASSIC.billing, base=3600.0))
    late = (
        load_plan(
            {
                "version": 1,
                "policy": {"cooldown": {"auth": {"cap": "2h"}, "retry_after_cap": "1m"}},
                "profiles": {"a": {"provider": "openai", "policy": {"cooldown": {"preset": "classic"}}}},
            }
        )
        .profiles[0]
        .policy.cooldown
    )
    assert late == dataclasses.replace(
        CLASSIC, auth=dataclasses.replace(CLASSIC.auth, cap=7200.0), retry_after_cap=60.0
    )


def test_the_repositorys_own_example_is_valid() -> None:
    plan = load_plan(ROOT / "profiles.yaml")
    assert plan.policy == DEFAULT_POLICY  # it says that it writes the defaults out


@pytest.mark.parametrize(
    ("source", "problems"),
    [
        ({}, [("CBA217", ""), ("CBA202", "profiles")]),
        ({"version": 1, "profiles": {}}, [("CBA215", "profiles")]),
        ({"version": True, "profiles": {"a": {"provider": "openai"}}}, [("CBA204", "version")]),
        ({**ONE, "polcy": {}}, [("CBA201", "polcy")]),
        ({**ONE, "policy": None}, [("CBA203", "policy")]),
        ({**ONE, "routes": {"a.b": []}}, [("CBA216", 'routes["a.b"]')]),
        ({**ONE, 3: 4}, [("CBA119", "")]),
        ({**ONE, "policy": {"breaker": {"open_for": object()}}}, [("CBA203", "policy.breaker.open_for")]),
        ({**ONE, "routes": {"s": {"gpt-4o"}}}, [("CBA203", "routes.s")]),
        ({**ONE, "policy": {"retry": {"attempts": 10**400}}}, [("CBA205", "policy.retry.attempts")]),
        ({**ONE, "policy": {"retry": {"max_wait": 10**400}}}, [("CBA207", "policy.retry.max_wait")]),
        ({**ONE, "x-note": "sk-" + "a" * 40}, [("CBA301", "x-note")]),
    ],
)
def test_a_mappings_problems_have_key_paths(source: Any, problems: list[tuple[str, str]]) -> None:
    assert sorted(keys_of(source)) == sorted(problems)


def test_a_mappings_problems_have_no_place_in_a_text() -> None:
    with pytest.raises(ConfigError) as raised:
        load_plan({"version": 1, "profiles": {"a": {"provider": "opnai"}}})
    (problem,) = raised.value.diagnostics
    assert (problem.path, problem.line, problem.column, problem.end_line, problem.end_column) == (None,) * 5
    assert raised.value.path is None
    assert "profiles.a.provider: error CBA210" in str(raised.value)


def test_a_mapping_that_contains_itself_or_goes_on_forever_is_refused() -> None:
    loop: dict[str, Any] = {"version": 1}
    loop["profiles"] = loop
    assert keys_of(loop) == [("CBA114", "")]
    wide: list[Any] = []
    for _ in range(30):
        wide = [wide, wide]
    assert keys_of({"x-wide": wide}) == [("CBA114", "")]


@pytest.mark.parametrize("source", [None, 3, b"profiles.yaml", ["a"]])
def test_anything_else_is_refused_with_a_sentence(source: Any) -> None:
    with pytest.raises(ConfigError, match=r"give the path of a profiles.yaml, or a mapping"):
        load_plan(source)


def test_two_problems_are_counted_in_the_first_line_and_sorted_by_place(tmp_path: Path) -> None:
    file = tmp_path / "profiles.yaml"
    file.write_text("version: 1\nprofiles:\n  a: {provider: nobody, weight: -1}\n  b: {provider: nobody}\n")
    with pytest.raises(ConfigError) as raised:
        load_plan(file)
    assert str(raised.value).splitlines()[0] == f"{file} cannot be used: 3 problems"
    assert [(d.line, d.column) for d in raised.value.diagnostics] == [(3, 17), (3, 33), (4, 17)]


MISTAKES = {
    "CBA201": "  p@: {provider: openai, wieght: 1}\n",
    "CBA203": "  p@: {provider: openai, models: [1.@]}\n",
    "CBA205": "  p@: {provider: openai, weight: -1}\n",
    "CBA210": "  p@: {provider: nobody}\n",
    "CBA301": "  p@: {provider: openai, api_key: the-key-@}\n",
    "CBA110": "  p@: {provider: openai} # \u202e\n",
    "CBA111": "  a: {provider: openai}\n",
    "CBA121": "  p@: {provider: openai, enabled: on}\n",
}


@pytest.mark.parametrize("count", [500, 5000])
@pytest.mark.parametrize("code", MISTAKES)
def test_every_problem_of_a_file_is_carried_at_once(code: str, count: int, tmp_path: Path) -> None:
    file = tmp_path / "profiles.yaml"
    lines = "".join(MISTAKES[code].replace("@", str(number)) for number in range(count))
    file.write_text(f"version: 1\nprofiles:\n  a: {{provider: openai}}\n{lines}", "utf-8")
    with pytest.raises(ConfigError) as raised:
        load_plan(file)
    told = [(problem.code, problem.line) for problem in raised.value.diagnostics]
    assert told == [(code, line) for line in range(4, count + 4)]


def test_every_problem_of_a_mapping_is_carried_at_once() -> None:
    wrong = {f"p{number}": {"provider": "nobody"} for number in range(5000)}
    assert len(keys_of({"version": 1, "profiles": wrong})) == 5000


def test_as_text_a_hundred_are_told_with_the_errors_first_and_the_rest_is_counted(tmp_path: Path) -> None:
    file = tmp_path / "profiles.yaml"
    warned = "".join(f"  w{i}: {{provider: ollama, base_url: 'http://gpu{i}.example'}}\n" for i in range(300))
    file.write_text(f"version: 1\nprofiles:\n{warned}  b: {{provider: nobody}}\n")
    with pytest.raises(ConfigError) as raised:
        load_plan(file)
    head, *told, error, rest = str(raised.value).splitlines()
    assert head == f"{file} cannot be used: 1 problem"
    assert [" warning CBA303 " in line for line in told] == [True] * 99
    assert " error CBA210 " in error
    assert rest == "  ... and 201 more"


def test_of_a_file_of_mistakes_alone_ten_thousand_are_carried() -> None:
    wrong = {f"p{number}": {"provider": "nobody"} for number in range(12_000)}
    with pytest.raises(ConfigError, match="cannot be used: at least 10000 problems") as raised:
        load_plan({"version": 1, "profiles": wrong})
    assert len(raised.value.diagnostics) == 10_000
