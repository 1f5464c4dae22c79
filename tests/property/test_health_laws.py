"""The laws of core/health.py: what outcomes change in two records, who is admitted then, and JSON there and back."""

from __future__ import annotations

import json
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cbauth.core import breaker as breakers
from cbauth.core import cooldown as cooldowns
from cbauth.core.breaker import BreakerPolicy
from cbauth.core.cooldown import ADAPTIVE, BILLING, CLASSIC, FAILURE, MISSING, Cooldown, CooldownPolicy, Ladder
from cbauth.core.encoding import decode, encode
from cbauth.core.health import (
    BLANK,
    BREAKER_KINDS,
    HARMLESS,
    TRANSIENT,
    Failure,
    Health,
    State,
    admission,
    clamped,
    failed,
    reaches_provider,
    recovered,
    running,
    skewed,
    succeeded,
)

START = 1_700_000_000.0
HOUR = 3600.0
KINDS = (*sorted(BREAKER_KINDS), *sorted(HARMLESS), "rate_limit", "billing", "auth", "model_not_found", TRANSIENT)
MODELS = (None, "a", "b", "c")

kinds = st.sampled_from(KINDS)
models = st.sampled_from(MODELS)
scopes = st.sampled_from([None, None, None, "model", "profile", "provider"])
hints = st.sampled_from([None, None, 0.0, 5.0, 400.0, 1e9])
dice = st.sampled_from([0.0, 0.5, 0.75])
messages = st.one_of(st.text(max_size=5), st.integers(495, 505).map("x".__mul__))
pauses = st.sampled_from([0.0, 0.5, 5.0, 30.0, 60.0, 300.0, 600.0, 3600.0, 90_000.0])
breaker_policies = st.builds(
    BreakerPolicy,
    failure_threshold=st.integers(1, 3),
    half_open_permits=st.integers(1, 2),
    scope=st.sampled_from(["profile", "provider"]),
    mode=st.sampled_from(["enforce", "enforce", "observe", "off"]),
)
steep = Ladder(base=10.0, factor=3.0, cap=100.0, jitter=0.5, scope="provider")
cooldown_policies = st.sampled_from(
    [
        ADAPTIVE,
        CLASSIC,
        CooldownPolicy(
            preset="adaptive", rate_limit=steep, billing=steep, auth=steep, transient=steep, retry_after_cap=20.0
        ),
    ]
)
Pair = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody at work for a model: what they were told when they were let in."""

    model: str | None
    admitted_at: float
    generation: int
    permit: str | None


def by_pair(health: Health | None) -> dict[Pair, Cooldown]:
    """A record's cooldowns by what they are about."""
    return {} if health is None else {(c.lane, c.model): c for c in health.cooldowns}


class HealthMachine(RuleBasedStateMachine):
    """A profile and its provider under everything that callers can report."""

    @initialize(breaker=breaker_policies, cooldown=cooldown_policies)
    def build(self, breaker: BreakerPolicy, cooldown: CooldownPolicy) -> None:
        self.breaker, self.cooldown = breaker, cooldown
        self.own: Health | None = None
        self.shared: Health | None = None
        self.now = START
        self.names = 0
        self.callers: list[Caller] = []

    # what the test itself says about a failure, in tables rather than code

    def about(self, failure: Failure) -> tuple[bool, Pair, Ladder | None] | None:
        """Whose record (true: the provider's), which of its cooldowns and which ladder a failure is about."""
        kind, scope, model = failure.kind, failure.scope, failure.model
        if kind == "model_not_found":
            return None if model is None else (False, (MISSING, model), None)
        ladders = {
            "billing": self.cooldown.billing,
            "rate_limit": self.cooldown.rate_limit,
            "auth": self.cooldown.auth,
            TRANSIENT: self.cooldown.transient,
        }
        if self.cooldown.preset == "classic":
            ladders |= dict.fromkeys(BREAKER_KINDS, self.cooldown.transient)
        if kind not in ladders:
            return None
        scope = scope or ladders[kind].scope
        lane = BILLING if kind == "billing" else FAILURE
        return scope == "provider", (lane, model if scope == "model" else None), ladders[kind]

    def rested(self, before: Cooldown | None, pair: Pair, ladder: Ladder | None, failure: Failure) -> Cooldown:
        """The one cooldown that a failure changes, as ``core/cooldown`` has it."""
        lane, model = pair
        if ladder is None:
            return cooldowns.rest(before, model=str(model), now=failure.now)
        return cooldowns.cool(
            before,
            ladder,
            lane=lane,
            model=model,
            kind=failure.kind,
            now=failure.now,
            dice=failure.dice,
            hint=failure.hint,
            hint_cap=self.cooldown.retry_after_cap,
            admitted_at=failure.admitted_at,
        )

    @property
    def judged(self) -> Health | None:
        """The record whose breaker gates."""
        return self.shared if self.breaker.scope == "provider" else self.own

    @judged.setter
    def judged(self, health: Health | None) -> None:
        if self.breaker.scope == "provider":
            self.shared = health
        else:
            self.own = health

    # what happens

    @rule(seconds=pauses)
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(model=models)
    def somebody_asks(self, model: str | None) -> None:
        answer = admission(self.own, self.shared, self.breaker, model, self.now)
        assert answer == admission(self.own, self.shared, self.breaker, model, self.now)
        deadlines = [
            c.until
            for c in (*by_pair(self.own).values(), *by_pair(self.shared).values())
            if self.now < c.until and (c.model in (None, model) or (model is None and c.lane != MISSING))
        ]
        circuit = breakers.CLOSED if self.judged is None else self.judged.breaker
        enforced = self.breaker.mode == "enforce" and circuit.until is not None
        if enforced and (busy := breakers.free_at(circuit, self.breaker, self.now)) is not None:
            deadlines.append(busy)
        if deadlines:
            assert (answer.state, answer.until) == (State.REFUSED, max(deadlines))
            assert answer.why
            return
        assert (answer.state, answer.why, answer.until) == (State.TESTING if enforced else State.FREE, "", None)
        permit = None
        if answer.state is State.TESTING and self.judged is not None:
            self.names += 1
            permit = f"trial-{self.names}"
            after = breakers.admit(circuit, self.breaker, self.now, permit)
            assert after is not None
            self.judged = self.judged._replace(breaker=after)
        self.callers.append(Caller(model, self.now, circuit.generation, permit))

    def record(self, failure: Failure) -> None:
        """Record a failure in both records as the engine does, and hold it to law 3."""
        own, shared, kind = self.own, self.shared, failure.kind
        after = failed(own, failure, self.breaker, self.cooldown)
        assert failed(own, failure, self.breaker, self.cooldown) == after
        after_shared = shared
        if reaches_provider(kind, failure.scope, self.breaker, self.cooldown):
            after_shared = failed(shared, failure, self.breaker, self.cooldown, shared=True)
        else:
            unconcerned = failed(shared, failure, self.breaker, self.cooldown, shared=True)
            assert unconcerned == (shared if shared is not None else BLANK)

        about = self.about(failure)
        for is_shared, old, new in ((False, own, after), (True, shared, after_shared)):
            expected = by_pair(old)
            if about is not None and about[0] is is_shared:
                _, pair, ladder = about
                expected[pair] = self.rested(expected.get(pair), pair, ladder, failure)
                was = by_pair(old).get(pair)
                assert was is None or self.now >= was.until or expected[pair].until >= was.until
            assert by_pair(new) == expected
            circuit = breakers.CLOSED if old is None else old.breaker
            if (self.breaker.scope == "provider") is is_shared:
                if kind in BREAKER_KINDS:
                    circuit = breakers.fail(circuit, self.breaker, failure.now, failure.generation)
                circuit = breakers.release(circuit, failure.permit or "")
            assert (breakers.CLOSED if new is None else new.breaker) == circuit
            words = old if old is not None else BLANK
            if is_shared or kind in HARMLESS:
                expected_words = (words.last_error, words.last_kind, words.last_at)
            else:
                shown = "unknown" if kind == TRANSIENT else kind
                expected_words = (failure.message[:500] or None, shown, failure.now)
            assert new is None or (new.last_error, new.last_kind, new.last_at) == expected_words
        self.own, self.shared = after, after_shared

    @rule(which=st.integers(0, 9), kind=kinds, hint=hints, scope=scopes, die=dice, message=messages)
    def somebody_fails(
        self, which: int, kind: str, hint: float | None, scope: str | None, die: float, message: str
    ) -> None:
        if not self.callers:
            return
        caller = self.callers.pop(which % len(self.callers))
        self.record(
            Failure(
                kind=kind,
                now=self.now,
                message=message,
                model=caller.model,
                hint=hint,
                scope=scope,
                dice=die,
                admitted_at=caller.admitted_at,
                generation=caller.generation,
                permit=caller.permit,
            )
        )

    @rule(kind=kinds, model=models, hint=hints, scope=scopes, die=dice)
    def a_failure_is_reported_by_hand(
        self, kind: str, model: str | None, hint: float | None, scope: str | None, die: float
    ) -> None:
        self.record(Failure(kind=kind, now=self.now, model=model, hint=hint, scope=scope, dice=die))

    def clear(self, old: Health | None, new: Health | None, model: str | None, admitted_at: float | None) -> None:
        """Hold a success to law 4: what survives it is another model's, or began after its caller was admitted."""
        survivors = {
            pair
            for pair, c in by_pair(old).items()
            if (model is not None and c.model is not None and c.model != model)
            or (admitted_at is not None and admitted_at <= c.since and self.now < c.until)
        }
        assert by_pair(new) == {pair: c for pair, c in by_pair(old).items() if pair in survivors}
        if old is not None and new is not None:
            assert (new is old) == (new == old)
            assert (new.last_error, new.last_kind, new.last_at) == (old.last_error, old.last_kind, old.last_at)

    def succeed(self, caller: Caller) -> None:
        """Record a success in both records, and hold it to law 4."""
        own, shared = (
            succeeded(
                old,
                self.now,
                model=caller.model,
                admitted_at=caller.admitted_at,
                generation=caller.generation,
                permit=caller.permit,
            )
            for old in (self.own, self.shared)
        )
        for old, new in ((self.own, own), (self.shared, shared)):
            self.clear(old, new, caller.model, caller.admitted_at)
            if old is not None and new is not None:
                circuit = breakers.succeed(old.breaker, self.now, caller.generation)
                assert new.breaker == breakers.release(circuit, caller.permit or "")
        self.own, self.shared = own, shared

    @rule(which=st.integers(0, 9))
    def somebody_succeeds(self, which: int) -> None:
        if self.callers:
            self.succeed(self.callers.pop(which % len(self.callers)))

    @rule(model=models, ago=pauses, generation=st.integers(0, 2))
    def somebody_let_in_by_other_rules_succeeds(self, model: str | None, ago: float, generation: int) -> None:
        self.succeed(Caller(model, self.now - ago, generation, None))

    @rule(model=models)
    def a_success_is_reported_by_hand(self, model: str | None) -> None:
        own, shared = succeeded(self.own, self.now, model=model), succeeded(self.shared, self.now, model=model)
        self.clear(self.own, own, model, None)
        self.clear(self.shared, shared, model, None)
        self.own, self.shared = own, shared
        answer = admission(own, shared, self.breaker, model, self.now)
        circuit = breakers.CLOSED if self.judged is None else self.judged.breaker
        if circuit.until is None:
            assert answer.state is State.FREE

    @rule()
    def it_is_recovered_by_hand(self) -> None:
        old = by_pair(self.own)
        self.own = recovered(self.own, self.now)
        assert by_pair(self.own) == {p: c._replace(until=min(c.until, self.now)) for p, c in old.items()}
        assert recovered(self.own, self.now) is self.own

    @rule()
    def its_circuit_is_opened_by_hand(self) -> None:
        before = self.judged if self.judged is not None else BLANK
        self.judged = before._replace(breaker=breakers.trip(before.breaker, self.breaker, self.now))

    # what always holds

    @invariant()
    def what_runs_is_what_ends_later_and_is_not_merely_unknown(self) -> None:
        expected = [c for (lane, _), c in by_pair(self.own).items() if lane != MISSING and self.now < c.until]
        assert list(running(self.own, self.now)) == expected

    @invariant()
    def records_survive_json(self) -> None:
        for record in (self.own, self.shared):
            if record is not None:
                assert decode(json.loads(encode(record))) == record

    @invariant()
    def records_stay_small(self) -> None:
        for record in (self.own, self.shared):
            if record is not None:
                assert len(by_pair(record)) == len(record.cooldowns) <= 2 * len(MODELS) + len(MODELS)
                assert len(record.breaker.failures) <= 64
                assert len(record.breaker.permits) <= self.breaker.half_open_permits

    @invariant()
    def a_sane_clock_gives_clamp_nothing_to_do(self) -> None:
        for record in (self.own, self.shared):
            if record is not None:
                assert clamped(record, self.breaker, self.now) is record
                assert not skewed(record, self.breaker, self.now)


TestHealth = HealthMachine.TestCase
TestHealth.settings = settings(max_examples=300, stateful_step_count=50)


class SkewedMachine(RuleBasedStateMachine):
    """One profile under explicit reports while the clock jumps back and forth by hours."""

    @initialize(breaker=breaker_policies, cooldown=cooldown_policies)
    def build(self, breaker: BreakerPolicy, cooldown: CooldownPolicy) -> None:
        self.breaker, self.cooldown = breaker, cooldown
        self.health: Health | None = None
        self.now = START
        ladders = (cooldown.rate_limit, cooldown.billing, cooldown.auth, cooldown.transient)
        self.longest = max(
            HOUR,
            cooldown.retry_after_cap,
            breaker.open_for,
            breaker.permit_timeout,
            *(ladder.cap * (1 + ladder.jitter) for ladder in ladders),
        )

    @rule(hours=st.integers(-50, 50), seconds=pauses)
    def the_clock_jumps(self, hours: int, seconds: float) -> None:
        self.now += hours * HOUR + seconds

    @rule(kind=kinds, model=models, hint=hints, shared=st.booleans())
    def fail(self, kind: str, model: str | None, hint: float | None, shared: bool) -> None:
        failure = Failure(kind=kind, now=self.now, model=model, hint=hint, dice=0.75)
        self.health = failed(self.health, failure, self.breaker, self.cooldown, shared=shared)

    @rule()
    def a_trial_begins(self) -> None:
        if self.health is not None and self.health.breaker.until is not None:
            after = breakers.admit(self.health.breaker, self.breaker, self.now, "trial")
            self.health = self.health if after is None else self.health._replace(breaker=after)

    @rule(model=models)
    def succeed(self, model: str | None) -> None:
        self.health = succeeded(self.health, self.now, model=model)

    @rule()
    def recover(self) -> None:
        self.health = recovered(self.health, self.now)

    @rule()
    def mend(self) -> None:
        if self.health is not None:
            self.health = clamped(self.health, self.breaker, self.now)

    @invariant()
    def after_clamping_nobody_is_locked_out_longer_than_the_policy_allows(self) -> None:
        if self.health is None:
            return
        mended = clamped(self.health, self.breaker, self.now)
        assert clamped(mended, self.breaker, self.now) is mended
        assert not skewed(mended, self.breaker, self.now)
        assert skewed(self.health, self.breaker, self.now) or mended == self.health
        for model in MODELS:
            answer = admission(mended, mended, self.breaker, model, self.now)
            if answer.until is not None:
                assert self.now < answer.until <= self.now + self.longest + 1e-6

    @invariant()
    def records_survive_json(self) -> None:
        if self.health is not None:
            assert decode(json.loads(encode(self.health))) == self.health


TestSkewedHealth = SkewedMachine.TestCase
TestSkewedHealth.settings = settings(max_examples=200, stateful_step_count=40)

crowds = st.lists(
    st.tuples(st.sampled_from(["model_not_found", "rate_limit", "billing", "auth"]), st.integers(0, 99), st.booleans()),
    min_size=130,
    max_size=160,
)


@settings(max_examples=30)
@given(crowds)
def test_law_6_a_crowd_of_models_is_bounded_and_never_frees_the_whole_profile(
    crowd: list[tuple[str, int, bool]],
) -> None:
    health: Health | None = None
    for kind, number, later in crowd:
        now = START + number if later else START
        before = by_pair(health)
        health = failed(health, Failure(kind=kind, now=now, model=f"m{number}"), BreakerPolicy(), ADAPTIVE)
        after = by_pair(health)
        assert len(after) == len(health.cooldowns) <= 64
        lost = [c for pair, c in before.items() if pair not in after]
        assert len(lost) <= (len(before) == 64)
        for c in lost:
            assert c.model is not None
            assert c.until <= min(k.until for p, k in after.items() if k.model is not None and p in before)
