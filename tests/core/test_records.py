"""Records as they are stored: JSON there and back, and the names they go by."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cbauth.core.breaker import CLOSED, BreakerPolicy, admit, fail, trip
from cbauth.core.cooldown import ADAPTIVE
from cbauth.core.encoding import decode, encode
from cbauth.core.health import BLANK, Binding, Failure, Health, digest, failed

NOW = 1_700_000_000.0
HOUR = 3600.0
BREAKER = BreakerPolicy()


class TestStorage:
    """Law 6: JSON there and back, and nothing but three exceptions for damage."""

    def rich(self) -> Health:
        """A record with something in every corner."""
        counted = fail(CLOSED, BREAKER, NOW)
        busy = admit(trip(counted, BREAKER, NOW), BREAKER, NOW + 60, "trial")
        assert busy is not None
        health = Health(breaker=busy._replace(failures=counted.failures))
        for kind, model, message in (("billing", None, '"quoted" \udcff'), ("rate_limit", "m", "ü")):
            failure = Failure(kind=kind, now=NOW + 60, model=model, message=message)
            health = failed(health, failure, BREAKER, ADAPTIVE)
        return health

    def test_records_survive_json(self) -> None:
        for record in (BLANK, self.rich(), Binding("main", NOW + HOUR)):
            assert decode(json.loads(encode(record))) == record

    def test_decoded_records_are_made_of_the_same_types(self) -> None:
        record = decode(json.loads(encode(self.rich())))
        assert isinstance(record, Health)
        assert repr(record) == repr(self.rich())
        assert isinstance(decode(json.loads(encode(Binding("main", NOW)))), Binding)

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            ("last_at", "soon"),
            ("last_at", "17"),
            ("last_at", True),
            ("last_at", float("nan")),
            ("last_at", float("inf")),
            ("last_at", 10**400),
            ("last_error", 5),
            ("last_kind", {}),
            ("cooldowns", None),
            ("cooldowns", [None]),
            ("cooldowns", [{}]),
            ("breaker", None),
            ("breaker", []),
            ("breaker", {}),
        ],
    )
    def test_damage_is_a_key_type_or_value_error(self, path: str, value: object) -> None:
        with pytest.raises((KeyError, TypeError, ValueError)):
            decode({**json.loads(encode(self.rich())), path: value})

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            ("generation", float("inf")),
            ("generation", None),
            ("until", -float("inf")),
            ("since", []),
            ("failures", [[NOW]]),
            ("failures", [[NOW, float("nan")]]),
            ("failures", 7),
            ("permits", [[None, NOW]]),
            ("permits", [["a", 1e300]]),
        ],
    )
    def test_damage_in_the_breaker_is_a_key_type_or_value_error(self, path: str, value: object) -> None:
        data = json.loads(encode(self.rich()))
        with pytest.raises((KeyError, TypeError, ValueError)):
            decode({**data, "breaker": {**data["breaker"], path: value}})

    @pytest.mark.parametrize("data", [{"profile": 7, "until": NOW}, {"profile": "a"}, {"profile": "a", "until": "b"}])
    def test_a_damaged_binding_is_a_key_type_or_value_error(self, data: dict[str, Any]) -> None:
        with pytest.raises((KeyError, TypeError, ValueError)):
            decode(data)


class TestDigest:
    """Names for records."""

    def test_same_words_same_name(self) -> None:
        assert digest("a", "b", None) == digest("a", "b", None)

    def test_words_do_not_run_together(self) -> None:
        assert len({digest("ab", "c"), digest("a", "bc"), digest("abc"), digest("c", "ab")}) == 4

    def test_it_is_short_and_plain_whatever_the_words(self) -> None:
        name = digest("\udcff", "ü" * 10_000)
        assert len(name) == 24
        assert name.isalnum()
