"""What may be shown of a file, and what may not.

Laws:

1. A value is shown only when its field is known to be harmless (the table below) and it does not look like a secret.
2. What is shown is short, printable ASCII: no control character, no terminal escape, no look-alike, no anchor or tag,
   and nothing that a CI server takes for a command.
3. A key is shown under the same rule 2, in mappings that have keys by right, and never when it looks like a secret.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cbauth.core.cooldown import LADDERS

if TYPE_CHECKING:
    from cbauth.config.diagnostics import Path

__all__ = ["CI_COMMANDS", "KNOWN_KEYS", "harmless", "is_free", "looks_secret", "names_allowed", "presentable", "quoted"]

CI_COMMANDS = ("::", "##[", "##vso[")
"""What makes CI servers take a line for a command: GitHub Actions the first, Azure Pipelines the others."""

LONGEST_SHOWN = 64
SHORTEST_SECRET = len("xoxb-0123456789")

_PRINTABLE = re.compile(r"[!-~](?:[ -~]*[!-~])?")

# The shapes of well-known keys and tokens (the prefixes that GitHub's secret scanning page and the providers publish).
_KNOWN_SECRET = re.compile(
    r"""(?:^|[^A-Za-z0-9])(?:
        sk-[A-Za-z0-9_-]{16,} | sk_(?:live|test)_[A-Za-z0-9]{16,}
      | AIza[A-Za-z0-9_-]{30,} | ya29\.[A-Za-z0-9_-]{16,}
      | gh[pousr]_[A-Za-z0-9]{30,} | github_pat_[A-Za-z0-9_]{30,} | glpat-[A-Za-z0-9_-]{16,}
      | gsk_[A-Za-z0-9]{20,} | xai-[A-Za-z0-9]{20,} | hf_[A-Za-z0-9]{20,} | pplx-[A-Za-z0-9]{20,} | r8_[A-Za-z0-9]{20,}
      | xox[abpr]-[A-Za-z0-9-]{10,} | AKIA[A-Z0-9]{16}
      | eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}
      | [Bb]earer[ ]+[A-Za-z0-9._~+/-]{16,}
      | -----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY
    )""",
    re.VERBOSE,
)
# One of these is in every text that the pattern finds; looking for them first is fifty times as fast.
_HINTS = (
    *("sk-", "sk_", "AIza", "ya29.", "gh", "glpat-", "gsk_", "xai-", "hf_", "pplx-", "r8_", "xox", "AKIA", "eyJ"),
    *("earer", "PRIVATE"),
)
# One unbroken run that looks drawn by lot: with capitals, small letters and digits; or letters and digits in many
# turns; or a UUID. No name or model looks like that.
_RANDOM = re.compile(
    r"""(?=[a-z0-9+/=_]*[A-Z])(?=[A-Z0-9+/=_]*[a-z])(?=[A-Za-z+/=_]*[0-9])[A-Za-z0-9+/=_]{20,}
      | (?=(?:[A-Za-z]*[0-9]+[A-Za-z]){4})[A-Za-z0-9]{20,}
      | [0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}
    """,
    re.VERBOSE,
)

_POLICY = {
    "rotation": {"strategy", "sticky", "sticky_ttl"},
    "breaker": {
        "failure_threshold",
        "failure_decay",
        "open_for",
        "half_open_permits",
        "permit_timeout",
        "scope",
        "mode",
    },
    "cooldown": {"preset", "retry_after_cap"},
    "retry": {"attempts", "max_wait"},
}
_STEPS = {"base", "initial", "factor", "cap", "jitter", "scope"}
_PROFILE = {"provider", "models", "default_model", "priority", "weight", "enabled"}

KNOWN_KEYS = frozenset(
    {"version", "providers", "profiles", "routes", "policy", "classify", "state", "credentials", "store", "namespace"}
    | {"name", "protocol", "base_url", "oauth", "api_key", "metadata", "account", "status", "match", "kind"}
    | {"issuer", "authorization_endpoint", "token_endpoint", "device_authorization_endpoint", "revocation_endpoint"}
    | {"userinfo_endpoint", "client_id", "client_secret", "scopes", "redirect_uri", "refresh_before", "extra_params"}
    | {"backoff"}.union(_POLICY, *_POLICY.values(), LADDERS, _STEPS, _PROFILE)
)
"""The words of the format: harmless wherever they stand before a colon, even in a text that cannot be parsed."""


def looks_secret(text: str) -> bool:
    """Whether ``text`` has the published shape of a key or token, or holds one."""
    return (
        len(text) >= SHORTEST_SECRET and any(hint in text for hint in _HINTS) and _KNOWN_SECRET.search(text) is not None
    )


def presentable(text: str) -> bool:
    """Whether ``text`` may be put before people at all (laws 1 and 2)."""
    return (
        len(text) <= LONGEST_SHOWN
        and _PRINTABLE.fullmatch(text) is not None
        and text[0] not in "&!"
        and not any(command in text for command in CI_COMMANDS)
        and not looks_secret(text)
        and _RANDOM.search(text) is None
    )


def is_free(key: object) -> bool:
    """Whether a key is for the user's own use: what stands under it is not checked."""
    return isinstance(key, str) and key.startswith("x-")


def quoted(text: str, otherwise: str) -> str:
    """The word between back-quotes when it may be shown, else the words that stand for it."""
    return f"`{text}`" if presentable(text) else otherwise


def harmless(path: Path) -> bool:
    """Whether the field at ``path`` can hold nothing that has to be hidden: a name, a number, a length, a choice."""
    match path:
        case ("version",) | ("credentials", "store") | ("routes", str(), int()):
            return True
        case ("providers", str(), "protocol") | ("providers", str(), "oauth", "refresh_before"):
            return True
        case ("providers", str(), "oauth", "scopes", int()):
            return True
        case ("classify", int(), "provider" | "status" | "kind"):
            return True
        case ("profiles", str(), str(field)) | ("profiles", str(), "models" as field, int()):
            return field in _PROFILE
        case ("policy", *rest) | ("providers" | "profiles", str(), "policy", *rest):
            return _harmless_policy(tuple(rest))
    return False


def names_allowed(path: Path) -> bool:
    """Whether a mapping at ``path`` has keys by right; a mapping where a secret belongs may have one as its key."""
    match path:
        case () | ("providers" | "profiles" | "routes" | "policy" | "state" | "credentials",) | ("classify", int()):
            return True
        case ("providers" | "profiles", str()) | ("providers" | "profiles", str(), "oauth" | "policy" | "metadata"):
            return True
        case ("providers", str(), "oauth", "extra_params"):
            return True
        case ("policy", *rest) | ("providers" | "profiles", str(), "policy", *rest):
            return _harmless_keys(tuple(rest))
    return False


def _harmless_keys(path: Path) -> bool:
    match path:
        case (str(part),):
            return part in _POLICY
        case ("cooldown", str(part)):
            return part in LADDERS
    return path == ("retry", "backoff")


def _harmless_policy(path: Path) -> bool:
    match path:
        case (str(part), str(field)):
            return field in _POLICY.get(part, ())
        case ("cooldown", str(ladder), str(step)):
            return ladder in LADDERS and step in _STEPS
        case ("retry", "backoff", str(step)):
            return step in _STEPS
    return False
