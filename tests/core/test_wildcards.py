"""Which profile serves which model, and which models a route stands for."""

from __future__ import annotations

import pytest

from cbauth.core.models import Models, expand, matches


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("gpt-4o", "gpt-4o", True),
        ("gpt-4o", "gpt-4o-mini", False),
        ("gpt-4o", "GPT-4o", False),
        ("gpt-*", "gpt-4o", True),
        ("gpt-*", "gpt-", True),
        ("gpt-*", "gpt", False),
        ("gpt-*", "my-gpt-4", False),
        ("*", "", True),
        ("*", "anything/at:all", True),
        ("*-mini", "gpt-4o-mini", True),
        ("*-mini", "gpt-4o-mini-2", False),
        ("claude-*-4*", "claude-sonnet-4", True),
        ("claude-*-4*", "claude-sonnet-4-20250514", True),
        ("claude-*-4*", "claude-4", False),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("*a*b*", "xxaxxbxx", True),
        ("*a*b*", "ba", False),
        ("ab*bc", "abc", False),
        ("a*bc*c", "abcc", True),
        ("a*bc*c", "abc", False),
        ("**", "x", True),
        ("a**b", "ab", True),
        ("", "", True),
        ("", "a", False),
        ("gpt-4.1", "gpt-4x1", False),
        ("gpt-?", "gpt-4", False),
        ("[gpt]", "g", False),
        ("gemini-2.5*", "gemini-2.5-pro", True),
        ("*\n*", "a\nb", True),
    ],
)
def test_only_the_star_is_special_and_it_stands_for_any_run(pattern: str, name: str, expected: bool) -> None:
    assert matches(pattern, name) is expected
    assert Models((pattern,)).serves(name) is expected


def test_a_list_serves_what_any_of_its_entries_does() -> None:
    models = Models(("gpt-4o", "o*", "*-latest", "claude-*-4"))
    served = ["gpt-4o", "o3", "mistral-latest", "claude-opus-4"]
    assert [models.serves(m) for m in served] == [True] * 4
    assert not models.serves("gpt-4")


def test_an_empty_list_serves_nothing() -> None:
    assert not Models(()).serves("gpt-4o")
    assert not Models(()).serves("")


def test_the_first_name_skips_wildcards() -> None:
    assert Models(("gpt-*", "gpt-4o", "o3")).first_name == "gpt-4o"
    assert Models(("*",)).first_name is None


def test_lists_are_values() -> None:
    one = Models(("a", "b*"))
    assert one == Models(("a", "b*"))
    assert hash(one) == hash(Models(("a", "b*")))
    assert one != Models(("b*", "a"))
    assert one != ("a", "b*")
    assert repr(one) == "Models(('a', 'b*'))"


class TestRoutes:
    """Law 4: what a route stands for."""

    def test_its_models_in_order_each_once(self) -> None:
        assert expand("smart", {"smart": ["b", "a", "b"]}) == ("b", "a")

    def test_a_route_inside_it_stands_in_its_place(self) -> None:
        routes = {"smart": ["a", "cheap", "d"], "cheap": ["b", "a", "c"]}
        assert expand("smart", routes) == ("a", "b", "c", "d")

    def test_a_route_that_names_itself_means_the_model_of_that_name(self) -> None:
        routes = {"gpt-4o": ["gpt-4o", "gpt-4.1"], "smart": ["gpt-4o", "x"]}
        assert expand("gpt-4o", routes) == ("gpt-4o", "gpt-4.1")
        assert expand("smart", routes) == ("gpt-4o", "gpt-4.1", "x")

    def test_cycles_end(self) -> None:
        routes = {"a": ["b", "m1"], "b": ["c", "m2"], "c": ["a", "b", "m3"]}
        assert expand("a", routes) == ("m3", "m2", "m1")
        assert expand("c", routes) == ("m2", "m1", "m3")

    def test_an_empty_route_stands_for_nothing(self) -> None:
        assert expand("none", {"none": []}) == ()

    def test_routes_that_cross_at_every_step_cost_no_more_than_their_entries(self) -> None:
        """A hundred levels of two routes that both name the next two: 2**100 ways, 200 entries."""
        routes = {f"{side}{n}": [f"l{n + 1}", f"r{n + 1}"] for n in range(100) for side in "lr"}
        assert expand("l0", routes) == ("l100", "r100")

    def test_a_chain_of_any_length_is_followed(self) -> None:
        routes = {f"r{n}": [f"r{n + 1}"] for n in range(50_000)}
        assert expand("r0", routes) == ("r50000",)
