"""Files made to harm: each ends as a clean report, within 512 MiB and 5 s of processor time, which the kernel enforces.

A process that wants more memory dies of ``MemoryError`` (exit code 3), one that wants more time of ``SIGXCPU``.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MEBIBYTE = 1024 * 1024
MEMORY = 512 * MEBIBYTE
SECONDS = 5
GOOD = "version: 1\nprofiles:\n  a: {provider: openai}\n"


def limited() -> None:
    """What holds for the process that is started."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def validated(file: Path | str, style: str = "json") -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    return subprocess.run(
        [sys.executable, "-m", "cbauth", "validate", "--format", style, str(file)],
        env={**environment, "PYTHONPATH": str(ROOT)},
        preexec_fn=limited,
        capture_output=True,
        text=True,
        check=False,
    )


def filled(head: str, unit: str, size: int = MEBIBYTE) -> str:
    """As many units as a file may have."""
    return head + unit * ((size - len(head)) // len(unit))


def numbered(head: str, line: str, size: int = MEBIBYTE - 100) -> str:
    """As many lines as a file may have, each with its number for ``@``."""
    parts, length, number = [head], len(head), 0
    while length < size:
        parts.append(line.replace("@", str(number)))
        length += len(parts[-1])
        number += 1
    return "".join(parts[:-1])


NESTED = "".join(f"x-{n}: &{n} [{', '.join([f'*{n - 1}'] * 9)}]\n" for n in range(1, 30))
MERGED = "".join(f"x-{n}: &{n} {{<<: [{', '.join([f'*{n - 1}'] * 9)}], k{n}: 1}}\n" for n in range(1, 500))

# What it is, the exit code, and a code that is in the report.
TEXTS: dict[str, tuple[str | bytes, int, str | None]] = {
    "a byte too large": (filled(GOOD, "#", MEBIBYTE + 1), 2, "CBA103"),
    "just not too large": (filled(GOOD, "#"), 0, None),
    "brackets": (filled("", "["), 1, "CBA114"),
    "braces": (filled("", "{a: "), 1, "CBA114"),
    "dashes": (filled("", "- "), 1, "CBA114"),
    "questions": (filled("", "? "), 1, "CBA114"),
    "steps": ("".join(f"{' ' * n}a:\n" for n in range(1400)), 1, "CBA114"),
    "many values": (filled(f"{GOOD}x-l: [", "1,") + "]", 1, "CBA115"),
    "a list in a list in a list": (f"{GOOD}x-0: &0 [1, 2, 3, 4, 5, 6, 7, 8, 9]\n{NESTED}", 1, "CBA115"),
    "a mapping merged into itself in turns": (f"{GOOD}x-0: &0 {{k: 1}}\n{MERGED}", 1, None),
    "a wide mapping merged everywhere": (
        numbered(GOOD + "x-w: &w {" + ", ".join(f"k{n}: 1" for n in range(999)) + "}\nx-l:\n", "  - {<<: *w}\n"),
        1,
        "CBA115",
    ),
    "a loop": (f"{GOOD}x-a: &a [*a]\n", 1, "CBA116"),
    "a merge loop": (f"{GOOD}x-a: &a {{<<: *a}}\n", 1, "CBA116"),
    "anchors": (numbered(f"{GOOD}x-a: [", "&a@ 1, ") + "]", 0, None),
    "tags": (filled(f"{GOOD}x-a: [", "!x 1, ") + "]", 1, "CBA112"),
    "tags that build": ("version: !!python/object/apply:os.system ['false']\nprofiles: !!binary aGk=\n", 1, "CBA112"),
    "documents": (filled(GOOD, f"---\n{GOOD}"), 1, "CBA113"),
    "one key again and again": (filled("version: 1\n", "version: 1\n"), 1, "CBA111"),
    "a number of 5000 digits": (GOOD.replace("1", "9" * 5000), 1, "CBA118"),
    "a number of a mebibyte": (filled("version: ", "9"), 1, "CBA118"),
    "exponents": ("version: 1e9999\nprofiles: {a: {provider: openai, weight: 9e999999}}\n", 1, "CBA121"),
    "days that never were": (
        "version: 2024-02-30\nprofiles: {2024-13-45T99:99:99Z: {provider: 0000-00-00}}\n",
        1,
        "CBA121",
    ),
    "wrong profiles": (numbered("version: 1\nprofiles:\n", "  p@: {x: 1}\n"), 1, "CBA201"),
    "misspelt keys": (numbered("version: 1\nprofiles:\n", "  p@: {provder: openai}\n"), 1, "CBA201"),
    "numbers for names": (
        numbered("version: 1\nprofiles:\n  a: {provider: openai, models: [", "1.@,\n") + "]}\n",
        1,
        "CBA203",
    ),
    "secrets in comments": (filled(GOOD, f"# sk-{'a' * 16}\n"), 1, "CBA301"),
    "doubtful words": (numbered(f"{GOOD}routes:\n", "  r@: [on, 010, 1:30]\n"), 1, "CBA121"),
    "look-alikes": (
        numbered("version: 1\nprofiles:\n", "  \u0430@: {provider: \u043epenai}\n", MEBIBYTE // 2),
        1,
        "CBA120",
    ),
    "comments that ignore": (filled(GOOD, "# cbauth: ignore[CBA303]\n"), 0, "CBA133"),
    "comments that ignore what there is not": (numbered(GOOD, "# cbauth: ignore[CBA@] x\n"), 0, "CBA132"),
    "comments that are nearly to cbauth": (filled(GOOD, "# cbauth: cbauth: # cbauth:"), 0, "CBA130"),
    "a text without colons": (filled("", "a\n", MEBIBYTE - 5) + "b: 1\n", 2, "CBA104"),
    "a comment that ignores much": (
        filled(f"{GOOD[:-1]} # cbauth: ignore[", "CBA303,", MEBIBYTE - 9) + "] x\n",
        0,
        "CBA131",
    ),
    "an unclosed quote": (filled('a: "', "x\n"), 2, "CBA105"),
    "unclosed brackets": (filled("", "a: [\nb: 1\n"), 2, None),
    "an error at the end": (filled(GOOD, "# x\n", MEBIBYTE - 5) + "a: ]\n", 2, "CBA104"),
    "an error after much": (filled(f"{GOOD}x-a:\n", "  - [a, 'b', \"c\"]\n", MEBIBYTE - 9) + "  b: ]\n", 2, "CBA104"),
    "one long line": (
        filled("version: 1\nprofiles: {a: {provider: nobody, models: [", "gpt-4o, ") + "]}}",
        1,
        "CBA210",
    ),
    "colons": (filled("", ":"), 2, "CBA104"),
    "commas": (filled("[", ","), 2, None),
    "blanks": (filled("", " "), 1, None),
    "empty lines": (filled("", "\n"), 1, None),
    "nothing": ("", 1, None),
    "a mark and nothing": (b"\xef\xbb\xbf", 1, None),
    "directives": (filled("%TAG ! tag:x,2000:\n", "%TAG ! tag:x,2000:\n"), 2, None),
    "zero bytes": (GOOD.encode() + bytes(100_000), 2, "CBA110"),
    "all bytes": (bytes(range(256)) * 1000, 2, "CBA102"),
    "bidirectional marks": (filled("", "version: 1 # \u202e\n", MEBIBYTE // 2), 1, "CBA110"),
    "UTF-16": (GOOD.encode("utf-16"), 2, "CBA102"),
    "UTF-16 without a mark": (GOOD.encode("utf-16-le"), 1, "CBA110"),
    "UTF-32": (GOOD.encode("utf-32"), 2, "CBA102"),
    "Latin-1": (b"# \xe9\n" + GOOD.encode(), 2, "CBA102"),
    "a surrogate": (b"a: \xed\xa0\x80\n", 2, "CBA102"),
    "a slash in two bytes": (b"a: \xc0\xaf\n", 2, "CBA102"),
    "escapes of no character": ('version: "\\UFFFFFFFF"\nprofiles: "\\uD800"\n', 2, "CBA104"),
    "slashes": (filled('version: 1\nx-a: "', "://", MEBIBYTE - 3) + '"\n', 1, None),
    "users": (filled('version: 1\nx-a: "', "http://a:b", MEBIBYTE - 3) + '@"\n', 1, "CBA302"),
    "starts of keys": (filled('version: 1\nx-a: "', "sk-a", MEBIBYTE - 3) + '"\n', 1, "CBA301"),
    "starts of tokens": (filled('version: 1\nx-a: "', "eyJaaaaaaaaaaaa", MEBIBYTE - 3) + '"\n', 1, None),
    "a bearer": (filled('version: 1\nx-a: "bearer ', "a1", MEBIBYTE - 3) + '!"\n', 1, None),
    "stars": (
        numbered(
            "version: 1\nprofiles:\n",
            f"  p@: {{provider: openai, models: ['{'*a' * 15}'], default_model: {'a' * 60}b}}\n",
        ),
        1,
        "CBA211",
    ),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_hostile_text_ends_as_a_report(name: str, tmp_path: Path) -> None:
    content, code, told = TEXTS[name]
    file = tmp_path / "profiles.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    ended = validated(file, "text")
    assert (ended.returncode, ended.stderr) == (code, "")
    assert told is None or f"[{told}]: " in ended.stdout


@pytest.mark.parametrize("kind", ["pipe", "zero", "random", "tty", "full", "folder", "socket", "secret"])
def test_what_is_no_file_is_refused_at_once(kind: str, tmp_path: Path) -> None:
    file: Path | str = tmp_path / "profiles.yaml"
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "folder":
        Path(file).mkdir()
    elif kind == "socket":
        import socket

        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(file))
    elif kind == "secret":
        file = "/proc/self/mem"
    else:
        file = f"/dev/{kind}"
    ended = validated(file)
    assert (ended.returncode, ended.stderr) == (2, "")
    (found,) = json.loads(ended.stdout)["diagnostics"]
    assert found["code"] == "CBA101"


def test_two_equal_keys_are_named_by_line_and_their_values_are_not(tmp_path: Path) -> None:
    file = tmp_path / "profiles.yaml"
    file.write_text("version: 1\nprofiles:\n  a:\n    provider: openai\n    api_key: CANARY-1\n    api_key: CANARY-2\n")
    out = validated(file, "text").stdout
    assert "`api_key` is given twice: on line 5 and again on line 6" in out
    assert "CANARY" not in out
