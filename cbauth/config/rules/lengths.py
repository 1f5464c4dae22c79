"""Numbers of the policy that contradict each other, or what a call to a model takes."""

from __future__ import annotations

from collections.abc import Iterator

from cbauth.config.diagnostics import WARNING, Finding, Path
from cbauth.config.rules.case import Case, Site, called, seconds
from cbauth.core.backoff import Backoff
from cbauth.plan import Profile

__all__ = ["lengths", "mixed_breakers"]

SHORT_CALL = 5.0
"""Seconds. A breaker that is open for less admits its trial while calls from before are still under way."""
LONG_CALL = 60.0
"""Seconds. Long answers, and reasoning before them, take as much and more."""
FASTEST = 10.0
"""Failures a second. No single credential sees more of them for long."""

LADDERS = ("rate_limit", "billing", "auth", "transient")


def lengths(case: Case) -> Iterator[Finding]:
    """CBA431 to CBA439, for every policy that was written; each place once."""
    seen: set[tuple[str, Path]] = set()
    for site in case.sites:
        for rule in _RULES:
            for finding in rule(site, case):
                if (finding.code, finding.path) not in seen:
                    seen.add((finding.code, finding.path))
                    yield finding


def _steps(site: Site) -> Iterator[tuple[tuple[str, ...], str, Backoff]]:
    """Every ladder with the keys that lead to it, and the key of its first step."""
    for name in LADDERS:
        yield ("cooldown", name), "base", getattr(site.policy.cooldown, name)
    yield ("retry", "backoff"), "initial", site.policy.retry.backoff


def _ladders(site: Site, case: Case) -> Iterator[Finding]:
    """CBA431: a cap below the first step. CBA432: steps that never reach their cap."""
    for keys, first, ladder in _steps(site):
        if ladder.factor > 1 and ladder.base <= ladder.cap:
            continue
        cap, base, factor = (site.written(*keys, key) for key in ("cap", first, "factor"))
        if ladder.cap < ladder.base:
            if (place := cap or base) is not None:
                yield _warning(
                    "CBA431",
                    place,
                    f"the cap, {seconds(ladder.cap)}, is below the first step, {seconds(ladder.base)}:"
                    " every step is the cap",
                    f"write a `cap` of {seconds(ladder.base)} or more",
                    (("the first step", base), ("the cap", cap)),
                )
        elif factor is not None and ladder.factor < 1:
            yield _warning(
                "CBA432",
                factor,
                "with a factor below 1 each step is shorter than the one before",
                "write a `factor` of more than 1, or `1` for steps that are all alike",
                (("the cap, which is never reached", cap),),
            )
        elif factor is not None and cap is not None and ladder.base < ladder.cap:
            yield _warning(
                "CBA432",
                factor,
                f"with a factor of 1 every step is {seconds(ladder.base)}: the cap is never reached",
                "write a `factor` of more than 1, or take the `cap` out",
                (("the cap", cap),),
            )


def _steady(site: Site, case: Case) -> Iterator[Finding]:
    """CBA433: everybody who shares a credential comes back at the same moment."""
    for keys, _, ladder in _steps(site):
        if ladder.jitter > 0 or (shared := case.shared_at) is None:
            continue
        place = site.written(*keys, "jitter")
        if place is not None:
            who = "machines that share this state" if shared[0] == "state" else "profiles that share a credential"
            yield _warning(
                "CBA433",
                place,
                f"without jitter all {who} come back at the same moment",
                "write a share such as `0.1`, or leave the key out",
                (("what they share", shared),),
            )


def _never_opens(site: Site, case: Case) -> Iterator[Finding]:
    """CBA434: a breaker that no credible number of failures opens, and settings of one that is off."""
    breaker = site.policy.breaker
    needed = breaker.failure_threshold
    is_slow = needed > 1 and needed > breaker.failure_decay * FASTEST
    if breaker.mode != "off" and not is_slow:
        return
    threshold, decay, mode = (site.written("breaker", k) for k in ("failure_threshold", "failure_decay", "mode"))
    if breaker.mode == "off":
        idle = next((at for key in _OPENING if (at := site.written("breaker", key)) is not None), None)
        if mode is not None and idle is not None:
            yield _warning(
                "CBA434",
                mode,
                "the breaker is off: it never opens, whatever its other keys say",
                "write `mode: enforce`, or `observe` to count only; or take the other keys out",
                (("a key that nobody looks at", idle),),
            )
    elif (place := threshold or decay) is not None:
        yield _warning(
            "CBA434",
            place,
            f"the breaker never opens: {needed} failures within {seconds(breaker.failure_decay)} do not happen",
            "write a smaller `failure_threshold` or a longer `failure_decay`",
            (("the threshold", threshold), ("the time for which a failure counts", decay)),
        )


_OPENING = ("failure_threshold", "failure_decay", "open_for", "half_open_permits", "permit_timeout", "scope")


def _opens_briefly(site: Site, case: Case) -> Iterator[Finding]:
    """CBA435: a breaker that is over before a request is."""
    breaker = site.policy.breaker
    if breaker.open_for >= SHORT_CALL or breaker.mode != "enforce":
        return
    place = site.written("breaker", "open_for")
    if place is not None:
        yield _warning(
            "CBA435",
            place,
            f"open for {seconds(breaker.open_for)}, less than a call takes: the failing provider is never left alone",
            f"write {seconds(SHORT_CALL)} or more; `60s` is the default",
        )


def _hasty_permits(site: Site, case: Case) -> Iterator[Finding]:
    """CBA436: a trial that is given up while it still waits for its answer."""
    breaker = site.policy.breaker
    if breaker.permit_timeout >= LONG_CALL or breaker.mode != "enforce":
        return
    place = site.written("breaker", "permit_timeout")
    if place is not None:
        yield _warning(
            "CBA436",
            place,
            f"a trial is given up after {seconds(breaker.permit_timeout)}, and another one sent after it: long answers"
            " take longer",
            f"write {seconds(LONG_CALL)} or more, and more than the time-out of your client",
        )


def _short_sessions(site: Site, case: Case) -> Iterator[Finding]:
    """CBA437: a session forgets whom it moved to before the one it left is back. Decided for the whole file alone."""
    rotation, first = case.plan.policy.rotation, site.policy.cooldown.rate_limit.step(1)
    if not rotation.sticky or rotation.sticky_ttl >= first:
        return
    ttl, base = case.sites[0].written("rotation", "sticky_ttl"), site.written("cooldown", "rate_limit", "base")
    if (place := ttl or base) is not None:
        yield _warning(
            "CBA437",
            place,
            f"a session is bound for {seconds(rotation.sticky_ttl)}, less than the shortest rest after a rate limit,"
            f" {seconds(first)}: it moves back and forth",
            f"write a `sticky_ttl` of {seconds(first)} or more, or `sticky: false`",
            (("how long a session is bound", ttl), ("the shortest rest", base)),
        )


def _short_hints(site: Site, case: Case) -> Iterator[Finding]:
    """CBA438: a provider's hint counts for less than no hint."""
    cooldown = site.policy.cooldown
    first = cooldown.rate_limit.step(1)
    if cooldown.retry_after_cap >= first:
        return
    hint, base = site.written("cooldown", "retry_after_cap"), site.written("cooldown", "rate_limit", "base")
    if (place := hint or base) is not None:
        yield _warning(
            "CBA438",
            place,
            f"hints of a provider are cut to {seconds(cooldown.retry_after_cap)}, below the {seconds(first)} of a rest"
            " without one: who asks for patience gets less",
            f"write a `retry_after_cap` of {seconds(first)} or more",
            (("the longest hint", hint), ("the rest without a hint", base)),
        )


def _short_waits(site: Site, case: Case) -> Iterator[Finding]:
    """CBA439: no pause is short enough to be waited for."""
    retry = site.policy.retry
    pause = retry.backoff.step(1)
    if not 0 < retry.max_wait < pause:
        return
    wait, initial = site.written("retry", "max_wait"), site.written("retry", "backoff", "initial")
    if (place := wait or initial) is not None:
        yield _warning(
            "CBA439",
            place,
            f"the first pause between tries, {seconds(pause)}, is longer than {seconds(retry.max_wait)}, the longest"
            " wait: nobody ever waits",
            f"write a `max_wait` of {seconds(pause)} or more, or `0` to say that nobody shall wait",
            (("the longest wait", wait), ("the first pause", initial)),
        )


def mixed_breakers(case: Case) -> Iterator[Finding]:
    """CBA440: a provider's breaker that only some of its profiles heed."""
    heeding: dict[tuple[str, str | None], Profile] = {}
    deaf: dict[tuple[str, str | None], Profile] = {}
    for profile in case.ranked:
        group = heeding if profile.policy.breaker.scope == "provider" else deaf
        group.setdefault((profile.provider.id, profile.base_url), profile)
    for key, profile in heeding.items():
        place = case.site(profile).written("breaker", "scope")
        if key in deaf and place is not None:
            other = deaf[key]
            yield _warning(
                "CBA440",
                place,
                f"the breaker of the provider is heeded by {called(profile.id)}, but not by {called(other.id)}",
                "write the scope in the provider's `policy`, for all of its profiles; or take it out",
                (("has a breaker of its own", ("profiles", other.id)),),
            )


def _warning(
    code: str, path: Path, message: str, help_text: str, related: tuple[tuple[str, Path | None], ...] = ()
) -> Finding:
    """A warning; of the related places those that were written, and are not the place itself."""
    others = tuple((what, place) for what, place in related if place is not None and place != path)
    return Finding(code, path, message, help_text, severity=WARNING, related=others)


_RULES = (
    _ladders,
    _steady,
    _never_opens,
    _opens_briefly,
    _hasty_permits,
    _short_sessions,
    _short_hints,
    _short_waits,
)
