"""Profiles that never get a chance, and words about who comes first that change nothing.

When is a profile never chosen? Whoever is better stands before it until it fails. So what counts is which failures take
the better one and spare this one. There are none

* when both are the same credential at the same address: what the provider says to one it says to the other;
* when every failure of the better one is recorded for the whole provider, at once (scope ``provider`` throughout).

Then no set of failures, however large, leaves this one in front. The largest set that spares it is all that need be
asked: who is not taken by that is taken by none. ``priority`` has everybody of higher rank before one; ``round-robin``
and ``random`` share calls among all whose weight is not 0, and those of weight 0 wait behind all of them. Sessions are
bound to whom they have met, and routes ask the same lists, so neither changes the answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice

from cbauth.config.diagnostics import WARNING, Finding, Path
from cbauth.config.rules.case import Case, called
from cbauth.config.rules.index import Index
from cbauth.core.breaker import BreakerPolicy
from cbauth.core.health import BREAKER_KINDS, TRANSIENT, Failure, State, admission, failed, reaches_provider
from cbauth.core.rotation import Roster
from cbauth.plan import Policy, Profile

__all__ = ["all_disabled", "idle_words", "never_chosen", "unused_providers", "weightless"]

KINDS = ("rate_limit", "billing", "auth", TRANSIENT, *sorted(BREAKER_KINDS))
"""Whatever takes a profile away. ``model_not_found`` is left out: the same provider does not know the model either."""

_Group = tuple[object, ...]


def never_chosen(case: Case) -> Iterator[Finding]:
    """CBA401: a profile that stays behind another one whatever fails."""
    before = _Before(case)
    sharing = _sharing(case)
    for place in sorted(sharing):
        before.add(case.ranked[place])
    for place, profile in enumerate(case.ranked):
        better = None if place in sharing else before.covering(profile)
        if better is None:
            if not case.rotates:
                before.add(profile)
            continue
        same = _upstream(better, case) == _upstream(profile, case)
        yield Finding(
            "CBA401",
            ("profiles", profile.id),
            f"{called(profile.id)} is never chosen: {called(better.id)} comes first, and {_why(case, profile, same)}",
            f"{_advice(case, profile, same)}; or take the profile out",
            severity=WARNING,
            at_key=True,
            related=((f"{called(better.id)} is always asked instead", ("profiles", better.id)),),
        )


def _why(case: Case, profile: Profile, same: bool) -> str:
    if not same:
        return "whatever fails there rests the whole provider"
    return "asks the same address" + (" with the same credential" if case.secret(profile) is not None else "")


def _advice(case: Case, profile: Profile, same: bool) -> str:
    if not same:
        return "write `scope: profile` where one profile's failure should rest that profile alone"
    own = "an account" if profile.uses_oauth else "a `base_url`" if case.secret(profile) is None else "a credential"
    return f"give it {own} of its own" + (", or a `weight` of 1 or more" if case.rotates else "")


def _sharing(case: Case) -> set[int]:
    """The places of those who share calls while all are well; the others wait for them. Under ``priority`` nobody."""
    if not case.rotates:
        return set()
    return set(Roster([profile.weight for profile in case.ranked]).turn())


class _Before:
    """Those who come first, by what they fall together with."""

    def __init__(self, case: Case) -> None:
        self._budget = case.budget
        self._upstreams = {profile.id: _upstream(profile, case) for profile in case.ranked}
        self._sizes = Counter(self._upstreams.values())
        self._groups: dict[_Group, Index[Profile]] = {}
        self._verdicts: dict[int, tuple[bool, ...]] = {}

    def add(self, profile: Profile) -> None:
        """Count ``profile`` among them."""
        upstream = self._upstreams[profile.id]
        if self._sizes[upstream] > 1:
            self._put(upstream, profile)
        for looks in self._dragged(profile.policy):
            self._put(_siblings(profile, looks), profile)

    def _put(self, group: _Group, profile: Profile) -> None:
        index = self._groups.setdefault(group, Index(self._budget))
        for pattern in profile.models.patterns:
            index.put(pattern, profile)

    def covering(self, profile: Profile) -> Profile | None:
        """One of those who together serve all that ``profile`` serves and never fail without it."""
        if not self._groups:
            return None
        breaker = profile.policy.breaker
        looks = breaker.scope == "provider" and breaker.mode == "enforce"
        for group in (self._upstreams[profile.id], _siblings(profile, looks)):
            index = self._groups.get(group)
            if index is None:
                continue
            found = [next(index.broader(pattern), None) for pattern in profile.models.patterns]
            if all(found) and found[0] is not None:
                return found[0][1]
        return None

    def _dragged(self, policy: Policy) -> tuple[bool, ...]:
        """Which siblings every failure under ``policy`` takes along: those who heed the breaker, those who do not."""
        verdict = self._verdicts.get(id(policy))
        if verdict is None:
            verdict = self._verdicts[id(policy)] = tuple(
                looks
                for looks in (True, False)
                if takes_along(policy, BreakerPolicy(scope="provider" if looks else "profile"))
            )
        return verdict


def _upstream(profile: Profile, case: Case) -> _Group:
    """The same credential at the same address."""
    return case.address(profile), case.secret(profile)


def _siblings(profile: Profile, looks: bool) -> _Group:
    """Those who share a provider's record; ``looks``: who heed the breaker in it, too."""
    return profile.provider.id, profile.base_url, looks


def takes_along(policy: Policy, sibling: BreakerPolicy) -> bool:
    """Whether every failure under ``policy`` at once refuses a sibling that fails by the rules of ``sibling``."""
    breaker, cooldown = policy.breaker, policy.cooldown
    for kind in KINDS:
        if not reaches_provider(kind, None, breaker, cooldown):
            return False
        shared = failed(None, Failure(kind, 0.0), breaker, cooldown, shared=True)
        if admission(None, shared, sibling, None, 0.0).state is not State.REFUSED:
            return False
    return True


def all_disabled(case: Case) -> Iterator[Finding]:
    """CBA402: nobody takes part."""
    if not case.ranked:
        first, *others = case.plan.profiles
        yield Finding(
            "CBA402",
            ("profiles", first.id, "enabled"),
            "no profile is enabled: every call fails",
            "write `enabled: true` for at least one profile, or leave the key out; until then, enable one in Python",
            severity=WARNING,
            related=tuple(("disabled, too", ("profiles", p.id, "enabled")) for p in islice(others, 3)),
        )


def weightless(case: Case) -> Iterator[Finding]:
    """CBA403: weight 0, which means "after all others", for everybody."""
    ranked = case.ranked
    if case.rotates and ranked and all(profile.weight == 0 for profile in ranked):
        strategy = case.plan.policy.rotation.strategy
        yield Finding(
            "CBA403",
            ("profiles", ranked[0].id, "weight"),
            f"every profile has `weight: 0`: under `{strategy}` all get the same share, as if none had a weight",
            "give those that should be asked first a `weight` of 1 or more",
            severity=WARNING,
            related=(("the strategy", ("policy", "rotation", "strategy")),),
        )


def idle_words(case: Case) -> Iterator[Finding]:
    """CBA404, CBA405 and CBA406: weights, priorities and rotations that nobody looks at."""
    strategy: Path = ("policy", "rotation", "strategy")
    if not case.rotates:
        yield from _weights(case, strategy)
    else:
        written = [p for p in case.ranked if case.given("profiles", p.id, "priority") is not None]
        if len({profile.priority for profile in case.ranked}) > 1 and written:
            yield Finding(
                "CBA405",
                strategy,
                f"`{case.given(*strategy)}` shares calls among all profiles, whatever their `priority`",
                "write `strategy: priority`; or take the priorities away and give `weight: 0` to those that wait",
                severity=WARNING,
                related=(("a priority that decides nothing", ("profiles", written[0].id, "priority")),),
            )
    for group in ("providers", "profiles"):
        for name, entry in (case.given(group) or {}).items():
            if (entry.get("policy") or {}).get("rotation"):
                yield Finding(
                    "CBA406",
                    (group, name, "policy", "rotation"),
                    "`rotation` is decided for the whole file: here nobody looks at it",
                    "move it to `policy:` at the top level",
                    severity=WARNING,
                )


def _weights(case: Case, strategy: Path) -> Iterator[Finding]:
    weighty = [profile for profile in case.ranked if profile.weight != 1]
    weights = {profile.weight for profile in case.ranked}
    if len(case.ranked) > 1 and weighty and (len(weights) > 1 or weights == {0}):
        others = "" if len(weighty) == 1 else f"; {len(weighty) - 1} more like it"
        yield Finding(
            "CBA404",
            ("profiles", weighty[0].id, "weight"),
            f"a `weight` decides nothing under the strategy `priority`{others}",
            "write `rotation: {strategy: round-robin}` under `policy`; or use `priority` to say who comes first",
            severity=WARNING,
            related=(("the strategy", strategy),) if case.given(*strategy) else (),
        )


def unused_providers(case: Case) -> Iterator[Finding]:
    """CBA407: a provider that no profile uses."""
    used = {profile.provider.id for profile in case.plan.profiles}
    for name in case.given("providers") or {}:
        if name not in used:
            yield Finding(
                "CBA407",
                ("providers", name),
                f"no profile uses the provider {called(name)}",
                "name it as the `provider` of a profile, or take it out",
                severity=WARNING,
                at_key=True,
            )
