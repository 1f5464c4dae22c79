"""The laws of core/breaker.py: a machine against a plain model, and machines whose clock jumps about."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cbauth.core import breaker as b
from cbauth.core.breaker import CLOSED, Breaker, BreakerPolicy, Circuit

START = 1_700_000_000.0
HOUR = 3600.0

policies = st.builds(
    BreakerPolicy,
    failure_threshold=st.integers(1, 6),
    failure_decay=st.sampled_from([5.0, 60.0, 300.0]),
    open_for=st.sampled_from([0.0, 10.0, 60.0]),
    half_open_permits=st.integers(1, 3),
    permit_timeout=st.sampled_from([5.0, 30.0, 600.0]),
    mode=st.sampled_from(["enforce", "enforce", "observe", "off"]),
)
pauses = st.sampled_from([0.0, 0.5, 1.0, 4.5, 5.0, 10.0, 29.5, 30.0, 60.0, 240.0, 300.0, 600.0])


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody at work: what they were told when they were let in."""

    name: str
    generation: int


class BreakerMachine(RuleBasedStateMachine):
    """Callers come, report, report late or never report. Beside the breaker runs a model that keeps everything."""

    @initialize(policy=policies)
    def build(self, policy: BreakerPolicy) -> None:
        self.policy = policy
        self.breaker = CLOSED
        self.now = START
        self.names = 0
        self.callers: list[Caller] = []
        self.failed_at: list[float] = []
        self.until: float | None = None
        self.openings = 0
        self.held: dict[str, float] = {}

    # the model

    def state(self) -> Circuit:
        if self.until is None:
            return Circuit.CLOSED
        return Circuit.OPEN if self.now < self.until else Circuit.HALF_OPEN

    def counted(self) -> int:
        recent = [at for at in self.failed_at if self.now - at < self.policy.failure_decay]
        return min(len(recent), self.policy.failure_threshold)

    def trials(self) -> list[str]:
        return [name for name, deadline in self.held.items() if self.now < deadline]

    def model_opens(self) -> None:
        self.until = self.now + self.policy.open_for
        self.openings += 1
        self.held = {}

    def model_fails(self, generation: int) -> None:
        if self.policy.mode == "off" or generation != self.openings:
            return
        if self.state() is Circuit.OPEN:
            return
        self.failed_at.append(self.now)
        if self.state() is Circuit.HALF_OPEN or self.counted() >= self.policy.failure_threshold:
            self.model_opens()

    def model_succeeds(self, generation: int) -> None:
        if generation != self.openings:
            return
        if self.state() is Circuit.CLOSED:
            self.failed_at = []
        elif self.state() is Circuit.HALF_OPEN:
            self.until, self.held, self.failed_at = None, {}, []

    # what happens

    @rule(seconds=pauses)
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def somebody_asks(self) -> None:
        self.names += 1
        name = f"caller-{self.names}"
        state, busy = self.state(), self.trials()
        after = b.admit(self.breaker, self.policy, self.now, name)
        if state is Circuit.OPEN:
            assert after is None
        elif state is Circuit.HALF_OPEN:
            assert (after is not None) == (len(busy) < self.policy.half_open_permits)
        else:
            assert after is self.breaker
        assert (after is None) == (b.free_at(self.breaker, self.policy, self.now) is not None)
        if after is not None:
            self.breaker = after
            self.callers.append(Caller(name, after.generation))
            if state is Circuit.HALF_OPEN:
                self.held[name] = self.now + self.policy.permit_timeout
                assert after.tested

    @rule(which=st.integers(0, 9))
    def somebody_fails(self, which: int) -> None:
        if not self.callers:
            return
        caller = self.callers.pop(which % len(self.callers))
        self.breaker = b.fail(self.breaker, self.policy, self.now, caller.generation)
        self.breaker = b.release(self.breaker, caller.name)
        self.model_fails(caller.generation)
        self.held.pop(caller.name, None)

    @rule(which=st.integers(0, 9))
    def somebody_succeeds(self, which: int) -> None:
        if not self.callers:
            return
        caller = self.callers.pop(which % len(self.callers))
        self.breaker = b.succeed(self.breaker, self.now, caller.generation)
        self.breaker = b.release(self.breaker, caller.name)
        self.model_succeeds(caller.generation)
        self.held.pop(caller.name, None)

    @rule(which=st.integers(0, 9))
    def somebody_gives_back(self, which: int) -> None:
        if not self.callers:
            return
        caller = self.callers.pop(which % len(self.callers))
        self.breaker = b.release(self.breaker, caller.name)
        self.held.pop(caller.name, None)

    @rule(which=st.integers(0, 9))
    def somebody_is_never_heard_of_again(self, which: int) -> None:
        if self.callers:
            self.callers.pop(which % len(self.callers))

    @rule()
    def a_failure_is_reported_by_hand(self) -> None:
        self.breaker = b.fail(self.breaker, self.policy, self.now)
        self.model_fails(self.openings)

    @rule()
    def a_success_is_reported_by_hand(self) -> None:
        self.breaker = b.succeed(self.breaker, self.now)
        self.model_succeeds(self.openings)

    @rule()
    def it_is_opened_by_hand(self) -> None:
        self.breaker = b.trip(self.breaker, self.policy, self.now)
        self.model_opens()

    @rule()
    def a_sane_clock_gives_clamp_nothing_to_do(self) -> None:
        assert b.clamp(self.breaker, self.policy, self.now) is self.breaker

    # what always holds

    @invariant()
    def the_state_is_the_models(self) -> None:
        assert b.circuit(self.breaker, self.now) is self.state()
        assert self.breaker.until == self.until
        assert self.breaker.generation == self.openings

    @invariant()
    def the_count_is_the_models(self) -> None:
        assert b.failure_count(self.breaker, self.policy, self.now) == self.counted()
        assert self.until is not None or self.counted() < self.policy.failure_threshold

    @invariant()
    def never_more_trials_than_permits(self) -> None:
        running = [p.name for p in self.breaker.permits if self.now < p.deadline]
        assert sorted(running) == sorted(self.trials())
        assert len(running) <= self.policy.half_open_permits

    @invariant()
    def it_is_free_exactly_when_it_says(self) -> None:
        until = b.free_at(self.breaker, self.policy, self.now)
        if until is not None:
            assert until > self.now
            assert b.admit(self.breaker, self.policy, until - 0.25, "early") is None
            assert b.admit(self.breaker, self.policy, until, "in time") is not None

    @invariant()
    def it_stays_small(self) -> None:
        assert len(self.breaker.failures) <= 64
        assert len(self.breaker.permits) <= self.policy.half_open_permits
        assert all(0 < f.times <= self.policy.failure_threshold for f in self.breaker.failures)


TestBreaker = BreakerMachine.TestCase
TestBreaker.settings = settings(max_examples=300, stateful_step_count=50)


class SkewedMachine(RuleBasedStateMachine):
    """The clock jumps back and forth by hours between any two steps."""

    @initialize(policy=policies)
    def build(self, policy: BreakerPolicy) -> None:
        self.policy = policy
        self.breaker = CLOSED
        self.now = START
        self.names = 0

    @rule(hours=st.integers(-8, 8), seconds=pauses)
    def the_clock_jumps(self, hours: int, seconds: float) -> None:
        self.now += hours * HOUR + seconds

    @rule(generation=st.one_of(st.none(), st.integers(0, 3)))
    def fail(self, generation: int | None) -> None:
        self.breaker = b.fail(self.breaker, self.policy, self.now, generation)

    @rule(generation=st.one_of(st.none(), st.integers(0, 3)))
    def succeed(self, generation: int | None) -> None:
        self.breaker = b.succeed(self.breaker, self.now, generation)

    @rule()
    def trip(self) -> None:
        self.breaker = b.trip(self.breaker, self.policy, self.now)

    @rule()
    def admit(self) -> None:
        self.names += 1
        refused = b.free_at(self.breaker, self.policy, self.now) is not None
        after = b.admit(self.breaker, self.policy, self.now, f"caller-{self.names}")
        assert (after is None) == refused
        self.breaker = self.breaker if after is None else after

    @rule()
    def clamp(self) -> None:
        self.breaker = b.clamp(self.breaker, self.policy, self.now)

    @invariant()
    def an_open_breaker_admits_nobody(self) -> None:
        if b.circuit(self.breaker, self.now) is Circuit.OPEN:
            assert b.admit(self.breaker, self.policy, self.now, "anyone") is None

    @invariant()
    def clamping_twice_is_clamping_once(self) -> None:
        once = b.clamp(self.breaker, self.policy, self.now)
        assert b.clamp(once, self.policy, self.now) is once

    @invariant()
    def after_clamping_nobody_is_locked_out_longer_than_the_policy_allows(self) -> None:
        once = b.clamp(self.breaker, self.policy, self.now)
        until = b.free_at(once, self.policy, self.now)
        if until is not None:
            circuit = b.circuit(once, self.now)
            allowed = self.policy.open_for if circuit is Circuit.OPEN else self.policy.permit_timeout
            assert self.now < until <= self.now + allowed

    @invariant()
    def after_clamping_every_failure_decays_in_time(self) -> None:
        once = b.clamp(self.breaker, self.policy, self.now)
        assert b.failure_count(once, self.policy, self.now + self.policy.failure_decay) == 0

    @invariant()
    def clamping_moves_times_and_nothing_else(self) -> None:
        once = b.clamp(self.breaker, self.policy, self.now)
        assert (once.generation, once.tested) == (self.breaker.generation, self.breaker.tested)
        assert (once.until is None) == (self.breaker.until is None)
        assert [p.name for p in once.permits] == [p.name for p in self.breaker.permits]
        assert [f.times for f in once.failures] == [f.times for f in self.breaker.failures]

    @invariant()
    def it_stays_small(self) -> None:
        assert len(self.breaker.failures) <= 64
        assert len(self.breaker.permits) <= self.policy.half_open_permits


TestSkewedBreaker = SkewedMachine.TestCase
TestSkewedBreaker.settings = settings(max_examples=200, stateful_step_count=50)


gaps = st.lists(st.sampled_from([0.0, 0.001, 0.5, 3.0, 4.0, 60.0, 299.0]), min_size=1, max_size=5)


@given(threshold=st.integers(65, 400), rhythm=gaps)
def test_law_7_many_failures_are_counted_to_within_a_63rd_of_the_decay(threshold: int, rhythm: list[float]) -> None:
    """Merging may remember a failure a little too long, never too short, and opens no breaker on its own."""
    policy = BreakerPolicy(failure_threshold=threshold, failure_decay=300.0)
    slack = policy.failure_decay / 63
    breaker, now, times = CLOSED, START, []
    for n in range(500):
        now += rhythm[n % len(rhythm)]
        times.append(now)
        true = len([t for t in times if now - t < policy.failure_decay])
        most = len([t for t in times if now - t < policy.failure_decay + slack])
        breaker = b.fail(breaker, policy, now)
        if breaker.until is not None:
            assert most >= threshold
            return
        assert true < threshold
        assert true <= b.failure_count(breaker, policy, now) <= most
        assert len(breaker.failures) <= 64


@given(st.integers(1, 1_000_000), st.integers(0, 200))
def test_up_to_64_failures_are_counted_one_by_one(threshold: int, failures: int) -> None:
    policy = BreakerPolicy(failure_threshold=threshold)
    breaker = CLOSED
    for n in range(failures):
        breaker = b.fail(breaker, policy, START)
        if n + 1 == threshold:
            assert breaker.until == START + policy.open_for
            return
    assert b.failure_count(breaker, policy, START) == failures


@given(st.integers(1, 5), pauses, pauses)
def test_a_lost_permit_returns_when_its_time_is_up(permits: int, since: float, between: float) -> None:
    policy = BreakerPolicy(failure_threshold=1, half_open_permits=permits, permit_timeout=600.0)
    breaker = b.trip(CLOSED, policy, START)
    now = START + policy.open_for + since
    for n in range(permits):
        after = b.admit(breaker, policy, now, f"lost-{n}")
        assert after is not None
        breaker = after
    full = now + min(between, 599.5)
    assert b.admit(breaker, policy, full, "late") is None
    assert b.free_at(breaker, policy, full) == now + 600.0
    assert b.admit(breaker, policy, now + 600.0, "late") is not None


@given(pauses, st.integers(0, 3), st.booleans())
def test_a_late_success_closes_an_otherwise_unchanged_half_open_breaker(wait: float, others: int, back: bool) -> None:
    """However late, whether or not its permit is still its own, and whoever was let in meanwhile."""
    policy = BreakerPolicy(failure_threshold=1, permit_timeout=30.0)
    now = START + policy.open_for
    breaker = b.admit(b.trip(CLOSED, policy, START), policy, now, "slow")
    assert breaker is not None
    mine = breaker.generation
    breaker = b.release(breaker, "slow") if back else breaker
    for n in range(others):
        now += 30.0
        breaker = b.admit(breaker, policy, now, f"other-{n}") or breaker
    assert b.succeed(breaker, now + wait, mine) == Breaker(generation=mine)


@given(policies, st.integers(1, 4))
def test_answers_from_before_an_opening_are_void_for_ever(policy: BreakerPolicy, openings: int) -> None:
    breaker, now = CLOSED, START
    for _ in range(openings):
        breaker = b.trip(breaker, policy, now)
        now += policy.open_for
        for old in range(breaker.generation):
            assert b.fail(breaker, policy, now, old) is breaker
            assert b.succeed(breaker, now, old) is breaker


@given(policies, pauses, st.integers(0, 8), st.integers(0, 2))
def test_same_inputs_same_answer(policy: BreakerPolicy, pause: float, failures: int, trials: int) -> None:
    def play() -> list[object]:
        breaker, seen = CLOSED, []
        for _ in range(failures):
            breaker = b.fail(breaker, policy, START)
        now = START + pause
        for n in range(trials):
            breaker = b.admit(breaker, policy, now, str(n)) or breaker
        seen += [breaker, b.circuit(breaker, now), b.free_at(breaker, policy, now)]
        return [*seen, b.failure_count(breaker, policy, now), b.clamp(breaker, policy, now - HOUR)]

    assert play() == play()
