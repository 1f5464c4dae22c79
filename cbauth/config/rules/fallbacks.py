"""Routes and models: who answers when the first one cannot.

Of those who serve a model only so much is kept as decides: two of a kind are as good as a thousand. So a file costs in
proportion to its length, however many profiles serve one model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import NamedTuple

from cbauth.config.diagnostics import ERROR, WARNING, Finding, Path
from cbauth.config.privacy import quoted
from cbauth.config.rules.case import Case, Secret, called
from cbauth.config.rules.index import Index
from cbauth.config.suggest import Suggestions
from cbauth.core.models import expand
from cbauth.plan import Profile

__all__ = ["fallbacks"]

MOST_ENTRIES = 100_000
"""Of all routes together no more entries than this are followed: routes within routes can stand for far more."""


class Facts(NamedTuple):
    """What is asked of somebody who serves a model: who it is, and what it falls together with."""

    profile: str
    provider: str
    host: str
    secret: Secret | None


class Few(list[Facts]):
    """Those of many who decide: of each kind of fact the first value and the second."""

    __slots__ = ("_wanted",)

    def __init__(self, facts: Iterable[Facts] = ()) -> None:
        self._wanted: dict[int, list[object]] = {place: [] for place in range(len(Facts._fields))}
        for each in facts:
            self.keep(each)

    def keep(self, facts: Facts) -> None:
        """Add ``facts`` when they bring a first or a second value of any kind."""
        brings = [place for place, known in self._wanted.items() if facts[place] not in known]
        for place in brings:
            known = self._wanted[place]
            known.append(facts[place])
            if len(known) == 2:
                del self._wanted[place]
        if brings:
            self.append(facts)


class _Serving:
    """Who serves which model."""

    def __init__(self, profiles: Sequence[Profile], case: Case) -> None:
        self._profiles = profiles
        self._case = case
        self._known: dict[str, Few] = {}

    @cached_property
    def _index(self) -> Index[Few]:
        case = self._case
        index: Index[Few] = Index(case.budget)
        alike: dict[tuple[str, ...], Few] = {}
        for profile in self._profiles:
            host = case.origin(profile.base_url) or profile.provider.id
            patterns = profile.models.patterns
            few = alike.get(patterns)
            if few is None:
                few = alike[patterns] = Few()
            few.keep(Facts(profile.id, profile.provider.id, host, case.secret(profile)))
        for patterns, few in alike.items():
            for pattern in patterns:
                known = index.put(pattern, Few())
                for facts in few:
                    known.keep(facts)
        return index

    def of(self, model: str) -> Few:
        """Some of those who serve ``model``, as many as decide; none when nobody does."""
        known = self._known.get(model)
        if known is None:
            known = self._known[model] = Few(facts for _, few in self._index.matching(model) for facts in few)
        return known


def fallbacks(case: Case) -> Iterator[Finding]:
    """CBA421 to CBA429, for the whole file."""
    routes = case.plan.routes
    for name, entries in routes.items():
        yield from _twice(name, entries)
    yield from _circles(routes)
    serving = _Serving(case.ranked, case)
    resting = _Serving([profile for profile in case.plan.profiles if not profile.enabled], case)
    suggestions = Suggestions()
    names = dict.fromkeys(p for profile in case.ranked for p in profile.models.patterns if "*" not in p)
    everything = sum(map(len, routes.values()))
    left, routed, may_fall_back = MOST_ENTRIES, set[str](), False
    for name, entries in routes.items():
        nested = any(entry != name and entry in routes for entry in entries)
        left -= everything if nested else len(entries)
        if left < 0:
            return
        models = expand(name, routes)
        routed.update(models)
        found = list(_unserved(routes, name, models, serving, resting, suggestions, names))
        whole = Few()
        candidates = 0
        for model in models:
            few = serving.of(model)
            candidates += len({facts.profile for facts in few})
            for facts in few:
                whole.keep(facts)
        if case.budget.left < 0:
            return  # who serves what can no longer be told
        yield from found
        may_fall_back |= candidates > 1
        if len(case.ranked) > 1 and candidates:
            yield from _alike(name, whole, candidates)
    if len(case.ranked) > 1:
        yield from _alone(case, routed, serving)
        yield from _single_try(case, may_fall_back)


def _twice(name: str, entries: Sequence[str]) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for place, entry in enumerate(entries):
        before = first.setdefault(entry, place)
        if before != place:
            yield Finding(
                "CBA428",
                ("routes", name, place),
                f"{_shown(entry)} stands in this route twice: it is tried once, where it stands first",
                "take it out",
                severity=WARNING,
                related=(("it stands here first", ("routes", name, before)),),
            )


def _circles(routes: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    """CBA426: a route that leads back to itself. One that names itself means the model of that name, if any."""
    holding = _holding(routes)
    done: set[str] = set()
    for start in routes:
        path = [] if start in done else [(start, enumerate(routes[start]))]
        on_path = {start} if path else set()
        while path:
            name, entries = path[-1]
            place, entry = next(entries, (0, None))
            if entry is None:
                path.pop()
                on_path.discard(name)
                done.add(name)
            elif entry in on_path and entry != name:
                yield _circle(name, place, entry, empty=entry not in holding)
            elif entry in routes and entry not in done and entry != name:
                path.append((entry, enumerate(routes[entry])))
                on_path.add(entry)


def _holding(routes: Mapping[str, Sequence[str]]) -> set[str]:
    """The routes that hold a model, or lead to one that does."""
    named_by: dict[str, list[str]] = {}
    for name, entries in routes.items():
        for entry in entries:
            named_by.setdefault(entry, []).append(name)
    found = {name for name, entries in routes.items() if any(each == name or each not in routes for each in entries)}
    ahead = list(found)
    while ahead:
        for name in named_by.get(ahead.pop(), ()):
            if name not in found:
                found.add(name)
                ahead.append(name)
    return found


def _circle(name: str, place: int, entry: str, *, empty: bool) -> Finding:
    return Finding(
        "CBA426",
        ("routes", name, place),
        f"the route {called(entry)} leads back to itself here" + (" and holds no model: it cannot work" * empty),
        "name models in it, not routes that lead back" if empty else "take this entry out: it is passed over",
        severity=ERROR if empty else WARNING,
        related=((f"the route {called(entry)}", ("routes", entry)),),
    )


def _unserved(
    routes: Mapping[str, Sequence[str]],
    name: str,
    models: Sequence[str],
    serving: _Serving,
    resting: _Serving,
    suggestions: Suggestions,
    names: Mapping[str, None],
) -> Iterator[Finding]:
    """CBA427: entries that nobody serves. A route of nothing else cannot work, unless a disabled profile would.

    CBA426 for one that is the route's own name.
    """
    missing = [
        (place, entry)
        for place, entry in enumerate(routes[name])
        if (entry == name or entry not in routes) and not serving.of(entry)
    ]
    dead = bool(missing) and not any(serving.of(model) or resting.of(model) for model in models)
    for place, entry in missing:
        disabled = next((facts.profile for facts in resting.of(entry)), None)
        if entry == name and disabled is None:  # no model of that name: it can only mean the route
            yield _circle(name, place, entry, empty=dead and set(routes[name]) == {name})
            continue
        otherwise = "add it to the `models` of a profile, or take it out of the route"
        related: tuple[tuple[str, Path], ...] = ()
        if disabled is not None:
            otherwise = "enable that profile, or take the model out of the route"
            related = (("would serve it, but is disabled", ("profiles", disabled)),)
        yield Finding(
            "CBA427",
            ("routes", name, place),
            f"no {'enabled ' * (disabled is not None)}profile serves {_shown(entry)}"
            + (f": the route {called(name)} cannot work" if dead else ""),
            otherwise if disabled is not None else suggestions.help(entry, names, otherwise),
            severity=ERROR if dead else WARNING,
            related=related,
        )


def _alike(name: str, whole: Sequence[Facts], candidates: int) -> Iterator[Finding]:
    """CBA422 to CBA425: a route without fallback, or one whose entries all fall together."""
    path = ("routes", name)
    profiles, providers, hosts, secrets = (dict.fromkeys(values) for values in zip(*whole, strict=True))
    if candidates == 1:
        only = whole[0].profile
        yield Finding(
            "CBA422",
            path,
            f"the route {called(name)} has no fallback: only {called(only)} can answer it",
            "add a model that another profile serves",
            severity=WARNING,
            related=(("the only one who can answer", ("profiles", only)),),
        )
    elif len(secrets) == 1 and None not in secrets:
        yield _together("CBA425", path, profiles, "uses one credential", "a profile with another credential")
    elif len(providers) == 1:
        what = f"is at one provider, {called(whole[0].provider)}"
        yield _together("CBA423", path, profiles, what, "a model of another provider")
    elif len(hosts) == 1:
        yield _together("CBA424", path, profiles, "is at one host", "a profile at another host")


def _together(code: str, path: tuple[str, str], profiles: Iterable[str], what: str, more: str) -> Finding:
    return Finding(
        code,
        path,
        f"whatever the route {called(path[1])} falls back on {what}: all of it fails together",
        f"add {more}",
        severity=WARNING,
        related=tuple((f"{called(each)} can answer it", ("profiles", each)) for each in islice(profiles, 2)),
    )


def _alone(case: Case, routed: set[str], serving: _Serving) -> Iterator[Finding]:
    """CBA421: a model that is asked for by its name, and that one profile alone serves."""
    seen = set(routed)
    for profile in case.ranked:
        for model, path in _named(case, profile):
            if model in seen:
                continue
            seen.add(model)
            if len({facts.profile for facts in serving.of(model)}) == 1:
                yield Finding(
                    "CBA421",
                    path,
                    f"{_shown(model)} has no fallback: only {called(profile.id)} serves it",
                    "let another profile serve it, or name a substitute for it in a route",
                    severity=WARNING,
                    related=(("the only one who serves it", ("profiles", profile.id)),),
                )


def _named(case: Case, profile: Profile) -> Iterator[tuple[str, Path]]:
    """The models that a profile names, and where; not those that a wildcard of its `models` covers anyway."""
    path = ("profiles", profile.id)
    written, default = case.models(profile), profile.default_model
    if not written and default is None:
        return
    wildcards: Index[None] = Index(case.budget)
    for entry in written:
        if "*" in entry:
            wildcards.put(entry, None)
    for place, entry in enumerate(written):
        if "*" not in entry and not any(True for _ in wildcards.matching(entry)):
            yield entry, (*path, "models", place)
    if default is not None and not any(True for _ in wildcards.matching(default)):
        yield default, (*path, "default_model")


def _single_try(case: Case, may_fall_back: bool) -> Iterator[Finding]:
    """CBA429: one try for each request, so that no request ever falls back."""
    if not may_fall_back or any(profile.policy.retry.attempts > 1 for profile in case.ranked):
        return
    yield Finding(
        "CBA429",
        case.site(case.ranked[0]).written("retry", "attempts") or (),
        "with `attempts: 1` a request ends with its first failure: nobody falls back",
        "write 2 or more, or leave the key out",
        severity=WARNING,
    )


def _shown(model: str) -> str:
    return quoted(model, "this model")
