"""Editors complete, explain and underline a profiles.yaml as its modeline promises: asked of a real language server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import copy
from typing import Any

import pytest

from cbauth.config import builtin_providers, check
from cbauth.config.schema.models import BreakerKeys, File, PolicyKeys, ProfileKeys
from tests.config.corpus import HERE, INVALID, VALID
from tests.config.test_json_schema import FILES, SCHEMAS, SHAPE
from tests.editor.language_server import LanguageServer

DRAFTS = sorted(FILES)

# Bad files in which the editor underlines exactly what `cbauth validate` reports. In the others it leaves some out: it
# joins equal messages on one line, and no JSON Schema knows references between parts or how a command is written.
SAME = {
    *("choices", "empty-lists", "names", "no-profiles", "not-a-mapping", "null-profiles", "nulls", "oauth-client"),
    *("secret-literal", "stores", "unknown-keys", "version-2"),
}

PAGE = """\
version: 1
providers:
  acme: {protocol: openai, base_url: "https://llm.acme.example/v1"}
profiles:
  work:
    provider: openai
    api_key: env:OPENAI_API_KEY
  other:
    provider:\x20
    pri
policy:
  rotation: {strategy: round-robin}
  breaker:
    mode:\x20
    open
"""


@pytest.fixture(scope="module")
def server() -> Iterator[LanguageServer]:
    with LanguageServer() as running:
        yield running


@pytest.fixture(params=DRAFTS)
def draft(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Editor:
    """A folder with the published schema, whose files name it in their first line."""

    def __init__(self, server: LanguageServer, folder: Path, schema: str) -> None:
        copy(SCHEMAS / schema, folder)
        self._server = server
        self._modeline = f"# yaml-language-server: $schema={schema}\n"
        self._file = folder / "profiles.yaml"
        self._lines: list[str] = []

    def open(self, text: str) -> tuple[str, list[dict[str, Any]]]:
        """The text with its modeline, and what is underlined in it."""
        text = self._modeline + text
        self._lines = text.splitlines()
        return text, self._server.diagnostics(self._file, text)

    def offers(self, line: str) -> dict[str, dict[str, Any]]:
        """What is offered at the end of a line."""
        return self._server.completions(self._file, self._lines.index(line), len(line))

    def explains(self, word: str) -> str:
        """What is shown for a key, where it stands first."""
        number = next(place for place, line in enumerate(self._lines) if f"{word}:" in line)
        return self._server.hover(self._file, number, self._lines[number].index(word) + 1)


@pytest.fixture
def editor(server: LanguageServer, tmp_path: Path, draft: str) -> Editor:
    return Editor(server, tmp_path, FILES[draft])


def underlined(found: list[dict[str, Any]]) -> set[tuple[int, int]]:
    starts = [each["range"]["start"] for each in found]
    return {(start["line"] + 1, start["character"] + 1) for start in starts}


@pytest.mark.parametrize("path", [p for p in INVALID if p.stem in SAME], ids=lambda path: path.stem)
def test_the_editor_underlines_the_very_places_that_validate_reports(editor: Editor, path: Path) -> None:
    text, found = editor.open(path.read_text("utf-8"))
    assert underlined(found) == {(each.line, each.column) for each in check(text)}


@pytest.mark.parametrize("path", [p for p in INVALID if p.stem in SHAPE - SAME], ids=lambda path: path.stem)
def test_the_editor_underlines_nothing_that_validate_does_not_report(editor: Editor, path: Path) -> None:
    """Of a mapping that is empty validate points at the key, the editor at the braces: the lines are the same."""
    text, found = editor.open(path.read_text("utf-8"))
    assert found
    assert {line for line, _ in underlined(found)} <= {each.line for each in check(text)}


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_nothing_is_underlined_in_a_good_file(editor: Editor, path: Path) -> None:
    assert editor.open(path.read_text("utf-8"))[1] == []


def test_a_text_of_the_wrong_form_is_answered_with_what_to_write_not_with_a_pattern(editor: Editor) -> None:
    _, found = editor.open(
        "version: 1\nprofiles: {a: {provider: openai, api_key: x}}\npolicy: {retry: {max_wait: soon}}\n"
    )
    said = " ".join(each["message"] for each in found)
    assert "write `env:NAME`, `file:PATH`, `keyring:SERVICE/USER`" in said
    assert "write `500ms`, `30s`, `5m`" in said
    assert "^" not in said


def test_keys_are_completed_with_their_descriptions(editor: Editor) -> None:
    editor.open(PAGE)
    assert set(ProfileKeys.model_fields) - set(editor.offers("    pri")) == {"provider"}, "which is there already"
    assert set(editor.offers("    open")) >= set(BreakerKeys.model_fields) - {"mode"}
    assert "Higher is preferred" in str(editor.offers("    pri")["priority"]["documentation"])


def test_keys_of_the_top_level_are_completed(editor: Editor) -> None:
    editor.open("version: 1\nprofiles:\n  a: {provider: openai}\npol\n")
    assert set(editor.offers("pol")) >= set(File.model_fields) - {"version", "profiles"}


def test_values_are_completed_providers_among_them(editor: Editor) -> None:
    editor.open(PAGE)
    assert set(editor.offers("    provider: ")) >= set(builtin_providers())
    assert set(editor.offers("    mode: ")) >= {"enforce", "observe", '"off"'}, "in quotes: it is a truth value to some"


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("profiles", "Your credentials"),
        ("api_key", "Never the key itself"),
        ("rotation", "How calls are spread"),
        ("strategy", "takes the best profile"),
        ("protocol", "decides the auth header"),
    ],
)
def test_what_is_under_the_pointer_is_explained_with_an_example(editor: Editor, word: str, told: str) -> None:
    editor.open(PAGE)
    shown = editor.explains(word)
    assert told in shown
    assert "Example" in shown


def test_every_key_of_the_policy_is_explained(editor: Editor) -> None:
    everything = (HERE / "valid" / "everything.yaml").read_text("utf-8")
    editor.open(everything.partition("\npolicy:")[1].lstrip() + everything.partition("\npolicy:")[2])
    for key, words in {"rotation": "spread", "breaker": "left alone", "cooldown": "refus", "retry": "request"}.items():
        assert words in editor.explains(key)
    assert set(PolicyKeys.model_fields) == {"rotation", "breaker", "cooldown", "retry"}


def test_the_profiles_yaml_of_this_repository_finds_its_schema(server: LanguageServer) -> None:
    path = SCHEMAS.parent / "profiles.yaml"
    text = path.read_text("utf-8")
    assert server.diagnostics(path, text) == []
    other = path.with_name("other.profiles.yaml")  # what is opened need not lie there
    found = server.diagnostics(other, text.replace("priority: 80", "priorty: 80"))
    assert [each["message"] for each in found] == ["Property priorty is not allowed."]


def test_a_schema_that_is_not_there_is_told_and_breaks_nothing(server: LanguageServer, tmp_path: Path) -> None:
    """The words of the published schema name no place on the network: an editor reads it from the disk."""
    found = server.diagnostics(tmp_path / "profiles.yaml", "# yaml-language-server: $schema=missing.json\nversion: 1\n")
    assert "missing.json" in found[0]["message"]
