"""What callers hand in, looked at before it is used: one clear ``ConfigError`` instead of a puzzle further in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from cbauth.errors import ConfigError
from cbauth.stores import Store, open_store

__all__ = ["a_clock", "a_name", "a_name_or_none", "a_store", "an_instance", "some"]

T = TypeVar("T")
_METHODS = ("update", "read", "keys", "changes", "watch", "clock", "refresh", "close")


def a_name(value: object, what: str) -> str:
    """``value``, if it is text and not empty."""
    if isinstance(value, str) and value:
        return value
    given = "empty text" if value == "" else type(value).__name__
    known = getattr(value, "id", None)
    hint = f": give its id, {known!r}" if isinstance(known, str) else ""
    raise ConfigError(f"{what} has to be a name, not {given}{hint}")


def a_name_or_none(value: object, what: str) -> str | None:
    """``value``, if it is text and not empty, or ``None``."""
    return None if value is None else a_name(value, what)


def an_instance(value: object, kind: type[Any]) -> None:
    """Nothing, if ``value`` is a ``kind``."""
    if not isinstance(value, kind):
        raise ConfigError(f"expected a {kind.__name__}, got {type(value).__name__}")


def some(values: Iterable[T], what: str) -> tuple[T, ...]:
    """``values`` as a tuple, if they can be gone through."""
    if isinstance(values, Iterable):
        return tuple(values)
    raise ConfigError(f"{what} has to be a list, not {type(values).__name__}")


def a_store(value: Store | str | None, default: Callable[[], Store]) -> Store:
    """A store: the object itself, one opened by its name (``"sqlite:PATH"``, ``"memory"``), or the default.

    Raises ``StoreError`` for a name that no store has.
    """
    if value is None:
        return default()
    if isinstance(value, str):
        return open_store(value)
    lacking = [name for name in _METHODS if not callable(getattr(value, name, None))]
    if lacking:
        raise ConfigError(
            f"this {type(value).__name__} is no store (it has no {', '.join(lacking)}): give one, or a name such as"
            " 'sqlite:state.db'"
        )
    return value


def a_clock(value: Callable[[], float]) -> Callable[[], float]:
    """``value``, if it can be called for the time."""
    if not callable(value):
        raise ConfigError(f"clock has to be a function that gives epoch seconds, not {type(value).__name__}")
    return value
