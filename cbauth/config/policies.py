"""From the policies a person wrote to the one that holds.

Laws:

1. Layers are merged key by key, later ones win: the defaults, the file's, the provider's, the profile's.
2. A preset is what the ladders start from; every key that some layer gives overrides it, whichever layer named it.
3. An empty layer changes nothing: the very same ``Policy`` comes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cbauth.core.cooldown import LADDERS, PRESETS, CooldownPolicy
from cbauth.plan import DEFAULT_POLICY, Policy

__all__ = ["Layers", "compiled", "merged"]

Written = Mapping[str, Any]
"""A policy as validated plain data: only the keys that were given, durations in seconds."""


def merged(below: Written, above: Written) -> Written:
    """Both layers key by key; where both give one, ``above`` wins."""
    if not above or not below:
        return above or below
    both = dict(below)
    for key, value in above.items():
        held = both.get(key)
        both[key] = merged(held, value) if isinstance(held, Mapping) and isinstance(value, Mapping) else value
    return both


class Layers:
    """Compiles layers of policies; equal layers share one ``Policy``."""

    def __init__(self, file: Written) -> None:
        self._file = file
        self.base = compiled(file)
        self._providers: dict[str, tuple[Written, Policy]] = {}

    def provider(self, provider_id: str, written: Written) -> None:
        """Remember what a provider's profiles do differently."""
        if written:
            layer = merged(self._file, written)
            self._providers[provider_id] = layer, compiled(layer)

    def profile(self, provider_id: str, written: Written) -> Policy:
        """The policy of a profile of that provider."""
        layer, policy = self._providers.get(provider_id, (self._file, self.base))
        return compiled(merged(layer, written)) if written else policy


def compiled(written: Written) -> Policy:
    """The policy that ``written`` describes, on top of the defaults."""
    if not written:
        return DEFAULT_POLICY
    default = DEFAULT_POLICY
    retry = dict(written.get("retry", {}))
    if backoff := dict(retry.pop("backoff", {})):
        if "initial" in backoff:
            backoff["base"] = backoff.pop("initial")
        retry["backoff"] = replace(default.retry.backoff, **backoff)
    return Policy(
        rotation=replace(default.rotation, **written.get("rotation", {})),
        breaker=replace(default.breaker, **written.get("breaker", {})),
        cooldown=_cooldown(dict(written.get("cooldown", {})), default.cooldown),
        retry=replace(default.retry, **retry),
    )


def _cooldown(written: dict[str, Any], default: CooldownPolicy) -> CooldownPolicy:
    preset = PRESETS[written.pop("preset", default.preset)]
    for name in LADDERS:
        if name in written:
            written[name] = replace(getattr(preset, name), **written[name])
    return replace(preset, **written)
