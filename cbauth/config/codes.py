"""Every rule that a configuration is checked against, by its code.

``CBA1xx`` the text as YAML, ``CBA2xx`` schema and references, ``CBA3xx`` secrets and transport.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cbauth.config.diagnostics import Diagnostic
from cbauth.config.suggest import nearest
from cbauth.errors import ConfigError

__all__ = ["CODES", "Rule", "explain", "unreadable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a code stands for. ``unreadable``: the file could not be read or parsed at all (exit code 2)."""

    code: str
    title: str
    explanation: str
    unreadable: bool = False


_RULES = (
    Rule(
        code="CBA101",
        title="the file cannot be read",
        explanation="It is missing, a folder, a pipe or a device, or the permissions forbid it. Name a regular file.",
        unreadable=True,
    ),
    Rule(
        code="CBA102",
        title="the bytes are not UTF-8 text",
        explanation="profiles.yaml is UTF-8, with or without a byte order mark. Save the file in that encoding.",
        unreadable=True,
    ),
    Rule(
        code="CBA103",
        title="the file is too large",
        explanation="More than 1 MiB is never a configuration that a person wrote; it is refused unread.",
        unreadable=True,
    ),
    Rule(
        code="CBA104",
        title="this is not YAML",
        explanation="The text breaks YAML's own grammar at this place, so nothing after it can be understood.",
        unreadable=True,
    ),
    Rule(
        code="CBA105",
        title="a quote is not closed",
        explanation="A quoted text runs on into other keys. It is reported where it opens.",
        unreadable=True,
    ),
    Rule(
        code="CBA106",
        title="a bracket is not closed",
        explanation="A list or mapping in brackets runs on into other keys. It is reported where it opens.",
        unreadable=True,
    ),
    Rule(
        code="CBA107",
        title="a tab is used for indentation",
        explanation="YAML indents with spaces only (YAML 1.2.2, section 6.1).",
        unreadable=True,
    ),
    Rule(
        code="CBA108",
        title="an alias refers to nothing",
        explanation="`*name` stands for what an earlier `&name` marks; there is no such mark before this place.",
        unreadable=True,
    ),
    Rule(
        code="CBA110",
        title="a forbidden character",
        explanation="Control, bidirectional and invisible characters make a file say something else than it shows.",
    ),
    Rule(
        code="CBA111",
        title="a key is given twice",
        explanation="Of two equal keys in one mapping only one would count, and nobody could say which was meant.",
    ),
    Rule(
        code="CBA112",
        title="a YAML tag",
        explanation="Tags like `!secret` make programs build objects from a file. Only plain values belong here.",
    ),
    Rule(
        code="CBA113",
        title="more than one document",
        explanation="A second `---` begins another document; a configuration is one. Split the file.",
    ),
    Rule(
        code="CBA114",
        title="nested too deeply",
        explanation="More than 64 levels are never needed, and are a known way to exhaust a parser.",
    ),
    Rule(
        code="CBA115",
        title="too much after expansion",
        explanation="Aliases and merge keys that refer to each other can stand for billions of values. Write them out.",
    ),
    Rule(
        code="CBA116",
        title="a value contains itself",
        explanation="An alias inside the very value that it refers to has no end.",
    ),
    Rule(
        code="CBA117",
        title="a merge key without a mapping",
        explanation="`<<` takes over the keys of a mapping, or of a list of mappings (usually aliases).",
    ),
    Rule(
        code="CBA118",
        title="a number is too long",
        explanation="No setting needs a number of more than 64 digits.",
    ),
    Rule(
        code="CBA119",
        title="a key is not text",
        explanation="YAML reads an unquoted `123`, `true` or `~` as a number, a truth value or nothing. Quote the key.",
    ),
    Rule(
        code="CBA200",
        title="a value is not valid",
        explanation="The value does not fit its key in a way that no more particular rule describes.",
    ),
    Rule(
        code="CBA201",
        title="an unknown key",
        explanation="A misspelt key would be ignored in silence, so it is an error. Keys like `x-note` are free.",
    ),
    Rule(
        code="CBA202",
        title="a key is missing",
        explanation="Something that has no sensible default is not given.",
    ),
    Rule(
        code="CBA203",
        title="a value of the wrong kind",
        explanation="Text, number, truth value, list and mapping are not converted into each other.",
    ),
    Rule(
        code="CBA204",
        title="not one of the choices",
        explanation="The key takes one word of a fixed list.",
    ),
    Rule(
        code="CBA205",
        title="a number out of range",
        explanation="The number is smaller or larger than what can work.",
    ),
    Rule(
        code="CBA206",
        title="not a valid name",
        explanation="Names begin with a letter or digit; letters, digits, `.`, `_` and `-` follow, at most 64 in all.",
    ),
    Rule(
        code="CBA207",
        title="not a duration",
        explanation="Write `500ms`, `30s`, `5m`, `1h`, `2d`, `1h30m`, or a number of seconds; at most ten years.",
    ),
    Rule(
        code="CBA208",
        title="not a valid text for this key",
        explanation="The text does not have the form that the key needs, for example that of a URL.",
    ),
    Rule(
        code="CBA209",
        title="a secret reference is not complete",
        explanation='Forms: `env:NAME`, `file:PATH`, `keyring:SERVICE/USER`, `command:["prog","arg"]`.',
    ),
    Rule(
        code="CBA210",
        title="an unknown provider",
        explanation="The provider is neither built in nor declared under `providers`.",
    ),
    Rule(
        code="CBA211",
        title="the default model is not among the models",
        explanation="`default_model` has to be served by the profile's own `models`.",
    ),
    Rule(
        code="CBA212",
        title="two credentials",
        explanation="A profile has an API key or a login, not both. Make two profiles of it.",
    ),
    Rule(
        code="CBA213",
        title="the provider cannot log in",
        explanation="A profile with `oauth` needs a provider with an `issuer`, or endpoints for tokens and logins.",
    ),
    Rule(
        code="CBA214",
        title="the login has no client id",
        explanation="Providers know programs by a `client_id`, which you register with them; cbauth ships none.",
    ),
    Rule(
        code="CBA215",
        title="no profiles",
        explanation="At least one profile is needed.",
    ),
    Rule(
        code="CBA216",
        title="an empty list",
        explanation="A list that may not be empty is empty. Leave the key out to get the default.",
    ),
    Rule(
        code="CBA217",
        title="the version is not given",
        explanation="`version: 1` says how the file is to be read, now and in years to come.",
    ),
    Rule(
        code="CBA301",
        title="a secret in the file",
        explanation="Files are shared, committed and backed up. Write where the secret is to be found, not the secret.",
    ),
    Rule(
        code="CBA302",
        title="a credential in a URL",
        explanation="URLs are logged and shown. Take the user, password or key out of it.",
    ),
    Rule(
        code="CBA303",
        title="plain http to another machine",
        explanation="Without TLS everybody on the way reads the requests and what they carry. Use https.",
    ),
    Rule(
        code="CBA304",
        title="a login without TLS",
        explanation="OAuth endpoints must use TLS (RFC 6749 sections 3.1 and 3.2), except on this very machine.",
    ),
)

CODES: Mapping[str, Rule] = MappingProxyType({rule.code: rule for rule in _RULES})


def unreadable(diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether the file could not be read or parsed at all."""
    return any(CODES[diagnostic.code].unreadable for diagnostic in diagnostics)


def explain(code: str) -> str:
    """What a code means, for people. Raises ``ConfigError`` for a code that there is not."""
    rule = CODES.get(code.upper())
    if rule is None:
        near = nearest(code, CODES)
        hint = f"did you mean {near}?" if near else f"they go from {min(CODES)} to {max(CODES)}"
        raise ConfigError(f"there is no such code: {hint}")
    return f"{rule.code}: {rule.title}\n\n{rule.explanation}"
