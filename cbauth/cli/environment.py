"""The environment variables by which programs find a credential, and the host that it is for.

Laws:

1. A secret stands only in variables of its own provider, and in those that the SDK of its protocol reads together with
   a base URL that leads to its own host.
2. Nothing that was set before outranks what is set here: such variables go.

What the SDKs read, and in which order: openai 2 (``OPENAI_API_KEY``, ``OPENAI_BASE_URL``), anthropic 0 (the key before
the ``ANTHROPIC_AUTH_TOKEN``, which is sent as a bearer token), google-genai 1 (``GOOGLE_API_KEY`` before
``GEMINI_API_KEY``), ollama 0 (``OLLAMA_HOST``, ``OLLAMA_API_KEY``). ``OPENAI_API_BASE`` is what older programs read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cbauth.config.providers import variable_for
from cbauth.plan import Profile
from cbauth.secrets import Secret

__all__ = ["variables"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sdk:
    """What an SDK reads. ``bearer``: for tokens of logins, where those are not read as keys are.

    ``home`` is where it goes when ``places`` are not set.
    """

    keys: tuple[str, ...]
    places: tuple[str, ...]
    home: str
    bearer: tuple[str, ...] = ()


_SDKS: Mapping[str, _Sdk] = {
    "openai": _Sdk(
        keys=("OPENAI_API_KEY",), places=("OPENAI_BASE_URL", "OPENAI_API_BASE"), home="https://api.openai.com/v1"
    ),
    "anthropic": _Sdk(
        keys=("ANTHROPIC_API_KEY",),
        places=("ANTHROPIC_BASE_URL",),
        home="https://api.anthropic.com",
        bearer=("ANTHROPIC_AUTH_TOKEN",),
    ),
    "google": _Sdk(
        keys=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        places=("GOOGLE_GEMINI_BASE_URL",),
        home="https://generativelanguage.googleapis.com",
    ),
    "ollama": _Sdk(keys=("OLLAMA_API_KEY",), places=("OLLAMA_HOST",), home=""),
}


def variables(profile: Profile, secret: Secret) -> dict[str, Secret | str | None]:
    """What to set for a program that shall use ``profile``; ``None`` for what to remove."""
    sdk = _SDKS.get(profile.provider.protocol)
    held = secret or None
    found: dict[str, Secret | str | None] = {}
    if sdk is not None and profile.base_url is not None:
        as_bearer = profile.uses_oauth and bool(sdk.bearer)
        found |= dict.fromkeys(sdk.keys, None if as_bearer else held)
        found |= dict.fromkeys(sdk.bearer, held if as_bearer else None)
        elsewhere = profile.base_url.rstrip("/") != sdk.home
        found |= dict.fromkeys(sdk.places, profile.base_url if elsewhere else None)
    own = profile.provider.env or (variable_for(profile.provider.id),)
    found |= {name: held for name in own if name not in found}
    if not profile.provider.builtin:
        place = own[0].removesuffix("_API_KEY") + "_BASE_URL"
        found |= {place: profile.base_url} if place not in found else {}
    return found
