"""Text becomes a tree that knows its places; hostile input stops there."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest

from cbauth.config import check
from cbauth.config.diagnostics import MOST
from cbauth.config.document import parse
from cbauth.config.document.nodes import find


def data(text: str) -> Any:
    document = parse(text)
    assert document.problems == []
    return document.data


def codes(source: str | bytes) -> list[str]:
    return [problem.code for problem in parse(source).problems]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("~", None),
        ("null", None),
        ("true", True),
        ("False", False),
        ("12", 12),
        ("-7", -7),
        ("0o17", 15),
        ("0x1F", 31),
        ("010", 10),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("yes", "yes"),
        ("off", "off"),
        ("1:30", "1:30"),
        ("2024-02-30", "2024-02-30"),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("1" + "x" * 100, "1" + "x" * 100),
        ("&anchor 12", 12),
    ],
)
def test_scalars_mean_what_the_core_schema_of_yaml_1_2_says(written: str, meant: object) -> None:
    value = data(f"a: {written}\n")["a"]
    assert value == meant
    assert type(value) is type(meant)


def test_not_a_number_is_a_number() -> None:
    assert math.isnan(data("a: .nan")["a"])


def test_places_count_characters_from_one_whatever_their_width() -> None:
    document = parse('é😀: [x, "ü", {k: 12}]\r\nb: y\n')
    assert document.root is not None
    key, value = find(document.root, ("é😀", 2, "k"))
    assert key is not None
    assert document.lines.span(key.start, key.end) == (1, 15, 1, 16)
    assert document.lines.span(value.start, value.end) == (1, 18, 1, 20)
    assert document.span(("b",), at_key=True) == (2, 1, 2, 2)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_at_lf_crlf_or_cr_only(end: str) -> None:
    document = parse(f"a: 1{end}b: 2{end}")
    assert document.span(("b",)) == (2, 4, 2, 5)
    assert len(document.lines) == 3


def test_a_path_that_does_not_exist_is_placed_at_what_would_hold_it() -> None:
    document = parse("a:\n  b: {c: 1}\n")
    assert document.span(("a", "b", "missing"), at_key=True) == (2, 3, 2, 4)
    assert document.span(("missing",)) == (1, 1, 1, 1)


def test_a_value_that_is_left_out_is_placed_after_its_colon() -> None:
    document = parse("a: # a comment\nb: 1\n? c\n: d\n")
    assert document.span(("a",)) == (1, 3, 1, 3)
    assert document.data == {"a": None, "b": 1, "c": "d"}


def test_a_block_text_ends_where_its_last_character_is() -> None:
    document = parse("a: |\n  one\n  two\n\n\nb: 1\n")
    assert document.data["a"] == "one\ntwo\n"
    assert document.span(("a",)) == (1, 4, 3, 6)


def test_a_byte_order_mark_does_not_count() -> None:
    document = parse(b"\xef\xbb\xbfa: 1")
    assert document.data == {"a": 1}
    assert document.span(("a",)) == (1, 4, 1, 5)
    assert parse("\ufeffa: 1").data == {"a": 1}


def test_explicit_keys_win_over_merged_ones_and_earlier_merges_over_later() -> None:
    text = "x: &x {a: 1, b: 1, c: 1}\ny: &y {b: 2, d: 2}\nz:\n  c: 3\n  <<: [*y, *x]\n"
    assert data(text)["z"] == {"c": 3, "b": 2, "d": 2, "a": 1}


def test_a_quoted_merge_key_is_a_key() -> None:
    assert data('"<<": 1') == {"<<": 1}


def test_an_alias_stands_for_the_latest_anchor_of_its_name() -> None:
    assert data("a: &n 1\nb: *n\nc: &n 2\nd: *n\ne: &n [&n 3, *n]\nf: *n\n") == {
        "a": 1,
        "b": 1,
        "c": 2,
        "d": 2,
        "e": [3, 3],
        "f": 3,
    }


def test_both_lines_of_a_duplicate_key_are_named_and_neither_value() -> None:
    (problem,) = parse("a:\n  k: CANARY1\n  k: CANARY2\n").problems
    assert problem.code == "CBA111"
    assert "line 2" in problem.message
    assert "line 3" in problem.message
    assert (problem.line, problem.related[0].line) == (3, 2)
    assert "CANARY" not in repr(problem)


def test_a_duplicate_key_where_a_secret_belongs_is_not_named() -> None:
    (problem,) = parse("profiles:\n  a:\n    api_key: {CANARY: 1, CANARY: 2}\n").problems
    assert problem.code == "CBA111"
    assert "CANARY" not in repr(problem)


def test_everything_wrong_is_found_in_one_go() -> None:
    text = "a: !x 1\na: 2\nb: {<<: 3, 4: 5}\nc: \x07\nd: " + "9" * 5000 + "\n---\n"
    assert codes(text) == ["CBA110", "CBA112", "CBA111", "CBA117", "CBA119", "CBA118", "CBA113"]


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("[" * 65, "CBA114"),
        ("- " * 65 + "x", "CBA114"),
        ("a: &a [*a]", "CBA116"),
        ("a: *b", "CBA108"),
        ("a: !!python/name:os.system x", "CBA112"),
        ("!!set {a}", "CBA112"),
        ("a: !!int x", "CBA112"),
        ("a: !!str 12", "CBA112"),
        ("a: !!int 12", "CBA112"),
        ("a: !!float 1", "CBA112"),
        ("a: !!null ''", "CBA112"),
        ("a: ! 12", "CBA112"),
        ("a: &anchor ! 12", "CBA112"),
        ("a: ! 'x'", "CBA112"),
        ("a: ! [1]", "CBA112"),
        ("a: &anchor ! {b: 1}", "CBA112"),
        ("a: !!map {b: 1}", "CBA112"),
        ("a: !!seq [1]", "CBA112"),
        ("a: !!int " + "9" * 65, "CBA112"),
        ("a: !<tag:example.com,2000:x> y", "CBA112"),
        ('a: "\\ud800"', "CBA110"),
        ('a: "\\0"', "CBA110"),
        ('a: "\\UFFFFFFFF"', "CBA104"),
        ("a: \x00", "CBA110"),
        ("a: \u0085b", "CBA110"),
        ("a: \u2028b", "CBA110"),
        ("a: \ud800", "CBA110"),
        ("a: 0x" + "f" * 5000, "CBA118"),
        ("a: 1." + "0" * 5000, "CBA118"),
        ("%YAML 9.9\n---\na: 1", "CBA104"),
        ("a: |9x\n b", "CBA104"),
        ("a: &", "CBA104"),
        ("a: !z!y x", "CBA104"),
        ("a: ]", "CBA104"),
        ("- a\nb: 1", "CBA104"),
        ("a: -\n b", "CBA104"),
        ("x" * (1024 * 1024 + 1), "CBA103"),
        (b"x" * (1024 * 1024 + 1), "CBA103"),
        (b"\xff\xfea\x00", "CBA102"),
        (b"a: \xc3\x28", "CBA102"),
    ],
)
def test_hostile_or_broken_text_is_one_diagnostic(source: str | bytes, code: str) -> None:
    assert codes(source) == [code]


def bomb() -> str:
    levels = [f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 10)}]\n" for i in range(12)]
    return "a: &a [x, x]\n" + "".join(levels)


def merge_bomb() -> str:
    keys = ", ".join(f"k{i}: 1" for i in range(2000))
    return f"a: &a {{{keys}}}\nb:\n  <<: [{', '.join(['*a'] * 20000)}]\n"


def repeated_merges() -> str:
    keys = ", ".join(f"k{i}: 1" for i in range(1000))
    return f"a: &a {{{keys}}}\n" + "".join(f"m{i}: {{<<: *a}}\n" for i in range(20000))


@pytest.mark.parametrize("text", [bomb(), merge_bomb(), repeated_merges()], ids=["aliases", "one merge", "merges"])
def test_what_expands_without_measure_is_refused_before_it_expands(text: str) -> None:
    started = time.process_time()
    assert codes(text) == ["CBA115"]
    assert time.process_time() - started < 5  # expanded it would take hours; the bound is far from any noise


@pytest.mark.parametrize(
    "text",
    [
        "a" + " " * 1_000_000 + ":",
        "a: " * 300_000,
        'a: "x\n' * 150_000,
        'a: [{x: "' + '\n {"' * 100_000,
        "\x00\n" * 500_000,
        "? " * 500_000,
        "a: 1\n" * 200_000,
        ("p:\n" + "  - a: b\n" * 100_000 + "\n]")[-1_000_000:],
    ],
    ids=["blanks", "colons", "quotes", "brackets", "nuls", "question marks", "duplicates", "late error"],
)
def test_a_megabyte_of_nonsense_takes_seconds_at_most(text: str) -> None:
    started = time.process_time()
    assert parse(text).problems
    assert time.process_time() - started < 20  # quadratic work would take minutes


def test_no_more_problems_are_kept_than_anybody_could_mend() -> None:
    assert codes("a: 1\n" * 100_000) == ["CBA111"] * MOST
    assert codes("\x00\n" * 100_000) == ["CBA110"] * MOST


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('a: "x\nb: "y"\n', (1, 4)),
        ("a: 'it''s\nb: 'y'\n", (1, 4)),
        ('a: {k: "x\nb: 1\n', (1, 8)),
        ("a: [1, # ]\nb: 2\n", (1, 4)),
        ('a: ["]"\nb: 2\n', (1, 4)),
        ("a:\n  - [x, [y]\n  - z\n", (2, 5)),
        ('a:\r\n  b: "c\r\n  d: e\r\n', (2, 6)),
        ("{", (1, 1)),
        ("a: {b: [1}", (1, 8)),
        ('a: |\n  "\nb: "c\nd: e\n', (3, 4)),
        ("a: it's\nb: 'c\nd: e\n", (2, 4)),
        ('"k: 1\nb: 2', (1, 1)),
        ("a: [1, # never ends", (1, 4)),
    ],
)
def test_an_unclosed_quote_or_bracket_is_reported_where_it_opens(text: str, place: tuple[int, int]) -> None:
    (problem,) = parse(text).problems
    assert problem.code in ("CBA105", "CBA106")
    assert (problem.line, problem.column) == place


def test_brackets_and_quotes_that_are_closed_are_not_blamed_for_another_mistake() -> None:
    text = 'a: "one\n  two"\nb: [1,\n  2\n]\nc: [\n  "x",\n  "y"\n  "z"\n]\n'
    (problem,) = parse(text).problems
    assert (problem.code, problem.line, problem.column) == ("CBA104", 9, 3)


@pytest.mark.parametrize(
    ("line", "column", "help_text"),
    [
        ("a: {provider: openai}}", 22, "take it away: it is one too many"),
        ("a: [x]]", 7, "take it away: it is one too many"),
        ("a: [*]", 5, 'put the star in quotes where it is meant: `"*"`'),
        ("a: *", 4, 'put the star in quotes where it is meant: `"*"`'),
    ],
)
def test_a_slip_of_one_character_is_named(line: str, column: int, help_text: str) -> None:
    [problem] = parse(f"version: 1\n{line}\n").problems
    assert (problem.code, problem.line, problem.column, problem.help) == ("CBA104", 2, column, help_text)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("version 1\nprofiles:\n  a: 1\n", (1, 1)),
        ("version 1\r\n\r\n# more\r\nprofiles: {}\r\n", (1, 1)),
        ("a:\n  b 1 # c: d\n  c: 1\n", (2, 3)),
        ("a:\n  b:1\n  c: 1\n", (2, 3)),
        ("some\nmore\nwords\na: 1\n", (1, 1)),
        ("a:\n  b 1\n\n  c: 1\n", (2, 3)),
        ("a: some\n  more\n  b: 1\n", (3, 4)),
        ("a: b\n  c: d\n", (2, 4)),
        ("- a\n  b: c\n", (2, 4)),
        ("a: b: c\n", (1, 5)),
        ('"a"\nb: 1\n', (2, 1)),
    ],
)
def test_a_line_without_a_colon_is_told_where_it_stands(text: str, place: tuple[int, int]) -> None:
    (problem,) = parse(text).problems
    assert (problem.code, problem.line, problem.column) == ("CBA104", *place)


@pytest.mark.parametrize("halves", ['"\\ud83d\\ude00"', '"a\\uD83D"', '"\\uDE00\\0"'])
def test_halves_of_a_character_are_refused_with_the_escape_that_yaml_has(halves: str) -> None:
    for text in (f"version: 1\nx-a: {halves}\n", f"version: 1\nx-a: {{b: 1}}\n{halves}: 1\n"):
        document = parse(text)
        (problem,) = document.problems
        assert problem.code == "CBA110"
        assert problem.help == "write the character itself, or one escape such as `\\U0001F600`"
        assert str(document.data).encode("utf-8"), "no half goes any further"
    assert parse('version: 1\nx-a: "\\U0001F600"\n').data["x-a"] == "\N{GRINNING FACE}"


def test_halves_of_characters_in_keys_hide_nothing_else_and_are_not_the_same() -> None:
    keys = '{"\\ud83d\\ude00": x,\n "\\ud83d\\ude01": y}'
    found = check(f"version: 1\nprofiles:\n  a: {{provider: nobody, wieght: 1}}\nx-a: {keys}\n")
    assert [(each.code, each.line) for each in found] == [("CBA210", 3), ("CBA201", 3), ("CBA110", 4), ("CBA110", 5)]


def test_a_tag_for_text_is_told_with_the_spelling_that_does_the_same() -> None:
    (problem,) = parse("enabled: !!str on\n").problems
    assert (problem.code, problem.help) == ("CBA112", "write the value without `!`; a text in quotes")
