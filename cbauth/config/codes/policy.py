"""``CBA4xx``: who is never asked, and which words decide nothing."""

from __future__ import annotations

from cbauth.config.codes.rule import Rule
from cbauth.config.diagnostics import WARNING

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (
    Rule(
        code="CBA401",
        title="a profile that is never chosen",
        why="Somebody better stands before it, and every failure that takes the better one takes it as well:"
        " both are the same credential at the same address, or each failure rests the whole provider."
        " Whatever fails, it is never its turn.",
        help="Give it a credential, an address or models of its own, or take it out.",
        bad="""\
version: 1
profiles:
  first: {provider: openai, api_key: env:OPENAI_API_KEY, priority: 10}
  second: {provider: openai, api_key: env:OPENAI_API_KEY}
""",
        good="""\
version: 1
profiles:
  first: {provider: openai, api_key: env:OPENAI_API_KEY, priority: 10}
  second: {provider: openai, api_key: env:OPENAI_SPARE_KEY}
""",
        severity=WARNING,
    ),
    Rule(
        code="CBA402",
        title="nobody is enabled",
        why="A disabled profile takes no calls. When all are disabled every call fails, until the program enables one.",
        help="Enable at least one profile.",
        bad="""\
version: 1
profiles:
  work: {provider: openai, enabled: false}
""",
        good="""\
version: 1
profiles:
  work: {provider: openai}
  old: {provider: openai, api_key: env:OLD_KEY, enabled: false}
""",
        severity=WARNING,
    ),
    Rule(
        code="CBA403",
        title="weight 0 everywhere",
        why='Weight 0 means "only when nobody else is left". When all have it, nobody is left from the start:'
        " all get the same share, as if no weight were written.",
        help="Give those that should be asked first a weight of 1 or more.",
        bad="""\
version: 1
policy:
  rotation: {strategy: round-robin}
profiles:
  first: {provider: openai, api_key: env:FIRST_KEY, weight: 0}
  second: {provider: openai, api_key: env:SECOND_KEY, weight: 0}
""",
        good="""\
version: 1
policy:
  rotation: {strategy: round-robin}
profiles:
  first: {provider: openai, api_key: env:FIRST_KEY, weight: 1}
  second: {provider: openai, api_key: env:SECOND_KEY, weight: 0}
""",
        severity=WARNING,
    ),
    Rule(
        code="CBA404",
        title="a weight that decides nothing",
        why="Weights share calls out under `round-robin` and `random`. Under `priority`, which is the"
        " default, the best profile takes every call.",
        help="Choose a strategy that shares calls, or say with `priority` who comes first.",
        bad="""\
version: 1
profiles:
  large: {provider: openai, api_key: env:LARGE_KEY, weight: 3}
  small: {provider: openai, api_key: env:SMALL_KEY}
""",
        good="""\
version: 1
policy:
  rotation: {strategy: random}
profiles:
  large: {provider: openai, api_key: env:LARGE_KEY, weight: 3}
  small: {provider: openai, api_key: env:SMALL_KEY}
""",
        severity=WARNING,
    ),
    Rule(
        code="CBA405",
        title="priorities that decide nothing",
        why="`round-robin` and `random` share calls among all profiles that are admitted, whatever their priority.",
        help="Write `strategy: priority`, or let `weight` say who gets how much: with 0 a profile waits until"
        " nobody else is left.",
        bad="""\
version: 1
policy:
  rotation: {strategy: round-robin}
profiles:
  first: {provider: openai, api_key: env:FIRST_KEY, priority: 10}
  spare: {provider: openai, api_key: env:SPARE_KEY}
""",
        good="""\
version: 1
policy:
  rotation: {strategy: round-robin}
profiles:
  first: {provider: openai, api_key: env:FIRST_KEY}
  spare: {provider: openai, api_key: env:SPARE_KEY, weight: 0}
""",
        severity=WARNING,
    ),
    Rule(
        code="CBA406",
        title="a rotation that nobody looks at",
        why="One list of profiles is rotated, so one rotation counts: that of the file. In a provider's or a"
        " profile's policy nobody looks at it.",
        help="Write it under `policy` at the top level.",
        bad="""\
version: 1
profiles:
  first:
    provider: openai
    policy: {rotation: {strategy: random}}
""",
        good="""\
version: 1
policy: {rotation: {strategy: random}}
profiles:
  first: {provider: openai}
""",
        severity=WARNING,
    ),
    Rule(
        code="CBA407",
        title="a provider that nobody uses",
        why="Often a profile names another provider than was meant, and the settings written here never apply.",
        help="Name it in a profile, or take it out.",
        bad="""\
version: 1
providers:
  acme: {protocol: openai, base_url: "https://llm.acme.example/v1"}
profiles:
  work: {provider: openai}
""",
        good="""\
version: 1
providers:
  acme: {protocol: openai, base_url: "https://llm.acme.example/v1"}
profiles:
  work: {provider: acme}
""",
        severity=WARNING,
    ),
    Rule(
        code="CBA411",
        title="a wildcard behind a broader one",
        why="Another entry of the same list matches whatever it matches. It narrows nothing: a list serves"
        " what any of its entries matches.",
        help="Take it out, or take the broader one out if the narrow one was meant.",
        bad="""\
version: 1
profiles:
  work: {provider: openai, models: ["gpt-*", "gpt-4*"]}
""",
        good="""\
version: 1
profiles:
  work: {provider: openai, models: ["gpt-*", "o3*"]}
""",
        severity=WARNING,
    ),
    Rule(
        code="CBA412",
        title="equal wildcards, decided by the order of the file",
        why="Two providers serve the same models with the same priority. Who answers, and who is paid,"
        " depends on which profile stands first in the file; whoever sorts it changes that.",
        help="Give one of them a higher priority.",
        bad="""\
version: 1
providers:
  acme: {protocol: openai, base_url: "https://llm.acme.example/v1"}
profiles:
  direct: {provider: openai, models: ["gpt-*"]}
  gateway: {provider: acme, models: ["gpt-*"]}
""",
        good="""\
version: 1
providers:
  acme: {protocol: openai, base_url: "https://llm.acme.example/v1"}
profiles:
  direct: {provider: openai, models: ["gpt-*"], priority: 10}
  gateway: {provider: acme, models: ["gpt-*"]}
""",
        severity=WARNING,
    ),
)
