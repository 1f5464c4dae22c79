"""A profile as the engine sees it: an identity, a place in the ranking, a policy and a source of its secret."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

from cbauth.core.health import digest
from cbauth.core.models import Models
from cbauth.core.rotation import rank_key
from cbauth.errors import AuthError
from cbauth.plan import DEFAULT_POLICY, Policy
from cbauth.secrets import Nothing, Secret, Source

__all__ = ["Member", "RenewableSource", "health_keys"]

EVERY_MODEL = Models(("*",))
_NOTHING: Mapping[str, str] = MappingProxyType({})


@runtime_checkable
class RenewableSource(Source, Protocol):
    """A source of OAuth access tokens: they can be had anew without a person."""

    def renew(self, refused: Secret | None = None) -> None:
        """Replace the token that was just ``refused``, unless somebody has done so since.

        Raises ``LoginRequiredError`` or ``RefreshError``.
        """

    @property
    def expires_at(self) -> float | None:
        """When the current token expires, epoch seconds; ``None`` if there is none or it does not say."""


class Member:
    """One profile among those an engine chooses from. Immutable by convention; compared by identity.

    ``breaker_key`` is the record that holds its breaker: its own or its provider's.
    """

    __slots__ = (
        "base_url",
        "breaker_key",
        "default_model",
        "enabled",
        "kind",
        "metadata",
        "models",
        "name",
        "order",
        "origin",
        "own_key",
        "policy",
        "priority",
        "profile_id",
        "protocol",
        "provider_id",
        "shared_key",
        "source",
        "weight",
    )

    def __init__(
        self,
        *,
        profile_id: str,
        provider_id: str,
        own_key: str,
        shared_key: str,
        kind: str = "api_key",
        source: Source | None = None,
        protocol: str = "generic",
        base_url: str | None = None,
        models: Models = EVERY_MODEL,
        default_model: str | None = None,
        priority: int = 0,
        weight: int = 1,
        order: int = 0,
        enabled: bool = True,
        name: str | None = None,
        metadata: Mapping[str, str] = _NOTHING,
        policy: Policy = DEFAULT_POLICY,
        origin: object = None,
    ) -> None:
        self.profile_id = profile_id
        self.provider_id = provider_id
        self.own_key = own_key
        self.shared_key = shared_key
        self.kind = kind
        self.source = source if source is not None else Nothing()
        self.protocol = protocol
        self.base_url = base_url
        self.models = models
        self.default_model = default_model
        self.priority = priority
        self.weight = weight
        self.order = order
        self.enabled = enabled
        self.name = name or profile_id
        self.metadata = metadata
        self.policy = policy
        self.origin = origin
        self.breaker_key = shared_key if policy.breaker.scope == "provider" else own_key

    def __repr__(self) -> str:
        return f"Member({self.profile_id!r})"

    def replace(self, **changes: Any) -> Member:
        """A copy with ``changes``."""
        given = (name for name in self.__slots__ if name != "breaker_key")
        return Member(**{name: changes.get(name, getattr(self, name)) for name in given})

    @property
    def rank(self) -> tuple[int, bool, int]:
        """Its place in the ranking: lower comes first."""
        return rank_key(self.priority, self.kind == "oauth", self.order)

    def serves(self, model: str | None) -> bool:
        """Whether it may be asked for ``model``; a request that names none may go to anybody."""
        return model is None or self.models.serves(model)

    def known_secrets(self) -> tuple[str, ...]:
        """The secret, if it can be told at once, to strike it out of texts; slow sources are not asked."""
        source = self.source
        try:
            return () if source.slow else (source.get().reveal(),)
        except AuthError:
            return ()

    def headers(self, token: str) -> dict[str, str]:
        """The request headers that carry ``token``, as the provider's protocol wants them."""
        if not token:
            return {}
        if self.kind != "oauth":
            if self.protocol == "anthropic":
                return {"x-api-key": token, "anthropic-version": "2023-06-01"}
            if self.protocol == "google":
                return {"x-goog-api-key": token}
        headers = {"Authorization": f"Bearer {token}"}
        if self.protocol == "anthropic":
            headers["anthropic-version"] = "2023-06-01"
        return headers


def health_keys(
    profile_id: str, provider_id: str, base_url: str | None, credential: str, namespace: str = ""
) -> tuple[str, str]:
    """The keys of the profile's own record and of its provider's.

    They digest what makes two profiles different (provider, base URL, credential *reference*, namespace), so that two
    projects that both call a profile ``main`` do not meet, and never the secret itself.
    """
    own = digest(namespace, profile_id, provider_id, base_url, credential)
    return f"profile/{own}", f"provider/{digest(namespace, provider_id, base_url)}"
