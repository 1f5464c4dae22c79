"""Comments that silence warnings: which they reach, and what is said when they reach nothing."""

from __future__ import annotations

import pytest

from cbauth.config import check

HTTP = '{provider: ollama, base_url: "http://gpu.example"}'


def told(text: str) -> list[tuple[str, int | None, int | None]]:
    return [(found.code, found.line, found.column) for found in check(text)]


@pytest.mark.parametrize(
    "comment",
    [
        "# cbauth: ignore[CBA303] only over the VPN",
        "#cbauth:ignore[CBA303] only over the VPN",
        "#   cbauth:   ignore [ cba303 ] - only over the VPN",
        "# cbauth: IGNORE[CBA303]: only over the VPN",
        "# CBAUTH: ignore[CBA303] only over the VPN",
        "# see the ticket, Cbauth: ignore[CBA303] only over the VPN",
        "# noqa # cbauth: ignore[CBA303] only over the VPN",
        "# (cbauth:ignore[CBA303] only over the VPN)",
    ],
)
@pytest.mark.parametrize("above", [False, True])
def test_a_warning_is_silenced_on_the_line_or_from_the_line_above(comment: str, above: bool) -> None:
    lines = f"  {comment}\n  a: {HTTP}\n" if above else f"  a: {HTTP} {comment}\n"
    assert told(f"version: 1\nprofiles:\n{lines}") == []


def test_other_comments_may_stand_between_and_other_lines_may_not() -> None:
    head = "version: 1\nprofiles:\n  # cbauth: ignore[CBA303] the VPN\n"
    assert told(f"{head}  # more about it\n  a: {HTTP}\n") == []
    assert told(f"{head}\n  a: {HTTP}\n") == [("CBA131", 3, 20), ("CBA303", 5, 35)]
    assert told(f"{head}  b: {{provider: openai}}\n  a: {HTTP}\n") == [("CBA131", 3, 20), ("CBA303", 5, 35)]


def test_only_the_codes_that_are_named_are_silenced() -> None:
    text = f"profiles: {{a: {HTTP}}} # cbauth: ignore[CBA217] old\n"
    assert told(text) == [("CBA303", 1, 44)]
    assert told(text.replace("CBA217", "CBA217, CBA303")) == []
    assert told(text.replace("CBA217", "CBA217 CBA303")) == []


def test_what_silences_nothing_is_stale_also_when_it_is_said_twice() -> None:
    assert told(f"version: 1\nprofiles:\n  a: {HTTP} # cbauth: ignore[CBA303, CBA214, CBA303] x\n") == [
        ("CBA131", 3, 82),
        ("CBA131", 3, 90),
    ]


def test_a_stale_comment_is_told_of_a_file_with_errors_too() -> None:
    text = "version: 1\nprofiles:\n  a: {provider: nobody} # cbauth: ignore[CBA303] x\n"
    assert told(text) == [("CBA210", 3, 17), ("CBA131", 3, 42)]


def test_an_unknown_code_gets_a_suggestion() -> None:
    (found, warning) = check(f"version: 1\nprofiles:\n  a: {HTTP} # cbauth: ignore[CBA-303] x\n")[::-1]
    assert (found.code, found.severity, found.help) == ("CBA132", "warning", "did you mean `CBA303`?")
    assert warning.code == "CBA303"


@pytest.mark.parametrize(
    "comment",
    [
        "# cbauth: ignore",
        "# cbauth: ignore CBA303 x",
        "# CBAUTH: noqa",
        "# cbauth: ignore[] x",
        "# see the ticket, cbauth: ignore CBA303 x",
        "# see the ticket, cbauth: ignore[ x",
    ],
)
def test_a_comment_that_cannot_be_understood_is_told_and_silences_nothing(comment: str) -> None:
    assert [code for code, *_ in told(f"version: 1\nprofiles:\n  a: {HTTP} {comment}\n")] == ["CBA303", "CBA130"]


def test_without_a_reason_it_works_but_asks_for_one() -> None:
    assert told(f"version: 1\nprofiles:\n  a: {HTTP} # cbauth: ignore[CBA303]\n") == [("CBA133", 3, 57)]


@pytest.mark.parametrize("code", ["CBA130", "CBA131", "CBA133", "CBA134"])
def test_what_is_said_of_comments_cannot_be_silenced(code: str) -> None:
    found = check(f"version: 1\nprofiles:\n  a: {HTTP} # cbauth: ignore[CBA303, {code}]\n")
    assert [each.code for each in found] == ["CBA133", "CBA131"]


def test_an_error_stays_an_error() -> None:
    text = "version: 1\nprofiles:\n  a: {provider: nobody} # cbauth: ignore[CBA210] later\n"
    assert [(found.code, found.severity) for found in check(text)] == [("CBA210", "error"), ("CBA134", "warning")]


@pytest.mark.parametrize("value", ['"x # cbauth: ignore[CBA303] y"', "'# cbauth: ignore[CBA303] y'"])
def test_a_text_is_no_comment(value: str) -> None:
    (found,) = check(f"version: 1\nprofiles:\n  a: {HTTP[:-1]}, metadata: {{note: {value}}}}}\n")
    assert found.code == "CBA303"


def test_the_words_of_a_comment_are_never_repeated() -> None:
    text = f"version: 1\nprofiles:\n  a: {HTTP} # cbauth: ignore[CANARY] CANARY\n  b: {HTTP} # cbauth: CANARY\n"
    assert "CANARY" not in repr(check(text))


def test_bytes_are_read_like_text() -> None:
    assert check(f"version: 1\nprofiles:\n  a: {HTTP} # cbauth: ignore[CBA303] x\n".encode()) == []


@pytest.mark.parametrize(
    "comment", ["# read by cbauth: the lab", "# what cbauth: ignore means", "# mycbauth: ignore[X]"]
)
def test_who_only_speaks_of_cbauth_is_not_taken_at_their_word(comment: str) -> None:
    assert [code for code, *_ in told(f"version: 1\nprofiles:\n  a: {HTTP} {comment}\n")] == ["CBA303"]


def test_several_in_one_comment_are_all_heard() -> None:
    comment = "# cbauth: ignore[CBA303] the VPN; cbauth: ignore[CBA214]"
    assert told(f"version: 1\nprofiles:\n  a: {HTTP} {comment}\n") == [("CBA133", 3, 91), ("CBA131", 3, 106)]


def test_a_comment_after_a_text_that_looks_like_one_is_heard() -> None:
    text = f"{HTTP[:-1]}, metadata: {{note: \"x # y\", more: '# z'}}}}"
    assert told(f"version: 1\nprofiles:\n  a: {text} # cbauth: ignore[CBA303] the VPN\n") == []


@pytest.mark.parametrize("end", ["", "\n", "\n\n  \n"])
def test_a_stale_comment_at_the_end_names_no_line_that_does_not_exist(end: str) -> None:
    (found,) = check(f"version: 1\nprofiles:\n  a: {{provider: openai}}\n# cbauth: ignore[CBA303] gone{end}")
    assert (found.code, found.message) == ("CBA131", "there is no CBA303 after this comment that could be ignored")
