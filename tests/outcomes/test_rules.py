"""``Outcome`` and ``Rule``: values that nothing can follow are refused, with words that help."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from math import inf, nan
from typing import Any

import pytest

import cbauth.outcomes
from cbauth import ConfigError, Outcome, classify
from cbauth.outcomes import KINDS, Rule

WAITS: list[Any] = [nan, inf, -inf, -1, True, "7", 1j, []]


class TestOutcome:
    def test_there_are_eleven_kinds(self) -> None:
        assert len(KINDS) == len(set(KINDS)) == 11
        assert [Outcome(kind).kind for kind in KINDS] == list(KINDS)

    def test_its_facts_stand_in_the_order_of_the_specification(self) -> None:
        outcome = Outcome("rate_limit", 7, "model", "Slow down.", 429)
        assert (outcome.kind, outcome.retry_after, outcome.scope) == ("rate_limit", 7, "model")
        assert (outcome.message, outcome.status) == ("Slow down.", 429)

    def test_it_never_changes(self) -> None:
        outcome: Any = Outcome("auth")
        with pytest.raises(FrozenInstanceError):
            outcome.kind = "server"

    def test_a_kind_that_is_mistyped_gets_a_suggestion(self) -> None:
        with pytest.raises(
            ConfigError, match=r"'rate_limt': did you mean 'rate_limit'\? allowed are rate_limit, billing"
        ):
            Outcome("rate_limt")

    @pytest.mark.parametrize(
        "facts",
        [
            *[{"kind": kind} for kind in (None, 5, ["auth"], "", "x" * 10_000)],
            *[{"kind": "auth", "retry_after": wait} for wait in WAITS],
            *[{"kind": "auth", "scope": scope} for scope in ("", "key", 5, True)],
            *[{"kind": "auth", "message": message} for message in (None, b"no", 5)],
            *[{"kind": "auth", "status": status} for status in ("429", 4.5, True)],
        ],
        ids=repr,
    )
    def test_facts_that_nothing_can_follow_are_refused(self, facts: dict[str, Any]) -> None:
        with pytest.raises(ConfigError) as caught:
            Outcome(**facts)
        assert len(str(caught.value)) < 400


class TestRule:
    def test_a_mapping_spells_one(self) -> None:
        entry = {"provider": "acme", "status": 403, "match": "no credit", "kind": "billing", "x-why": "seen in June"}
        rule = Rule.of(entry)
        assert rule == Rule(kind="billing", provider="acme", status=403, match="no credit")
        assert Rule.of(rule) is rule

    def test_what_it_leaves_out_matches_everything(self) -> None:
        assert Rule(kind="auth").applies(None, "")
        assert Rule(kind="auth").applies(500, "anything")
        assert Rule(kind="auth", status=403).applies(403, "anything")
        assert not Rule(kind="auth", status=403).applies(None, "anything")

    @pytest.mark.parametrize(
        ("match", "text"),
        [
            ("Key Limit", "the key limit is reached"),
            ("costs $5 (now)", "it costs $5 (now)."),
            ("credit (0 left", "CREDIT (0 LEFT"),
            ("quota .* exceeded", "Quota of today exceeded"),
            ("^busy$", "Busy"),
            ("STRASSE", "straße"),
        ],
    )
    def test_a_match_is_found_as_it_stands_or_as_a_regular_expression_in_any_case(self, match: str, text: str) -> None:
        assert Rule(kind="auth", match=match).applies(200, text)
        assert not Rule(kind="auth", match=match).applies(200, "nothing of the sort")

    def test_only_the_first_8192_characters_are_searched(self) -> None:
        rule = Rule(kind="auth", match="needle")
        assert rule.applies(None, "x" * (8192 - 6) + "needle")
        assert not rule.applies(None, "x" * 8190 + "needle")

    def test_text_is_looked_for_in_the_whole_body_not_only_in_its_message(self) -> None:
        rules = [Rule(kind="billing", match='"tier": "free"')]
        body = {"error": {"message": "No.", "tier": "free"}}
        assert classify((403, {}, body), rules=rules).kind == "billing"
        assert classify((403, {}, '{"error": {"message": "No.", "tier": "free"}}'), rules=rules).kind == "billing"
        assert classify((403, {}, {**body, "pad": object(), "more": "x" * 9000}), rules=rules).kind == "billing"

    def test_the_first_one_that_applies_decides(self) -> None:
        rules = [Rule(kind="billing", status=402), Rule(kind="server", status=403), Rule(kind="auth", status=403)]
        assert classify((403, {}, ""), rules=rules).kind == "server"
        assert classify((403, {}, ""), rules=iter(rules)).kind == "server"

    @pytest.mark.parametrize(
        ("entry", "words"),
        [
            ({"status": 403}, "needs a kind"),
            ({"kind": "biling"}, "did you mean 'billing'"),
            ({"kind": "billing", "mach": "x"}, "did you mean 'match'"),
            ({"kind": "billing", 5: "x"}, "'5'"),
            ({"kind": "billing", "provider": 5}, "a name"),
            ({"kind": "billing", "status": "403"}, "from 100 to 599"),
            ({"kind": "billing", "status": 99}, "from 100 to 599"),
            ({"kind": "billing", "status": True}, "from 100 to 599"),
            ({"kind": "billing", "match": 5}, "text to look for"),
            ({"kind": "billing", "match": "  "}, "text to look for"),
            ("billing", "a mapping"),
            (None, "a mapping"),
        ],
    )
    def test_one_that_could_never_match_is_refused(self, entry: Any, words: str) -> None:
        with pytest.raises(ConfigError, match=words):
            Rule.of(entry)
        with pytest.raises(ConfigError, match=words):
            classify((403, {}, ""), rules=[entry])


@pytest.mark.parametrize("rules", ["auth", None, 5])
def test_rules_come_in_a_list(rules: Any) -> None:
    with pytest.raises(ConfigError, match="have to be a list"):
        classify((403, {}, ""), rules=rules)


def test_the_room_lists_its_names_and_no_others() -> None:
    assert set(cbauth.outcomes.__all__) <= set(dir(cbauth.outcomes))
    assert cbauth.outcomes.classify is classify
    with pytest.raises(AttributeError, match="clasify"):
        cbauth.outcomes.__getattr__("clasify")
