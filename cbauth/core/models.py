"""Which profile serves which model: names, ``*`` wildcards and routes.

Laws:

1. Only ``*`` is special; it stands for any run of characters, none included. Everything else is literal and
   case-sensitive.
2. A pattern is matched in time proportional to name times pattern, never worse: no regular expressions, no blow-up.
3. ``"*"`` serves every model, the empty tuple none.
4. A route stands for its models in order, routes named inside it included, each model once; cycles end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["Models", "expand", "matches"]


class Models:
    """A compiled list of names and wildcards."""

    __slots__ = ("_exact", "_patterns", "_prefixes", "patterns")

    def __init__(self, patterns: tuple[str, ...]) -> None:
        self.patterns = patterns
        self._exact = frozenset(p for p in patterns if "*" not in p)
        self._prefixes = tuple(p[:-1] for p in patterns if p.endswith("*") and p.count("*") == 1)
        self._patterns = tuple(p for p in patterns if "*" in p and not (p.endswith("*") and p.count("*") == 1))

    def serves(self, model: str) -> bool:
        """Whether ``model`` is one of the names or matches one of the wildcards."""
        return (
            model in self._exact
            or model.startswith(self._prefixes)
            or any(matches(pattern, model) for pattern in self._patterns)
        )

    @property
    def first_name(self) -> str | None:
        """The first entry that is a name and not a wildcard."""
        return next((p for p in self.patterns if "*" not in p), None)

    def __repr__(self) -> str:
        return f"Models({self.patterns!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Models) and other.patterns == self.patterns

    def __hash__(self) -> int:
        return hash(self.patterns)


def matches(pattern: str, name: str) -> bool:
    """Whether ``name`` matches ``pattern``, in which only ``*`` is special."""
    head, *rest = pattern.split("*")
    if not rest:
        return name == pattern
    *middle, tail = rest
    if not name.startswith(head) or not name.endswith(tail) or len(name) < len(head) + len(tail):
        return False
    at, end = len(head), len(name) - len(tail)
    for part in middle:
        found = name.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def expand(name: str, routes: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The models of a route, routes named inside it included; a route that names itself means the model of that name.

    Each route is entered once and none recursively: routes that name each other crosswise, or in a chain of any length,
    cost no more than their entries.
    """
    models: dict[str, None] = {}
    entered = {name}
    path = [(name, iter(routes[name]))]
    while path:
        route, entries = path[-1]
        entry = next(entries, None)
        if entry is None:
            path.pop()
        elif entry == route or entry not in routes:
            models[entry] = None
        elif entry not in entered:
            entered.add(entry)
            path.append((entry, iter(routes[entry])))
    return tuple(models)
