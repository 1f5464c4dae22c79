"""Trying until somebody answers: ``for attempt in toolkit.attempts(...): with attempt as lease: ...``.

Laws:

1. Moving to a free profile never waits. Waiting happens only when nobody is free and the soonest slot is nearer than
   ``retry.max_wait``; tenacity does it.
2. No profile is asked again for the same model while another one that is free has not been asked.
3. At most ``retry.attempts`` tries in all.
4. ``bad_request``, ``cancelled``, exceptions nobody recognises, and anything after ``commit()`` leave the loop at once,
   unchanged.
5. A 401 on an OAuth lease refreshes the token once and asks the same profile again before it counts.
"""

from __future__ import annotations

from types import TracebackType
from typing import NoReturn

from cbauth.core.health import BREAKER_KINDS, HARMLESS
from cbauth.errors import AttemptRecord, AuthError, CbauthError, LoginRequiredError, Refusal, UnavailableError
from cbauth.failover.engine import Engine
from cbauth.failover.lease import Lease, is_harmless, is_unready, open_lease, outcome_of, prefetch
from cbauth.failover.lineup import Choice, judge
from cbauth.failover.member import RenewableSource
from cbauth.failover.waiting import AsyncSleep, Sleep, SlotLaterError, wait_for, wait_for_async
from cbauth.plan import RetryPolicy

__all__ = ["Attempt", "Attempts", "acquire", "unavailable"]


def acquire(engine: Engine, request: str | None, session: str | None = None) -> Lease:
    """One lease on whoever leads now. Raises ``UnavailableError`` or ``LoginRequiredError`` when nobody does."""
    lease = _find(engine, request, session)
    if lease is None:
        engine.store.refresh()  # somebody else may have changed that a moment ago
        lease = _find(engine, request, session)
    if lease is None:
        raise unavailable(engine, request)
    return lease


def _find(engine: Engine, request: str | None, session: str | None) -> Lease | None:
    """One lease on whoever leads now, or ``None``; asked again when the plan changed while it was asked."""
    while True:
        arranged = engine.arranged
        now = engine.clock() if session is None else engine.now()  # another process may have moved the binding
        if session is not None and (bound := engine.sessions.choice(session, request, now)) is not None:
            return open_lease(engine, bound[0], request, bound[1], session, "sticky", now)
        for place, model in enumerate(engine.models_of(request)):
            choice = engine.lead(model, now)
            if choice is not None:
                reason = "failover" if place or not choice.preferred else "primary"
                return open_lease(engine, choice, request, model, session, reason, now)
        if not engine.has_rearranged(arranged):
            return None


def unavailable(
    engine: Engine, request: str | None, attempts: tuple[AttemptRecord, ...] = ()
) -> UnavailableError | LoginRequiredError:
    """The error that says why nobody can answer ``request`` now."""
    candidates = engine.explain(request)
    enabled = [c for c in candidates if c.enabled]
    if enabled and all(c.needs_login for c in enabled):
        return LoginRequiredError(enabled[0].profile_id, reason=enabled[0].why)
    failed = {(a.profile_id, a.model): a for a in attempts}
    refusals = []
    for c in candidates:
        last = failed.get((c.profile_id, c.model))
        if not c.admitted or last is not None:
            why = c.why or (f"failed just now: {last.message or last.kind}" if last is not None else "")
            refusals.append(Refusal(profile_id=c.profile_id, why=why, until=c.until, model=c.model))
    retry_at = min((c.until for c in candidates if c.until is not None), default=None)
    return UnavailableError(request, attempts=attempts, refusals=refusals, retry_at=retry_at)


class Attempts:
    """The tries of one request. Iterate over it with ``for`` or ``async for``, once."""

    __slots__ = (
        "_async_sleep",
        "_engine",
        "_failed_id",
        "_finished",
        "_given",
        "_last_error",
        "_renewed",
        "_request",
        "_rest_until",
        "_rounds",
        "_same",
        "_session",
        "_sleep",
        "_tried",
        "records",
    )

    def __init__(
        self,
        engine: Engine,
        request: str,
        session: str | None,
        sleep: Sleep | None = None,
        async_sleep: AsyncSleep | None = None,
    ) -> None:
        self._engine = engine
        self._request = request
        self._session = session
        self._sleep = sleep
        self._async_sleep = async_sleep
        self._finished = False
        self._given = 0
        self._last_error: BaseException | None = None
        self._failed_id: str | None = None
        self._same: Lease | None = None
        self._renewed: dict[str, Lease | CbauthError] = {}
        self._tried: set[tuple[str, str | None]] = set()
        self._rounds: dict[tuple[str, str | None], int] = {}
        self._rest_until: dict[tuple[str, str | None], float] = {}
        self.records: list[AttemptRecord] = []

    def __iter__(self) -> Attempts:
        return self

    def __next__(self) -> Attempt:
        if self._finished:
            raise StopIteration
        if not self._tried:
            lease = _find(self._engine, self._request, self._session)
            if lease is not None:
                return self._attempt(lease)
        return self._attempt(self._next_lease())

    def __aiter__(self) -> Attempts:
        return self

    async def __anext__(self) -> Attempt:
        if self._finished:
            raise StopAsyncIteration
        if not self._tried:
            lease = _find(self._engine, self._request, self._session)
            if lease is not None:
                return self._attempt(lease)
        return self._attempt(await self._next_lease_async())

    def _attempt(self, lease: Lease) -> Attempt:
        self._tried.add((lease.profile_id, lease.model))
        self._given += 1
        return Attempt(self, lease)

    # finding the next lease

    def _next_lease(self) -> Lease:
        try:
            return self._take()
        except SlotLaterError:
            pass
        return wait_for(self._take, self._retry().max_wait, self._give_up, self._sleep)

    async def _next_lease_async(self) -> Lease:
        try:
            return self._take()
        except SlotLaterError:
            pass
        return await wait_for_async(self._take, self._retry().max_wait, self._give_up, self._async_sleep)

    def _take(self) -> Lease:
        """A lease now; ``SlotLaterError`` when one is worth waiting for; else the error that ends the loop.

        Asked again when the plan changed while it was asked.
        """
        while True:
            arranged = self._engine.arranged
            try:
                return self._take_once()
            except (UnavailableError, LoginRequiredError):
                if not self._engine.has_rearranged(arranged) or self._given >= self._retry().attempts:
                    raise
                self._finished = False

    def _take_once(self) -> Lease:
        engine, now = self._engine, self._engine.clock()
        if self._same is not None:
            again, self._same = self._same, None
            choice = engine.take(again.member, again.model, now)
            if choice is not None:
                self._given -= 1  # the refreshed token's try stands for the refused one
                return open_lease(engine, choice, self._request, again.model, self._session, again.reason, now)
        retry = self._retry()
        if self._given >= retry.attempts:
            self._give_up()
        models = engine.models_of(self._request)
        for model in models:
            tried = {profile_id for profile_id, asked in self._tried if asked == model}
            choice = engine.choose(model, now, exclude=tried)
            if choice is not None:
                return self._moved(choice, model, now)
        return self._ask_again(models, retry, now)

    def _ask_again(self, models: tuple[str | None, ...], retry: RetryPolicy, now: float) -> Lease:
        """Everybody free was asked: who failed in passing may be asked again after a pause, who rests when rested."""
        engine = self._engine
        soonest_at: float | None = None
        for entry in engine.explain(self._request, self._session):
            key = (entry.profile_id, entry.model)
            if entry.admitted:
                at = max(now, self._rest_until.get(key, now))
            elif entry.until is not None:
                at = max(entry.until, self._rest_until.get(key, now))
            else:
                continue
            if at <= now:
                member = engine.by_id.get(entry.profile_id)  # gone, if the plan has just changed
                choice = engine.take(member, entry.model, now) if member is not None else None
                if choice is not None:
                    return self._moved(choice, entry.model, now)
                continue
            soonest_at = at if soonest_at is None else min(soonest_at, at)
        if soonest_at is None or soonest_at - now > retry.max_wait:
            self._give_up()
        raise SlotLaterError(soonest_at - now)

    def _moved(self, choice: Choice, model: str | None, now: float) -> Lease:
        failed_id, self._failed_id = self._failed_id, None
        member = choice.member
        if failed_id is not None and failed_id != member.profile_id:
            self._engine.publish("profile:failover", member, model=model, failed_profile_id=failed_id)
        reason = "failover" if any(r.profile_id != member.profile_id for r in self.records) else "primary"
        return open_lease(self._engine, choice, self._request, model, self._session, reason, now)

    def _retry(self) -> RetryPolicy:
        """The most patient retry policy among those who serve the request."""
        engine = self._engine
        serving = [m for model in engine.models_of(self._request) for m in engine.lineup(model).members]
        return max((m.policy.retry for m in serving), key=_patience, default=engine.policy.retry)

    def _give_up(self) -> NoReturn:
        self._finished = True
        raise unavailable(self._engine, self._request, tuple(self.records)) from self._last_error

    # after a try

    def settle(self, lease: Lease, error: BaseException | None) -> bool:
        """Record how a try ended; whether the loop goes on (and the error is swallowed)."""
        if error is None:
            self._settle_clean(lease)
            return False
        if lease.settled and lease.outcome is not None and not lease.committed:
            self._last_error = error
            self._settle_clean(lease)
            return not self._finished
        if lease.committed or lease.settled:
            lease.settle(error)
            self._finished = True
            return False
        if is_unready(error):
            self._pass_over(lease, error)
            return True
        outcome = outcome_of(error, lease)
        if is_harmless(outcome, error):
            lease.settle(error)
            self._finished = True
            return False
        if outcome.kind == "auth":
            trouble = self._renew(lease)
            if trouble is None:
                lease.close()
                self._same = lease
                return True
            if is_unready(trouble):
                self._pass_over(lease, trouble)
                return True
        lease.settle(error)
        self._last_error = error
        self._note(lease, outcome.kind, outcome.message, outcome.retry_after)
        return True

    def _settle_clean(self, lease: Lease) -> None:
        """The block ended well, or the failure was reported by hand instead of raised."""
        lease.settle(None)
        reported = lease.outcome
        if reported is None or lease.committed or reported.kind in HARMLESS:
            self._finished = True
        else:
            self._note(lease, reported.kind, reported.message, reported.retry_after)

    def _pass_over(self, lease: Lease, error: BaseException) -> None:
        """The lease's own token could not be had for want of a login: move on, nobody's health is touched."""
        lease.close()
        self._last_error = error
        self._note(lease, "auth", str(error), None)

    def _renew(self, lease: Lease) -> CbauthError | None:
        """Refresh an OAuth token that was refused, once per request and profile; why not, or ``None`` to ask again.

        Asking twice about one lease gives the same answer and refreshes once.
        """
        source = lease.member.source
        if not isinstance(source, RenewableSource) or lease.secret is None:  # nothing was refused
            return AuthError("there is nothing to renew", profile_id=lease.profile_id)
        if lease.profile_id not in self._renewed:
            try:
                source.renew(lease.secret)
            except CbauthError as error:
                self._renewed[lease.profile_id] = error.with_traceback(None)
            else:
                self._renewed[lease.profile_id] = lease
        found = self._renewed[lease.profile_id]
        if found is lease:
            return None
        return found if isinstance(found, CbauthError) else AuthError("the renewed token was refused, too")

    async def renew_async(self, lease: Lease, error: BaseException) -> None:
        """Do the refreshing that ``settle`` would do, off the event loop."""
        if isinstance(lease.member.source, RenewableSource) and not lease.settled and not lease.committed:
            import asyncio

            if outcome_of(error, lease).kind == "auth":
                await asyncio.to_thread(self._renew, lease)

    def _note(self, lease: Lease, kind: str, message: str, hint: float | None) -> None:
        key = (lease.profile_id, lease.model)
        engine = self._engine
        now = engine.clock()
        pause = 0.0
        if kind in BREAKER_KINDS or not lease.touched:
            self._rounds[key] = self._rounds.get(key, 0) + 1
            backoff = lease.member.policy.retry.backoff
            pause = max(backoff.jittered(self._rounds[key], engine.rng.random()), hint or 0.0)
        self._rest_until[key] = now + pause
        self._failed_id = lease.profile_id
        until = judge(lease.member, lease.model, engine.store, now).until
        self.records.append(
            AttemptRecord(profile_id=lease.profile_id, model=lease.model, kind=kind, message=message, until=until)
        )


def _patience(retry: RetryPolicy) -> tuple[int, float]:
    return retry.attempts, retry.max_wait


class Attempt:
    """One try; entering it gives the lease."""

    __slots__ = ("_run", "lease")

    def __init__(self, run: Attempts, lease: Lease) -> None:
        self._run = run
        self.lease = lease

    def __enter__(self) -> Lease:
        return self.lease

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        return self._run.settle(self.lease, error)

    async def __aenter__(self) -> Lease:
        await prefetch(self.lease)
        return self.lease

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if error is not None:
            await self._run.renew_async(self.lease, error)
        return self._run.settle(self.lease, error)

    def __repr__(self) -> str:
        return f"<Attempt {len(self._run.records) + 1}: {self.lease!r}>"
