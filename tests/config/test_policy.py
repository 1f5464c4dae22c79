"""``compile_policy``: what managers are given becomes a policy."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from cbauth.config import compile_policy
from cbauth.core.cooldown import CLASSIC
from cbauth.errors import ConfigError
from cbauth.plan import DEFAULT_POLICY, Policy
from tests.config.corpus import HERE

EVERY_KEY: dict[str, Any] = {
    "rotation": {"strategy": "random", "sticky": False, "sticky_ttl": 1},
    "breaker": {
        "failure_threshold": 2,
        "failure_decay": 3,
        "open_for": 4.5,
        "half_open_permits": 5,
        "permit_timeout": "6s",
        "scope": "provider",
        "mode": "off",
    },
    "cooldown": {
        "preset": "classic",
        "rate_limit": {"base": 7, "factor": 8, "cap": 9, "jitter": 0.5, "scope": "model"},
        "retry_after_cap": "10m",
    },
    "retry": {"attempts": 11, "max_wait": 12, "backoff": {"initial": 13, "factor": 14, "cap": 15, "jitter": 1}},
}


def test_every_key_of_the_yaml_shape_arrives_where_it_belongs() -> None:
    policy = compile_policy(EVERY_KEY)
    assert policy.rotation == replace(DEFAULT_POLICY.rotation, strategy="random", sticky=False, sticky_ttl=1.0)
    assert policy.breaker == replace(
        DEFAULT_POLICY.breaker,
        failure_threshold=2,
        failure_decay=3.0,
        open_for=4.5,
        half_open_permits=5,
        permit_timeout=6.0,
        scope="provider",
        mode="off",
    )
    ladder = replace(CLASSIC.rate_limit, base=7.0, factor=8.0, cap=9.0, jitter=0.5, scope="model")
    assert policy.cooldown == replace(CLASSIC, rate_limit=ladder, retry_after_cap=600.0)
    backoff = replace(DEFAULT_POLICY.retry.backoff, base=13.0, factor=14.0, cap=15.0, jitter=1.0)
    assert policy.retry == replace(DEFAULT_POLICY.retry, attempts=11, max_wait=12.0, backoff=backoff)


def test_one_key_leaves_its_neighbours_as_they_are() -> None:
    retry = compile_policy({"retry": {"backoff": {"cap": 3}}}).retry
    assert retry == replace(DEFAULT_POLICY.retry, backoff=replace(DEFAULT_POLICY.retry.backoff, cap=3.0))


def test_nothing_is_the_default_and_a_policy_is_itself() -> None:
    mine = Policy(rotation=replace(DEFAULT_POLICY.rotation, sticky=False))
    assert compile_policy(None) is DEFAULT_POLICY
    assert compile_policy({}) == DEFAULT_POLICY
    assert compile_policy({"breaker": {}}) == DEFAULT_POLICY
    assert compile_policy(mine) is mine


def test_the_default_policy_needs_neither_pydantic_nor_yaml() -> None:
    program = (
        "import sys\nfrom cbauth.config import compile_policy\ncompile_policy(None)\n"
        "assert not {'pydantic', 'pydantic_core', 'ruamel', 'ruamel.yaml', 'platformdirs'} & set(sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ({"breakers": {}}, "breakers"),
        ({"breaker": {"open_for": "soon"}}, "breaker.open_for"),
        ({"breaker": None}, "breaker"),
        ({"cooldown": {"auth": {"base": True}}}, "cooldown.auth.base"),
        ({"cooldown": {"preset": "none"}}, "cooldown.preset"),
        ({"retry": {"attempts": 0}}, "retry.attempts"),
        ({"rotation": []}, "rotation"),
    ],
)
def test_a_mistake_is_told_with_its_key_path(written: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as raised:
        compile_policy(written)
    assert [diagnostic.key for diagnostic in raised.value.diagnostics] == [key]
    assert str(raised.value).startswith("the policy cannot be used: 1 problem\n")


@pytest.mark.parametrize("written", ["adaptive", 3, [("breaker", {})]])
def test_what_is_no_mapping_is_refused_with_a_sentence(written: Any) -> None:
    with pytest.raises(ConfigError, match="give a mapping or a compiled policy"):
        compile_policy(written)
