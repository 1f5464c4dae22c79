"""Numbers of the policy that contradict each other, or what a call to a model takes."""

from __future__ import annotations

from collections.abc import Iterator

from cbauth.config.diagnostics import WARNING, Finding, Path
from cbauth.config.rules.case import Case, Site, called, seconds
from cbauth.core.backoff import Backoff
from cbauth.core.cooldown import LADDERS
from cbauth.plan import DEFAULT_POLICY, Profile

__all__ = ["lengths", "mixed_breakers"]

SHORT_CALL = 5.0
"""Seconds. A breaker that is open for less admits its trial while calls from before are still under way."""
LONG_CALL = 60.0
"""Seconds. Long answers, and reasoning before them, take as much and more."""
FASTEST = 10.0
"""Failures a second. No single credential sees more of them for long."""


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
            yield _warning(
                "CBA431",
                f"the cap, {seconds(ladder.cap)}, is below the first step, {seconds(ladder.base)}:"
                " every step is the cap",
                f"write a `cap` of {seconds(ladder.base)} or more",
                ("the cap", cap),
                ("the first step", base),
            )
        elif ladder.factor < 1:
            yield _warning(
                "CBA432",
                "with a factor below 1 each step is shorter than the one before",
                "write a `factor` of more than 1, or `1` for steps that are all alike",
                ("the factor", factor),
                ("the cap, which is never reached", cap),
            )
        elif cap is not None and ladder.base < ladder.cap:
            yield _warning(
                "CBA432",
                f"with a factor of 1 every step is {seconds(ladder.base)}: the cap is never reached",
                "write a `factor` of more than 1, or take the `cap` out",
                ("the factor", factor),
                ("the cap", cap),
            )


def _steady(site: Site, case: Case) -> Iterator[Finding]:
    """CBA433: everybody who shares a credential comes back at the same moment. Presets without jitter are a choice."""
    for keys, _, ladder in _steps(site):
        if ladder.jitter > 0 or (shared := case.shared_at) is None:
            continue
        place = site.written(*keys, "jitter")
        if place is not None:
            who = "machines that share this state" if shared[0] == "state" else "profiles that share a credential"
            yield _warning(
                "CBA433",
                f"without jitter all {who} come back at the same moment",
                "write a share such as `0.1`, or leave the key out",
                ("the jitter", place),
                ("what they share", shared),
            )


def _never_opens(site: Site, case: Case) -> Iterator[Finding]:
    """CBA434: a breaker that no credible number of failures opens, and settings of one that is off."""
    breaker = site.policy.breaker
    needed = breaker.failure_threshold
    if breaker.mode == "off":
        idle = next((place for key in _OPENING if (place := site.written("breaker", key)) is not None), None)
        if idle is not None:
            yield _warning(
                "CBA434",
                "the breaker is off: it never opens, whatever its other keys say",
                "write `mode: enforce`, or `observe` to count only; or take the other keys out",
                ("the mode", site.written("breaker", "mode")),
                ("a key that nobody looks at", idle),
            )
    elif needed > 1 and needed > breaker.failure_decay * FASTEST:
        yield _warning(
            "CBA434",
            f"the breaker never opens: {needed} failures within {seconds(breaker.failure_decay)} do not happen",
            "write a smaller `failure_threshold` or a longer `failure_decay`",
            ("the threshold", site.written("breaker", "failure_threshold")),
            ("the time for which a failure counts", site.written("breaker", "failure_decay")),
        )


_OPENING = ("failure_threshold", "failure_decay", "open_for", "half_open_permits", "permit_timeout", "scope")


def _opens_briefly(site: Site, case: Case) -> Iterator[Finding]:
    """CBA435: a breaker that is over before a request is."""
    breaker = site.policy.breaker
    if breaker.open_for < SHORT_CALL and breaker.mode == "enforce":
        yield _warning(
            "CBA435",
            f"open for {seconds(breaker.open_for)}, less than a call takes: the failing provider is never left alone",
            f"write {seconds(SHORT_CALL)} or more; {seconds(DEFAULT_POLICY.breaker.open_for)} is the default",
            ("how long it is open", site.written("breaker", "open_for")),
        )


def _hasty_permits(site: Site, case: Case) -> Iterator[Finding]:
    """CBA436: a trial that is given up while it still waits for its answer."""
    breaker = site.policy.breaker
    if breaker.permit_timeout < LONG_CALL and breaker.mode == "enforce":
        yield _warning(
            "CBA436",
            f"a trial is given up after {seconds(breaker.permit_timeout)}, and another one sent after it: long answers"
            " take longer",
            f"write {seconds(LONG_CALL)} or more, and more than the time-out of your client",
            ("when a trial is given up", site.written("breaker", "permit_timeout")),
        )


def _short_sessions(site: Site, case: Case) -> Iterator[Finding]:
    """CBA437: a session forgets whom it moved to before the one it left is back. Decided for the whole file alone."""
    rotation, first = case.plan.policy.rotation, site.policy.cooldown.rate_limit.step(1)
    if rotation.sticky and rotation.sticky_ttl < first:
        yield _warning(
            "CBA437",
            f"a session is bound for {seconds(rotation.sticky_ttl)}, less than the shortest rest after a rate limit,"
            f" {seconds(first)}: it moves back and forth",
            f"write a `sticky_ttl` of {seconds(first)} or more, or `sticky: false`",
            ("how long a session is bound", case.sites[0].written("rotation", "sticky_ttl")),
            ("the shortest rest", site.written("cooldown", "rate_limit", "base")),
        )


def _short_hints(site: Site, case: Case) -> Iterator[Finding]:
    """CBA438: a provider's hint counts for less than no hint."""
    cooldown = site.policy.cooldown
    first = cooldown.rate_limit.step(1)
    if cooldown.retry_after_cap < first:
        yield _warning(
            "CBA438",
            f"hints of a provider are cut to {seconds(cooldown.retry_after_cap)}, below the {seconds(first)} of a rest"
            " without one: who asks for patience gets less",
            f"write a `retry_after_cap` of {seconds(first)} or more",
            ("the longest hint", site.written("cooldown", "retry_after_cap")),
            ("the rest without a hint", site.written("cooldown", "rate_limit", "base")),
        )


def _short_waits(site: Site, case: Case) -> Iterator[Finding]:
    """CBA439: no pause is short enough to be waited for."""
    retry = site.policy.retry
    pause = retry.backoff.step(1)
    if 0 < retry.max_wait < pause:
        yield _warning(
            "CBA439",
            f"the first pause between tries, {seconds(pause)}, is longer than {seconds(retry.max_wait)}, the longest"
            " wait: nobody ever waits",
            f"write a `max_wait` of {seconds(pause)} or more, or `0` to say that nobody shall wait",
            ("the longest wait", site.written("retry", "max_wait")),
            ("the first pause", site.written("retry", "backoff", "initial")),
        )


def mixed_breakers(case: Case) -> Iterator[Finding]:
    """CBA440: a provider's breaker that only some of its profiles heed."""
    heeding: dict[tuple[str, str | None], Profile] = {}
    deaf: dict[tuple[str, str | None], Profile] = {}
    for profile in case.ranked:
        group = heeding if profile.policy.breaker.scope == "provider" else deaf
        group.setdefault((profile.provider.id, profile.base_url), profile)
    for key, profile in heeding.items():
        if key in deaf:
            other = deaf[key]
            yield _warning(
                "CBA440",
                f"the breaker of the provider is heeded by {called(profile.id)}, but not by {called(other.id)}",
                "write the scope in the provider's `policy`, for all of its profiles; or take it out",
                ("the scope", case.site(profile).written("breaker", "scope")),
                ("has a breaker of its own", ("profiles", other.id)),
            )


def _warning(code: str, message: str, help_text: str, *places: tuple[str, Path | None]) -> Finding:
    """A warning where the policy was written that decides, a profile's own before the file's; the others are related.

    Defaults contradict nothing, so that one of them was written.
    """
    written = [(what, place) for what, place in places if place is not None]
    (_, path), *others = sorted(written, key=lambda each: -_depth(each[1]))
    return Finding(code, path, message, help_text, severity=WARNING, related=tuple(others))


def _depth(place: Path) -> int:
    """How far down the layers of policies a place is; other places are in none."""
    return _LAYERS.index(place[0]) if "policy" in place[:3:2] and place[0] in _LAYERS else -1


_LAYERS = ("policy", "providers", "profiles")


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
