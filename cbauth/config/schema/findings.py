"""From pydantic's errors to findings: what is wrong, where, and what to do.

pydantic's own messages are never used, for some repeat what was written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Annotated, Any, get_args, get_origin

from pydantic_core import ValidationError

from cbauth.config.diagnostics import IN_QUOTES, MOST, Finding, Path
from cbauth.config.privacy import presentable, quoted
from cbauth.config.schema.keys import Keys
from cbauth.config.schema.types import kind_of
from cbauth.config.suggest import Suggestions

__all__ = ["findings"]

_MISSING = object()

# What pydantic calls it, and what was wanted, in a person's words.
_WANTED = {
    "dict_type": "a mapping",
    "list_type": "a list",
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "`true` or `false`",
}


def findings(error: ValidationError, data: Any, root: type[Keys]) -> list[Finding]:
    """One finding for each error; ``data`` is what was validated as ``root``."""
    suggestions = Suggestions()
    found = []
    for item in islice(error.errors(include_url=False, include_input=False), MOST):
        path: Path = tuple(item["loc"])
        at_key = path[-1:] == ("[key]",)
        path = path[:-1] if at_key else path
        value = _value(data, path)
        if value is None and not at_key and item["type"] != "extra_forbidden":
            continue  # the rule about `null` says it, for all keys alike
        finding = _finding(item["type"], item.get("ctx", {}), path, value, root, suggestions)
        code, message, help_text, points_at_key = finding
        found.append(Finding(code, path, message, help_text, at_key=at_key or points_at_key))
    return found


def _finding(
    kind: str,
    context: Mapping[str, Any],
    path: Path,
    value: Any,
    root: type[Keys],
    suggestions: Suggestions,
) -> tuple[str, str, str | None, bool]:
    """Code, message, help, and whether the key rather than the value is to be pointed at."""
    if kind.startswith("CBA"):
        return kind, context["message"], context["help"], False
    name = str(path[-1]) if path else ""
    if kind == "extra_forbidden":
        known = keys_at(root, path[:-1])
        otherwise = _belongs(root, name) or ("known here: " + ", ".join(sorted(known)) if known else None)
        return "CBA201", f"{quoted(name, 'this')} is not a key here", suggestions.help(name, known, otherwise), True
    if kind == "missing":
        return "CBA202", f"`{name}` is missing", _missing_help(name), True
    if kind == "literal_error":
        return _choice(path, value, context, suggestions)
    if kind in _WANTED:
        return "CBA203", f"{_WANTED[kind]} is expected here, not {kind_of(value)}", _kind_help(kind, value), False
    if kind == "too_short":
        if path == ("profiles",):
            return "CBA215", "there is no profile", "add one under `profiles`", True
        return "CBA216", "this list is empty", "leave the key out, or add an entry", False
    if kind in _BOUNDS:
        words, bound = _BOUNDS[kind]
        return "CBA205", f"the number has to be {words} {int(context[bound])}", None, False
    if kind == "finite_number":
        return "CBA205", "the number has to be finite", None, False
    return "CBA203", "this value is not valid here", None, False


_BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
}


def _choice(
    path: Path, value: Any, context: Mapping[str, Any], suggestions: Suggestions
) -> tuple[str, str, str | None, bool]:
    choices = re.findall(r"'([^']*)'", context["expected"])
    listed = ", ".join(f"`{choice}`" for choice in choices)
    if not isinstance(value, str):
        return "CBA203", f"a word is expected here, not {kind_of(value)}", f"one of {listed}", False
    shown = f"`{value}`" if presentable(value) else "this"
    help_text = suggestions.help(value, choices)
    help_text = f"{help_text} One of {listed}" if help_text else f"one of {listed}"
    return "CBA204", f"{shown} is not one of the choices", help_text, False


def _belongs(root: type[Keys], name: str) -> str | None:
    """Where a key that is none here belongs, if that is one place or two."""
    homes = sorted(set(_homes(root, name, "")))
    if not 1 <= len(homes) <= 2:
        return None
    return "it belongs elsewhere: " + " or ".join(f"`{home}`" for home in homes)


def _homes(at: Any, name: str, path: str) -> Iterator[str]:
    """The key paths that end in ``name``; of a policy only the whole file's, for all have the same keys."""
    for key, hint in at.hints().items() if isinstance(at, type) and issubclass(at, Keys) else ():
        here = f"{path}.{key}".lstrip(".")
        if key == name:
            yield here
        if key == "policy" and path:
            continue
        inner = _bare(hint)
        if get_args(inner):
            here += "[0]" if get_origin(inner) is list else ".NAME"
            inner = get_args(inner)[-1]
        yield from _homes(inner, name, here)


def _missing_help(name: str) -> str:
    if name == "profiles":
        return "add `profiles:` with at least one profile"
    if name == "provider":
        return "name a built-in provider, or one declared under `providers`"
    return f"add `{name}:`"


def _kind_help(kind: str, value: Any) -> str | None:
    if kind == "string_type" and isinstance(value, bool | int | float):
        return IN_QUOTES
    if kind == "list_type" and not isinstance(value, dict):
        return "write `[first, second]`"
    if kind == "int_type" and isinstance(value, float) and value.is_integer():
        return "leave the fraction out"
    if kind in ("int_type", "float_type") and isinstance(value, str):
        return "write it without quotes" if _is_number(value) else "write a number, without quotes"
    if kind == "bool_type" and isinstance(value, str):
        return "write `true` or `false`, without quotes"
    if kind == "dict_type" and not isinstance(value, list | dict):
        return "write `key: value` on the following lines, indented"
    return None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _value(data: Any, path: Path) -> Any:
    """What stands at ``path``; ``_MISSING`` where there is nothing."""
    for part in path:
        data = data.get(part, _MISSING) if isinstance(data, dict) else data[part]
    return data


def keys_at(root: type[Keys], path: Path) -> tuple[str, ...]:
    """The fixed keys of the mapping at ``path``, none where names are free."""
    at: Any = root
    for part in path:
        if isinstance(at, type) and issubclass(at, Keys):
            at = at.hints().get(str(part))
        else:
            at = next(reversed(get_args(at)), None)  # the values of a dict, the items of a list
        at = _bare(at)
    return tuple(at.model_fields) if isinstance(at, type) and issubclass(at, Keys) else ()


def _bare(hint: Any) -> Any:
    """``X`` of ``X | None`` and of ``Annotated[X, …]``."""
    parts = get_args(hint)
    return _bare(parts[0]) if type(None) in parts or get_origin(hint) is Annotated else hint
