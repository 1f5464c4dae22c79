"""``CBA2xx``: what the keys may hold, and names that refer to something."""

from __future__ import annotations

from cbauth.config.codes.rule import Rule
from cbauth.config.diagnostics import WARNING

__all__ = ["RULES"]


def _profile(keys: str) -> str:
    """A file with one profile that has these keys."""
    return f"version: 1\nprofiles:\n  work: {{{keys}}}\n"


def _login(oauth: str) -> str:
    """A file with a profile that logs in with a provider of its own."""
    return f"""\
version: 1
providers:
  acme:
    protocol: openai
    oauth: {{{oauth}}}
profiles:
  me: {{provider: acme, oauth: {{}}}}
"""


RULES: tuple[Rule, ...] = (
    Rule(
        code="CBA201",
        title="an unknown key",
        why="A misspelt key would be ignored in silence, so it is an error.",
        help="Correct it, or take it away. Keys of your own begin with `x-`.",
        bad=_profile("provider: openai, api-key: env:OPENAI_API_KEY"),
        good=_profile("provider: openai, api_key: env:OPENAI_API_KEY, x-note: ours"),
    ),
    Rule(
        code="CBA202",
        title="a key is missing",
        why="Something that has no sensible default is not given.",
        help="Add the key.",
        bad=_profile("api_key: env:OPENAI_API_KEY"),
        good=_profile("provider: openai, api_key: env:OPENAI_API_KEY"),
    ),
    Rule(
        code="CBA203",
        title="a value of the wrong kind",
        why="Text, number, truth value, list and mapping are not converted into each other: whoever wrote `'2'` or"
        " left a value out may have meant something else.",
        help="Write a value of the kind that the message names.",
        bad=_profile('provider: openai, weight: "2"'),
        good=_profile("provider: openai, weight: 2"),
    ),
    Rule(
        code="CBA204",
        title="not one of the choices",
        why="The key takes one word of a fixed list.",
        help="Choose one of the words that the message lists.",
        bad="version: 1\nprofiles:\n  work: {provider: openai}\npolicy:\n  rotation: {strategy: rond-robin}\n",
        good="version: 1\nprofiles:\n  work: {provider: openai}\npolicy:\n  rotation: {strategy: round-robin}\n",
    ),
    Rule(
        code="CBA205",
        title="a number out of range",
        why="The number is smaller or larger than what can work.",
        help="Choose a number within the bounds that the message names.",
        bad=_profile("provider: openai, weight: -1"),
        good=_profile("provider: openai, weight: 0"),
    ),
    Rule(
        code="CBA206",
        title="not a valid name",
        why="Names appear in commands, logs and key paths, so they have to be plain.",
        help="Begin with a letter or digit; letters, digits, `.`, `_` and `-` follow, at most 64 in all.",
        bad='version: 1\nprofiles:\n  "my profile": {provider: openai}\n',
        good="version: 1\nprofiles:\n  my-profile: {provider: openai}\n",
    ),
    Rule(
        code="CBA207",
        title="not a duration",
        why="A length of time that is not understood would make a policy do something else than it says.",
        help="Write `500ms`, `30s`, `5m`, `1h`, `2d`, `1h30m`, or a number of seconds; at most ten years.",
        bad="version: 1\nprofiles:\n  work: {provider: openai}\npolicy:\n  breaker: {open_for: 2 minutes}\n",
        good="version: 1\nprofiles:\n  work: {provider: openai}\npolicy:\n  breaker: {open_for: 2m}\n",
    ),
    Rule(
        code="CBA208",
        title="not a valid text for this key",
        why="The text does not have the form that the key needs, for example that of a URL.",
        help="Write it in the form that the message names.",
        bad=_profile("provider: openai, base_url: llm.acme.example"),
        good=_profile('provider: openai, base_url: "https://llm.acme.example"'),
    ),
    Rule(
        code="CBA209",
        title="a secret reference is not complete",
        why="The secret would not be found when a call needs it.",
        help='Write `env:NAME`, `file:PATH`, `keyring:SERVICE/USER` or `command:["prog","arg"]`.',
        bad=_profile("provider: openai, api_key: keyring:openai"),
        good=_profile("provider: openai, api_key: keyring:openai/me"),
    ),
    Rule(
        code="CBA210",
        title="an unknown provider",
        why="The provider is neither built in nor declared under `providers`.",
        help="Correct its name, or declare it.",
        bad=_profile("provider: opnai"),
        good=_profile("provider: openai"),
    ),
    Rule(
        code="CBA211",
        title="the default model is not among the models",
        why="A request that names no model would ask for one that the profile does not serve.",
        help="Add it to the profile's own `models`.",
        bad=_profile("provider: openai, models: [gpt-4o], default_model: gpt-4.1"),
        good=_profile("provider: openai, models: [gpt-4o, gpt-4.1], default_model: gpt-4.1"),
    ),
    Rule(
        code="CBA212",
        title="two credentials",
        why="A profile has an API key or a login; with both nobody could say which one is sent.",
        help="Take one away, or make two profiles of it.",
        bad=_login('issuer: "https://login.acme.example", client_id: my-client').replace("{}", "{}, api_key: env:KEY"),
        good=_login('issuer: "https://login.acme.example", client_id: my-client'),
    ),
    Rule(
        code="CBA213",
        title="the provider cannot log in",
        why="A profile with `oauth` needs a provider with an `issuer`, or endpoints for tokens and logins.",
        help="Give the provider an issuer or endpoints, or the profile an `api_key`.",
        bad=_login("client_id: my-client"),
        good=_login('issuer: "https://login.acme.example", client_id: my-client'),
    ),
    Rule(
        code="CBA214",
        title="the login has no client id",
        why="Providers know programs by a `client_id`, which you register with them; cbauth ships none.",
        help="Register a client with the provider and put its id into the provider's `oauth.client_id`.",
        bad=_login('issuer: "https://login.acme.example"'),
        good=_login('issuer: "https://login.acme.example", client_id: my-client'),
        severity=WARNING,
    ),
    Rule(
        code="CBA215",
        title="no profiles",
        why="Without a profile there is nobody who could answer.",
        help="Add one under `profiles`.",
        bad="version: 1\nprofiles: {}\n",
        good=_profile("provider: openai"),
    ),
    Rule(
        code="CBA216",
        title="an empty list",
        why="A list that may not be empty is empty, and it is not clear whether nothing or everything is meant.",
        help="Leave the key out to get the default, or add an entry.",
        bad=_profile("provider: openai, models: []"),
        good=_profile('provider: openai, models: ["*"]'),
    ),
    Rule(
        code="CBA217",
        title="the version is not given",
        why="`version: 1` says how the file is to be read, now and in years to come.",
        help="Add `version: 1` as the first line.",
        bad="profiles:\n  work: {provider: openai}\n",
        good=_profile("provider: openai"),
        severity=WARNING,
    ),
)
