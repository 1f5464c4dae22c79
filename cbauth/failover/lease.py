"""A lease: one working credential for one call, and the place where the call's outcome is told.

Laws:

1. The first outcome counts, later ones are ignored.
2. A lease whose token and headers were never read leaves no outcome unless one is reported explicitly; its permit goes
   back.
3. A lease that is dropped, or closed without ever being used, gives its permit back.
4. No secret in ``repr``, ``str`` or pickles: pickling raises ``TypeError``.
"""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Any, NoReturn

from cbauth.core.health import HARMLESS
from cbauth.errors import AuthError, ConfigError, LoginRequiredError, RefreshError, StoreError
from cbauth.failover.engine import Engine
from cbauth.failover.lineup import Choice
from cbauth.failover.member import Member
from cbauth.outcomes import KINDS, Outcome, classify, redact
from cbauth.secrets import Secret

__all__ = ["Lease", "is_harmless", "is_unready", "open_lease", "outcome_of", "prefetch"]

MESSAGE_LENGTH = 300
_PLAIN = {kind: Outcome(kind) for kind in KINDS}

_log = logging.getLogger("cbauth.failover")


class Lease:
    """One profile, admitted for one call of ``model``. A context manager, in ``with`` and ``async with``.

    ``reason``: ``primary`` (nobody preferred was refused), ``failover``, ``testing`` (a half-open trial) or ``sticky``.
    """

    __slots__ = (
        "__weakref__",
        "_admitted_at",
        "_choice",
        "_done",
        "_engine",
        "_failure",
        "_model",
        "_read",
        "_reason",
        "_request",
        "_secret",
        "_session",
        "committed",
        "outcome",
    )

    def __init__(
        self,
        engine: Engine,
        choice: Choice,
        request: str | None,
        model: str | None,
        session: str | None,
        reason: str,
        now: float,
    ) -> None:
        self._engine = engine
        self._choice = choice
        self._request = request
        self._session = session
        self._admitted_at = now
        self._done = False
        self._read = False
        self._secret: Secret | None = None
        self._failure: AuthError | None = None
        self._model = model
        self._reason = reason
        self.committed = False
        self.outcome: Outcome | None = None

    @property
    def member(self) -> Member:
        """The engine's own record of the profile."""
        return self._choice.member

    @property
    def profile_id(self) -> str:
        """The profile that answers."""
        return self._choice.member.profile_id

    @property
    def provider_id(self) -> str:
        """Its provider."""
        return self._choice.member.provider_id

    @property
    def model(self) -> str | None:
        """The model to ask for."""
        return self._model

    @property
    def reason(self) -> str:
        """``primary``, ``failover``, ``testing`` or ``sticky``."""
        return self._reason

    @property
    def base_url(self) -> str | None:
        """Where to send the request."""
        return self._choice.member.base_url

    @property
    def token(self) -> str:
        """The credential itself; ``""`` when the protocol needs none. Raises ``AuthError`` when it cannot be had."""
        return self._reveal()

    @property
    def headers(self) -> dict[str, str]:
        """Request headers ready to send. Raises ``AuthError`` when the credential cannot be had."""
        return self._choice.member.headers(self._reveal())

    def _reveal(self) -> str:
        self._read = True
        if self._failure is not None:
            raise self._failure
        if self._secret is None:
            self._secret = self._fetched()
        return self._secret.reveal()

    def _fetched(self) -> Secret:
        """The credential, fetched now. Whoever has none is not ready, and leads nobody any more."""
        try:
            return self._choice.member.source.get()
        except AuthError:
            self._engine.look_again()
            raise

    @property
    def revealed(self) -> tuple[str, ...]:
        """The token, if it is known without waiting: what has to be struck out of texts about this lease."""
        return self._choice.member.known_secrets() if self._secret is None else (self._secret.reveal(),)

    @property
    def touched(self) -> bool:
        """Whether its token or headers were read."""
        return self._read

    @property
    def secret(self) -> Secret | None:
        """The credential, as far as it was fetched."""
        return self._secret

    @property
    def settled(self) -> bool:
        """Whether its outcome is known, or it was given back."""
        return self._done

    def fetch(self) -> None:
        """Get a slow credential ready ahead of its first reading (which alone makes the lease count).

        A failure is raised there: whoever reads it must not wait once more.
        """
        if self._secret is None and self._choice.member.source.slow:
            try:
                self._secret = self._fetched()
            except AuthError as error:
                self._failure = error.with_traceback(None)

    def commit(self) -> None:
        """Say that output has begun: a later failure is recorded, but never retried."""
        self.committed = True

    def report(self, outcome: Outcome | str | BaseException | object | None = None) -> None:
        """Tell how the call went.

        Nothing (``None``): it went well. Otherwise an ``Outcome``, the name of a failure kind, or whatever ``classify``
        understands: an exception, a response. Only the first report counts. Raises ``ConfigError`` for anything else.
        """
        if self._done:
            return
        if outcome is None:
            self.succeed()
            return
        told = outcome_of(outcome, self)
        if told.status is not None and told.kind == "unknown" and told.status < 400:
            self.succeed()  # the response of a call that went well
        elif told.kind != "unknown" or told.status is not None or isinstance(outcome, Outcome | str):
            self.fail(told)
        elif isinstance(outcome, BaseException):
            self.outcome = told  # nobody recognises it, so it harms nobody
            self.close()
        else:
            raise ConfigError(
                f"{type(outcome).__name__} is no outcome: report nothing for a success, or an Outcome, a kind, an"
                " exception or a response"
            )

    def succeed(self) -> None:
        """Record a success, bind the session, give the permit back."""
        if self._done:
            return
        self._done = True
        engine, choice = self._engine, self._choice
        member = choice.member
        if engine.store.read(member.own_key) is not None or engine.store.read(member.shared_key) is not None:
            engine.succeed(
                member,
                model=self._model,
                admitted_at=self._admitted_at,
                generation=choice.generation,
                permit=choice.permit,
            )
        if self._session is not None:
            engine.sessions.bind(self._session, self._request, member, engine.clock())

    def fail(self, outcome: Outcome) -> None:
        """Record a failure, give the permit back."""
        if self._done:
            return
        self._done = True
        self.outcome = outcome
        self._engine.fail(
            self._choice.member,
            outcome.kind,
            message=outcome.message,
            model=self._model,
            hint=outcome.retry_after,
            scope=outcome.scope,
            admitted_at=self._admitted_at,
            generation=self._choice.generation,
            permit=self._choice.permit,
        )
        if outcome.kind == "auth":
            self._choice.member.source.forget()

    def close(self) -> None:
        """Give the lease back without an outcome."""
        if not self._done:
            self._done = True
            if self._choice.permit is not None:
                self._engine.release(self._choice.member, self._choice.permit)

    def settle(self, error: BaseException | None) -> None:
        """Record what leaving the block with ``error`` says, as far as the lease was used at all."""
        if self._done:
            return
        try:
            self._settle(error)
        except StoreError as trouble:  # the answer is worth more than the record of it
            _log.warning("the outcome of a call to %s could not be recorded: %s", self.profile_id, trouble)

    def _settle(self, error: BaseException | None) -> None:
        if not self._read:
            if error is not None:
                self.outcome = outcome_of(error, self)
            self.close()
        elif error is None:
            self.succeed()
        else:
            outcome = outcome_of(error, self)
            if is_harmless(outcome, error):
                self.outcome = outcome
                self.close()
            else:
                self.fail(outcome)

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.settle(error)

    async def __aenter__(self) -> Lease:
        await prefetch(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.settle(error)

    def __repr__(self) -> str:
        return (
            f"<Lease {self.profile_id} ({self.provider_id}) for {self._model!r}, {self._reason}"
            f"{', settled' if self._done else ''}>"
        )

    def _repr_html_(self) -> str:
        from html import escape

        return f"<code>{escape(repr(self))}</code>"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a lease holds a credential and cannot be pickled or copied: take a new one where it is needed")


class Trial(Lease):
    """A lease that holds a half-open permit: dropping it gives the permit back.

    A finalizer may run anywhere, in the middle of a store too, so it only leaves word; the engine's next step does it.
    """

    __slots__ = ()

    def __del__(self) -> None:
        if not self._done and self._choice.permit is not None:
            self._engine.abandoned.append((self._choice.member, self._choice.permit))


async def prefetch(lease: Lease) -> None:
    """Have a slow credential (keyring, command, login) fetched off the event loop.

    A failure is not raised here but where the token is read, so that it is classified like any other.
    """
    if lease.member.source.slow:
        import asyncio

        await asyncio.to_thread(lease.fetch)


def is_unready(error: BaseException) -> bool:
    """Whether a login is missing, or could not be refreshed for the moment: the profile is not ready, not ill."""
    return isinstance(error, LoginRequiredError) or (isinstance(error, RefreshError) and error.temporary)


def is_harmless(outcome: Outcome, error: BaseException) -> bool:
    """Whether an error says nothing about the profile's health.

    So it is with an exception that nobody recognises, and with a login that is missing or could not be refreshed for
    the moment: the profile is not ready, which is told by its source.
    """
    if is_unready(error):
        return True
    return outcome.kind in HARMLESS or (outcome.kind == "unknown" and outcome.status is None)


def outcome_of(told: object, lease: Lease) -> Outcome:
    """The outcome that a report, exception or response stands for; its message holds no secret of the lease."""
    if isinstance(told, Outcome):
        outcome = told
    elif isinstance(told, AuthError):
        outcome = Outcome("auth", message=str(told))
    elif isinstance(told, str):
        outcome = _PLAIN.get(told) or Outcome(told)  # which says what is wrong with it
    else:
        member = lease.member
        outcome = classify(told, protocol=member.protocol, rules=lease._engine.rules_for(member))
    if not outcome.message:
        return outcome
    message = redact(outcome.message, lease.revealed)[:MESSAGE_LENGTH]
    if message == outcome.message:
        return outcome
    return Outcome(outcome.kind, outcome.retry_after, outcome.scope, message, outcome.status)


def open_lease(
    engine: Engine,
    choice: Choice,
    request: str | None,
    model: str | None,
    session: str | None,
    reason: str,
    now: float,
) -> Lease:
    """The lease on a choice, and the event of it; it knows how to give its permit back when it holds one."""
    if choice.permit is None:
        lease = Lease(engine, choice, request, model, session, reason, now)
    else:
        lease = Trial(engine, choice, request, model, session, "testing", now)
        engine.trials.add(lease)
    if engine.bus.listening:
        engine.publish("profile:selected", choice.member, model=model, session=session, reason=lease.reason)
    return lease
