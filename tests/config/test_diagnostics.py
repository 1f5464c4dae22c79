"""Diagnostics: how they read, how they sort, and how their key paths are written."""

from __future__ import annotations

import pytest

from cbauth.config.diagnostics import Diagnostic, counts, key_text


@pytest.mark.parametrize(
    ("diagnostic", "line"),
    [
        (
            Diagnostic(code="CBA203", message="wrong", path="p.yaml", line=4, column=7, key="a.b", help="mend it"),
            "p.yaml:4:7: error CBA203 wrong (mend it)",
        ),
        (Diagnostic(code="CBA203", message="wrong", line=4, column=7, key="a.b"), "4:7: error CBA203 wrong"),
        (Diagnostic(code="CBA203", message="wrong", key="a.b", severity="warning"), "a.b: warning CBA203 wrong"),
        (Diagnostic(code="CBA203", message="wrong"), "error CBA203 wrong"),
    ],
)
def test_a_diagnostic_is_one_line_with_whatever_place_it_has(diagnostic: Diagnostic, line: str) -> None:
    assert str(diagnostic) == line


def test_they_sort_by_file_then_place_then_code() -> None:
    places = [("a", 1, 1), ("a", 1, 2), ("a", 2, 1), ("a", 10, 1), ("b", 1, 1)]
    sorted_already = [Diagnostic(code="CBA201", message="", path=p, line=at, column=c) for p, at, c in places]
    sorted_already.append(Diagnostic(code="CBA202", message="", path="b", line=1, column=1))
    backwards = sorted_already[::-1]
    assert sorted(backwards) == sorted_already
    with pytest.raises(TypeError):
        assert sorted_already[0] < "a"


def test_errors_and_warnings_are_counted_apart() -> None:
    error = Diagnostic(code="CBA201", message="")
    warning = Diagnostic(code="CBA217", message="", severity="warning")
    assert counts([error, warning, error]) == (2, 1)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("profiles", "a-b", "models", 0), "profiles.a-b.models[0]"),
        (("profiles", "gpt-4.1", "weight"), 'profiles["gpt-4.1"].weight'),
        ((0, "a"), "[0].a"),
        (("profiles", "sk-" + "a" * 40), 'profiles["***"]'),
        (("profiles", "\x1b[31m"), 'profiles["***"]'),
        (("profiles", "x" * 65), 'profiles["***"]'),
    ],
)
def test_a_key_path_reads_as_people_write_it_and_hides_what_must_not_be_shown(
    path: tuple[str | int, ...], text: str
) -> None:
    assert key_text(path) == text
