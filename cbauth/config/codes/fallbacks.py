"""``CBA42x``: routes and models, and what they have to fall back on."""

from __future__ import annotations

from cbauth.config.codes.rule import Rule
from cbauth.config.diagnostics import WARNING

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (
    Rule(
        code="CBA421",
        title="a model without fallback",
        why="One profile alone serves this model, and no route names a substitute. While that profile rests,"
        " every call for it fails.",
        help="Let another profile serve it, or name a substitute for it in a route.",
        bad="""\
version: 1
profiles:
  claude: {provider: anthropic, models: [claude-sonnet-4]}
  gpt: {provider: openai, models: ["gpt-*"]}
""",
        good="""\
version: 1
profiles:
  claude: {provider: anthropic, models: [claude-sonnet-4]}
  gpt: {provider: openai, models: ["gpt-*"]}
routes:
  smart: [claude-sonnet-4, gpt-4o]
""",
        severity=WARNING,
    ),
    Rule(
        code="CBA422",
        title="a route without fallback",
        why="A route is a list of models that are tried in order. Here one profile with one model is all that"
        " can answer: when it rests, the route fails.",
        help="Add a model that another profile serves.",
        bad="""\
version: 1
profiles:
  gpt: {provider: openai}
  claude: {provider: anthropic}
routes:
  smart: [gpt-4o]
""",
        good="""\
version: 1
profiles:
  gpt: {provider: openai}
  claude: {provider: anthropic}
routes:
  smart: [gpt-4o, claude-sonnet-4]
""",
        severity=WARNING,
    ),
    Rule(
        code="CBA423",
        title="all fallbacks at one provider",
        why="When the provider is down, or suspends the account, all of them fail at the same time.",
        help="Add a model of another provider at the end of the route.",
        bad="""\
version: 1
profiles:
  team: {provider: openai, api_key: env:TEAM_KEY}
  spare: {provider: openai, api_key: env:SPARE_KEY}
routes:
  smart: [gpt-4o, gpt-4o-mini]
""",
        good="""\
version: 1
profiles:
  team: {provider: openai, api_key: env:TEAM_KEY}
  spare: {provider: openai, api_key: env:SPARE_KEY}
  other: {provider: anthropic}
routes:
  smart: [gpt-4o, gpt-4o-mini, claude-haiku-4]
""",
        severity=WARNING,
    ),
    Rule(
        code="CBA424",
        title="all fallbacks at one host",
        why="They have different providers, but one machine answers for all of them: a gateway, for example."
        " When it is down, all fail.",
        help="Add a profile at another host at the end of the route.",
        bad="""\
version: 1
providers:
  fast: {protocol: openai, base_url: "https://gateway.acme.example/fast"}
  wise: {protocol: openai, base_url: "https://gateway.acme.example/wise"}
profiles:
  fast: {provider: fast, api_key: env:FAST_KEY, models: ["fast-*"]}
  wise: {provider: wise, api_key: env:WISE_KEY, models: ["wise-*"]}
routes:
  chat: [fast-1, wise-1]
""",
        good="""\
version: 1
providers:
  fast: {protocol: openai, base_url: "https://gateway.acme.example/fast"}
profiles:
  fast: {provider: fast, api_key: env:FAST_KEY, models: ["fast-*"]}
  gpt: {provider: openai}
routes:
  chat: [fast-1, gpt-4o]
""",
        severity=WARNING,
    ),
    Rule(
        code="CBA425",
        title="all fallbacks with one credential",
        why="When the credential is revoked, or its credit is spent, all of them fail at the same time.",
        help="Add a profile with another credential at the end of the route.",
        bad="""\
version: 1
profiles:
  gpt: {provider: openai, models: ["gpt-*"]}
  reasoning: {provider: openai, models: ["o3*"]}
routes:
  smart: [o3, gpt-4o]
""",
        good="""\
version: 1
profiles:
  gpt: {provider: openai, models: ["gpt-*"]}
  reasoning: {provider: openai, models: ["o3*"]}
  claude: {provider: anthropic}
routes:
  smart: [o3, gpt-4o, claude-sonnet-4]
""",
        severity=WARNING,
    ),
    Rule(
        code="CBA426",
        title="a route that leads back to itself",
        why="Routes may name routes, but an entry that leads back is passed over. A route of nothing else"
        " holds no model at all, which is an error.",
        help="Name models in it. A route may have the name of a model: then it means that model by it.",
        bad="""\
version: 1
profiles:
  gpt: {provider: openai}
  claude: {provider: anthropic}
routes:
  smart: [gpt-4o, wise]
  wise: [claude-sonnet-4, smart]
""",
        good="""\
version: 1
profiles:
  gpt: {provider: openai}
  claude: {provider: anthropic}
routes:
  smart: [gpt-4o, wise]
  wise: [claude-sonnet-4, gpt-4.1]
""",
        severity=WARNING,
    ),
    Rule(
        code="CBA427",
        title="a route names a model that nobody serves",
        why="The entry is passed over. When nobody serves any model of the route, every call for it fails,"
        " which is an error.",
        help="Add the model to a profile, or mend its name.",
        bad="""\
version: 1
profiles:
  claude: {provider: anthropic, models: [claude-sonnet-4, claude-haiku-4]}
  gpt: {provider: openai}
routes:
  smart: [claude-sonet-4, claude-haiku-4, gpt-4o]
  plain: [claude-sonnet-4, gpt-4o]
""",
        good="""\
version: 1
profiles:
  claude: {provider: anthropic, models: [claude-sonnet-4, claude-haiku-4]}
  gpt: {provider: openai}
routes:
  smart: [claude-sonnet-4, claude-haiku-4, gpt-4o]
""",
        severity=WARNING,
    ),
    Rule(
        code="CBA428",
        title="a model that stands in a route twice",
        why="A route tries each model once, where it stands first. The second entry changes nothing; often"
        " another model was meant.",
        help="Take it out, or name the model that was meant.",
        bad="""\
version: 1
profiles:
  gpt: {provider: openai}
  claude: {provider: anthropic}
routes:
  smart: [gpt-4o, claude-sonnet-4, gpt-4o]
""",
        good="""\
version: 1
profiles:
  gpt: {provider: openai}
  claude: {provider: anthropic}
routes:
  smart: [gpt-4o, claude-sonnet-4, gpt-4.1]
""",
        severity=WARNING,
    ),
    Rule(
        code="CBA429",
        title="one try, and fallbacks that no request reaches",
        why="`attempts` counts all tries of a request, over all profiles. With 1 the first failure ends it,"
        " so that only later requests see a fallback.",
        help="Write 2 or more, or leave the key out.",
        bad="""\
version: 1
policy:
  retry: {attempts: 1}
profiles:
  gpt: {provider: openai}
  claude: {provider: anthropic}
routes:
  smart: [gpt-4o, claude-sonnet-4]
""",
        good="""\
version: 1
policy:
  retry: {attempts: 2}
profiles:
  gpt: {provider: openai}
  claude: {provider: anthropic}
routes:
  smart: [gpt-4o, claude-sonnet-4]
""",
        severity=WARNING,
    ),
)
