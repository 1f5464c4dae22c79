"""``CBA4xx``: numbers, logins, secrets and rules of a policy that cannot do what it says."""

from __future__ import annotations

from cbauth.config.codes.rule import Rule
from cbauth.config.diagnostics import WARNING

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (
    Rule(
        code="CBA431",
        title="a cap below the first step",
        why="No step is longer than the cap, so every one of them is the cap, and the first step that is"
        " written never happens.",
        help="Write a cap that is not below the first step.",
        bad="""\
version: 1
profiles:
  work: {provider: openai}
policy:
  cooldown: {rate_limit: {base: 2m, cap: 30s}}
""",
        good="""\
version: 1
profiles:
  work: {provider: openai}
policy:
  cooldown: {rate_limit: {base: 30s, cap: 2m}}
""",
        severity=WARNING,
    ),
    Rule(
        code="CBA432",
        title="steps that do not grow",
        why="Each step is the one before times the factor. With 1 all are alike and the cap is never reached;"
        " below 1 they even become shorter.",
        help="Write a factor of more than 1; or a factor of 1 without a cap, for steps that are all alike.",
        bad="""\
version: 1
profiles:
  work: {provider: openai}
policy:
  cooldown: {rate_limit: {base: 30s, factor: 1, cap: 10m}}
""",
        good="""\
version: 1
profiles:
  work: {provider: openai}
policy:
  cooldown: {rate_limit: {base: 30s, factor: 2, cap: 10m}}
""",
        severity=WARNING,
    ),
    Rule(
        code="CBA433",
        title="no jitter where machines share a key",
        why="All machines that share the state rest until the same moment, and then call at once, which is"
        " what the rate limit was about.",
        help="Write a share such as `0.1`, or leave the key out.",
        bad="""\
version: 1
profiles:
  work: {provider: openai}
policy:
  cooldown: {rate_limit: {jitter: 0}}
state: {store: "rediss://cache.example:6379/0"}
""",
        good="""\
version: 1
profiles:
  work: {provider: openai}
policy:
  cooldown: {rate_limit: {jitter: 0.2}}
state: {store: "rediss://cache.example:6379/0"}
""",
        severity=WARNING,
    ),
    Rule(
        code="CBA434",
        title="a breaker that can never open",
        why="Only failures within `failure_decay` count. So many as this threshold wants do not happen in so"
        " short a time: whoever fails goes on being asked. With `mode: off` alone that is meant; with other keys beside"
        " it, nobody looks at them.",
        help="Write a smaller threshold, a longer decay, or another mode.",
        bad="""\
version: 1
profiles:
  work: {provider: openai}
policy:
  breaker: {failure_threshold: 100, failure_decay: 5s}
""",
        good="""\
version: 1
profiles:
  work: {provider: openai}
policy:
  breaker: {failure_threshold: 5, failure_decay: 5m}
""",
        severity=WARNING,
    ),
    Rule(
        code="CBA435",
        title="a breaker that is open for less than a call takes",
        why="It admits its next trial while calls from before it opened still wait for their time-outs, so"
        " the failing provider is never left alone.",
        help="Write at least a few seconds; a minute is the default.",
        bad="""\
version: 1
profiles:
  work: {provider: openai}
policy:
  breaker: {open_for: 500ms}
""",
        good="""\
version: 1
profiles:
  work: {provider: openai}
policy:
  breaker: {open_for: 30s}
""",
        severity=WARNING,
    ),
    Rule(
        code="CBA436",
        title="a trial that is given up too early",
        why="A half-open breaker admits one trial. After `permit_timeout` it counts as lost, and the next one"
        " is sent to a provider that still works on the first.",
        help="Write more than the time-out of your client; ten minutes is the default.",
        bad="""\
version: 1
profiles:
  work: {provider: openai}
policy:
  breaker: {permit_timeout: 5s}
""",
        good="""\
version: 1
profiles:
  work: {provider: openai}
policy:
  breaker: {permit_timeout: 5m}
""",
        severity=WARNING,
    ),
    Rule(
        code="CBA437",
        title="sessions that end before a rest does",
        why="A session moves to another profile while its own rests. When its binding ends before that rest"
        " does, it moves back as soon as it can, and what the provider had cached is lost twice.",
        help="Write a `sticky_ttl` that is not below the rest after a rate limit.",
        bad="""\
version: 1
profiles:
  work: {provider: openai}
policy:
  rotation: {sticky_ttl: 5s}
""",
        good="""\
version: 1
profiles:
  work: {provider: openai}
policy:
  rotation: {sticky_ttl: 15m}
""",
        severity=WARNING,
    ),
    Rule(
        code="CBA438",
        title="a provider's hint that counts for less than none",
        why="A hint such as `Retry-After` replaces the rest that the policy has, up to `retry_after_cap`."
        " With a cap below that rest, a provider that asks for patience is asked again sooner than one"
        " that does not.",
        help="Write a `retry_after_cap` that is not below the rest after a rate limit.",
        bad="""\
version: 1
profiles:
  work: {provider: openai}
policy:
  cooldown: {retry_after_cap: 5s}
""",
        good="""\
version: 1
profiles:
  work: {provider: openai}
policy:
  cooldown: {retry_after_cap: 1h}
""",
        severity=WARNING,
    ),
    Rule(
        code="CBA439",
        title="a wait that is never long enough",
        why="Before somebody who just failed is asked again there is a pause. When the longest wait is"
        " shorter than the first pause, nobody ever waits, and the request fails instead.",
        help="Write a `max_wait` that is not below the first pause; or `0`, to say that nobody shall wait.",
        bad="""\
version: 1
profiles:
  work: {provider: openai}
policy:
  retry: {max_wait: 1s, backoff: {initial: 5s}}
""",
        good="""\
version: 1
profiles:
  work: {provider: openai}
policy:
  retry: {max_wait: 10s, backoff: {initial: 5s}}
""",
        severity=WARNING,
    ),
    Rule(
        code="CBA440",
        title="a provider's breaker that not all of its profiles heed",
        why="A breaker of scope `provider` is shared by those profiles that have that scope. The others of"
        " the provider neither count in it nor wait for it.",
        help="Write the scope in the provider's own policy, for all of its profiles.",
        bad="""\
version: 1
profiles:
  team: {provider: openai, policy: {breaker: {scope: provider}}}
  spare: {provider: openai, api_key: env:SPARE_KEY}
""",
        good="""\
version: 1
providers:
  openai: {policy: {breaker: {scope: provider}}}
profiles:
  team: {provider: openai}
  spare: {provider: openai, api_key: env:SPARE_KEY}
""",
        severity=WARNING,
    ),
    Rule(
        code="CBA441",
        title="a login that PKCE does not protect",
        why="PKCE binds the code of a login to the program that asked for it (RFC 7636). A parameter that"
        " would replace the login's own is refused when somebody logs in; a login by device code alone"
        " goes without.",
        help="Take the parameter out; give the provider an `issuer` or an `authorization_endpoint`.",
        bad="""\
version: 1
providers:
  acme:
    protocol: openai
    oauth:
      issuer: https://login.acme.example
      client_id: mine
      extra_params: {code_challenge_method: plain}
profiles:
  me: {provider: acme, oauth: {}}
""",
        good="""\
version: 1
providers:
  acme:
    protocol: openai
    oauth:
      issuer: https://login.acme.example
      client_id: mine
      extra_params: {prompt: consent}
profiles:
  me: {provider: acme, oauth: {}}
""",
        severity=WARNING,
    ),
    Rule(
        code="CBA442",
        title="one secret in two places",
        why="A secret that two providers get is a secret that each of them can use at the other. And two"
        " profiles with one key share its limit: sharing calls out between them gains nothing.",
        help="Give each a secret of its own.",
        bad="""\
version: 1
providers:
  acme: {protocol: openai, base_url: "https://llm.acme.example/v1"}
profiles:
  work: {provider: openai, api_key: env:API_KEY}
  other: {provider: acme, api_key: env:API_KEY, models: ["acme-*"]}
""",
        good="""\
version: 1
providers:
  acme: {protocol: openai, base_url: "https://llm.acme.example/v1"}
profiles:
  work: {provider: openai, api_key: env:OPENAI_API_KEY}
  other: {provider: acme, api_key: env:ACME_API_KEY, models: ["acme-*"]}
""",
        severity=WARNING,
    ),
    Rule(
        code="CBA443",
        title="a command with a relative path",
        why="The program is looked for in the folder of the file. Whoever may write there, or sends you a"
        " folder with a profiles.yaml in it, decides what is run with your rights.",
        help="Write its whole path, or the bare name of a program on the PATH.",
        bad="""\
version: 1
profiles:
  work: {provider: openai, api_key: 'command:["./get-key", "openai"]'}
""",
        good="""\
version: 1
profiles:
  work: {provider: openai, api_key: 'command:["/opt/acme/bin/get-key", "openai"]'}
  other: {provider: anthropic, api_key: 'command:["pass", "show", "anthropic"]'}
""",
        severity=WARNING,
    ),
    Rule(
        code="CBA451",
        title="a rule that is never reached",
        why="The first rule that matches decides. An earlier one matches whatever this one matches, so this"
        " one is never asked.",
        help="Put the particular rule before the general one.",
        bad="""\
version: 1
profiles:
  work: {provider: openai}
classify:
  - {status: 403, kind: auth}
  - {provider: openai, status: 403, match: Key limit exceeded, kind: billing}
""",
        good="""\
version: 1
profiles:
  work: {provider: openai}
classify:
  - {provider: openai, status: 403, match: Key limit exceeded, kind: billing}
  - {status: 403, kind: auth}
""",
        severity=WARNING,
    ),
    Rule(
        code="CBA452",
        title="a rule for a provider that nobody uses",
        why="Rules that name a provider are asked about its answers only, and no profile uses this one.",
        help="Name a provider that a profile uses, or take the rule out.",
        bad="""\
version: 1
profiles:
  work: {provider: openai}
classify:
  - {provider: anthropic, status: 403, kind: billing}
""",
        good="""\
version: 1
profiles:
  work: {provider: openai}
classify:
  - {provider: openai, status: 403, kind: billing}
""",
        severity=WARNING,
    ),
)
