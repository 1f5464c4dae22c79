"""From a plan to the engine's members: what each profile's health is kept under, and where its secret comes from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from cbauth.failover.member import Member, health_keys
from cbauth.managers.tokens import ManagedToken, TokenManager
from cbauth.oauth.targets import sends_home
from cbauth.plan import DEFAULT_POLICY, OAuthLogin, Plan, Profile, SecretRef
from cbauth.secrets import Blocked, Source, source_for

__all__ = ["members_of", "reconciled"]


def members_of(plan: Plan, oauth: TokenManager | None = None) -> list[Member]:
    """The engine's members of a plan."""
    return [_member(profile, plan, oauth) for profile in plan.profiles]


def _member(profile: Profile, plan: Plan, oauth: TokenManager | None) -> Member:
    provider = profile.provider
    source = _source(profile, plan, oauth)
    own, shared = health_keys(profile.id, provider.id, profile.base_url, _reference(profile), plan.namespace)
    return Member(
        profile_id=profile.id,
        provider_id=provider.id,
        own_key=own,
        shared_key=shared,
        kind="oauth" if profile.uses_oauth else "none" if profile.credential is None else "api_key",
        source=source,
        protocol=provider.protocol,
        base_url=profile.base_url,
        models=profile.models,
        default_model=profile.default_model,
        priority=profile.priority,
        weight=profile.weight,
        order=profile.order,
        enabled=profile.enabled,
        metadata=profile.metadata,
        policy=profile.policy,
    )


def _source(profile: Profile, plan: Plan, oauth: TokenManager | None) -> Source:
    if not plan.trusted and profile.credential is not None and not sends_home(profile.provider, profile.base_url):
        where = "oauth" if profile.uses_oauth else ", ".join(map(str, _refs(profile)))
        return Blocked(f"{plan.path} was only found here and is not trusted: run `cbauth trust`", description=where)
    if profile.uses_oauth:
        return ManagedToken(oauth, profile.id, profile.id)
    base_dir = plan.path.parent if plan.path is not None else None
    refs = None if profile.credential is None else _refs(profile)
    return source_for(refs, base_dir=base_dir, allow_command=plan.trusted)


def _refs(profile: Profile) -> tuple[SecretRef, ...]:
    return profile.credential if isinstance(profile.credential, tuple) else ()


def _reference(profile: Profile) -> str:
    """What tells this profile's credential from another one of the same name, in full; it is digested, never shown."""
    if isinstance(profile.credential, OAuthLogin):
        return f"oauth:{profile.credential.account}"
    return repr([(ref.scheme, ref.args) for ref in _refs(profile)])


def reconciled(present: Iterable[Member], old: Plan, new: Plan, made: Iterable[Member]) -> list[Member]:
    """The members of the new plan, ``made``, with what was done by hand where the file has nothing new to say.

    ``present`` are the members as they are: the old plan's, and what was added, replaced, removed or switched since.
    """
    before, after = _entries(old), _entries(new)
    here = {member.profile_id: member for member in present}
    members = []
    for member in made:
        now = here.pop(member.profile_id, None)
        if before.get(member.profile_id) != after[member.profile_id]:
            members.append(member)
        elif now is not None and now.origin is not None:
            members.append(now.replace(order=member.order, policy=new.policy))
        elif now is not None:
            members.append(member.replace(enabled=now.enabled))
    by_hand = sorted((m for m in here.values() if m.profile_id not in before), key=lambda m: m.order)
    last = len(after)
    return members + [m.replace(order=last + place, policy=new.policy) for place, m in enumerate(by_hand)]


def _entries(plan: Plan) -> dict[str, Profile]:
    """The profiles as the file declares them, but for what other entries of the file decide."""
    return {profile.id: replace(profile, order=0, policy=DEFAULT_POLICY) for profile in plan.profiles}
