"""The first profiles.yaml of somebody new: a commented file that does what its comments say, and has no warning."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from cbauth.config import builtin_providers
from cbauth.config.schema.types import duration_text
from cbauth.plan import DEFAULT_POLICY, Provider

__all__ = ["SCHEMA_FILE", "beginning", "ready", "variable"]

SCHEMA_FILE = "profiles.schema.json"

# A model of each provider for the route, as its documentation names it; of those that serve whatever is asked for, the
# ones that people have.
_MODELS = {
    "anthropic": "claude-sonnet-4-5",
    "openai": "gpt-4o",
    "google": "gemini-2.5-pro",
    "github": "openai/gpt-4o",
    "grok": "grok-4",
    "ollama": "llama3.2",
    "openrouter": "openai/gpt-4o",
    "groq": "llama-3.3-70b-versatile",
    "mistral": "mistral-large-latest",
    "deepseek": "deepseek-chat",
}
_LOCAL = ("llama*", "qwen*", "mistral*")


def ready(names: Collection[str]) -> list[str]:
    """The built-in providers one of whose usual environment variables is among ``names``."""
    return [provider.id for provider in builtin_providers().values() if not set(_usual(provider)).isdisjoint(names)]


def variable(provider: Provider, names: Collection[str]) -> str | None:
    """The environment variable that a provider's key comes from: the first usual one that is set, else the first."""
    return next((name for name in provider.env if name in names), provider.env[0] if provider.env else None)


def _usual(provider: Provider) -> Sequence[str]:
    return provider.env or (f"{provider.id.upper()}_HOST",)


def beginning(chosen: Sequence[str], names: Collection[str], *, schema: bool) -> str:
    """The text of the file for the providers ``chosen``; ``schema``: whether one lies beside it for editors."""
    return "\n".join((*_head(schema), *_profiles(chosen, names), *_routes(chosen), *_policy(), ""))


def _head(schema: bool) -> Iterator[str]:
    if schema:
        yield f"# yaml-language-server: $schema={SCHEMA_FILE}"
        yield "#"
    yield "# Who answers your calls to AI models, with which credential, and what happens when one of them fails."
    yield "# Check it with `cbauth validate`. Secrets never stand here, only where they are to be found:"
    yield '# env:NAME, file:PATH, keyring:SERVICE/USER or command:["prog","arg"].'
    yield "version: 1"


def _profiles(chosen: Sequence[str], names: Collection[str]) -> Iterator[str]:
    yield ""
    yield "# One profile is one credential. The highest priority answers; the others stand in when it cannot."
    yield "profiles:"
    for place, name in enumerate(chosen):
        provider = builtin_providers()[name]
        yield f"  {name}:"
        yield f"    provider: {name}"
        key = variable(provider, names)
        if key is not None:
            yield f"    api_key: env:{key}" + ("" if key in names else " # not set yet")
        else:
            yield f"    models: [{', '.join(_LOCAL)}] # it needs no key; name here what it has"
        yield f"    priority: {10 * (len(chosen) - place)}"
    yield "  # A second key of the same provider takes over when the first one reaches its limit:"
    yield "  # spare:"
    yield f"  #   provider: {chosen[0]}"
    yield "  #   api_key: env:SPARE_API_KEY"


def _routes(chosen: Sequence[str]) -> Iterator[str]:
    yield ""
    yield "# Names for lists of models that are tried in this order, over all profiles that serve them."
    is_alone = len(chosen) == 1
    named = [*chosen, next(name for name in _MODELS if name not in chosen)] if is_alone else chosen
    mark = "# " if is_alone else ""
    yield f"{mark}routes:"
    yield f"{mark}  smart: [{', '.join(dict.fromkeys(_MODELS[name] for name in named))}]"


def _policy() -> Iterator[str]:
    rotation, breaker, retry = DEFAULT_POLICY.rotation, DEFAULT_POLICY.breaker, DEFAULT_POLICY.retry
    words: Mapping[str, str] = {
        "rotation": f"{{strategy: {rotation.strategy}, sticky_ttl: {duration_text(rotation.sticky_ttl)}}}",
        "breaker": f"{{failure_threshold: {breaker.failure_threshold}, open_for: {duration_text(breaker.open_for)}}}",
        "cooldown": f"{{preset: {DEFAULT_POLICY.cooldown.preset}}}",
        "retry": f"{{attempts: {retry.attempts}, max_wait: {duration_text(retry.max_wait)}}}",
    }
    meanings = {
        "rotation": "priority | round-robin | random; a session stays with who answered it",
        "breaker": "who fails so often is left alone for so long",
        "cooldown": "how long a refused key rests: adaptive | classic",
        "retry": "tries of one request, and the longest wait for somebody to be free",
    }
    yield ""
    yield "# These are the defaults, written out: whatever you leave out stays as it is here."
    yield "policy:"
    for key, value in words.items():
        yield f"  {key}: {value} # {meanings[key]}"
