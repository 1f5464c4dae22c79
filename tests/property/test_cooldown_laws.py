"""The laws of core/cooldown.py, step by step over any history, with clock and dice as data."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cbauth.core.cooldown import FAILURE, MISSING, Cooldown, Ladder, clamp, cool, covers, rest

START = 1_700_000_000.0
HOUR = 3600.0

ladders = st.builds(
    Ladder,
    base=st.sampled_from([1.0, 30.0, 60.0, 600.0]),
    factor=st.sampled_from([1.0, 2.0, 5.0]),
    cap=st.sampled_from([60.0, 300.0, 3600.0]),
    jitter=st.sampled_from([0.0, 0.25]),
)
dice = st.sampled_from([0.0, 0.25, 0.5, 0.75])
hints = st.one_of(st.none(), st.none(), st.sampled_from([-1.0, 0.0, 0.5, 20.0, 200.0, 1e9]))
pauses = st.sampled_from([0.0, 0.5, 1.0, 10.0, 30.0, 60.0, 61.0, 300.0, 3600.0, 3601.0, 9000.0])
HINT_CAP = 600.0


def one_more(
    previous: Cooldown | None,
    ladder: Ladder,
    now: float,
    *,
    die: float = 0.0,
    hint: float | None = None,
    admitted_at: float | None = None,
) -> Cooldown:
    """A failure of the whole profile."""
    return cool(
        previous,
        ladder,
        lane=FAILURE,
        model=None,
        kind="auth",
        now=now,
        dice=die,
        hint=hint,
        hint_cap=HINT_CAP,
        admitted_at=admitted_at,
    )


class CooldownMachine(RuleBasedStateMachine):
    """One (lane, model) pair over a clock that only goes forward; ladders may change between failures."""

    @initialize()
    def build(self) -> None:
        self.now = START
        self.cooldown: Cooldown | None = None

    @rule(seconds=pauses)
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(ladder=ladders, die=dice, hint=hints, ago=st.one_of(st.none(), pauses))
    def fail(self, ladder: Ladder, die: float, hint: float | None, ago: float | None) -> None:
        before = self.cooldown
        admitted_at = None if ago is None else self.now - ago
        after = one_more(before, ladder, self.now, die=die, hint=hint, admitted_at=admitted_at)
        self.cooldown = after
        running = before is not None and self.now < before.until
        told = hint is not None and hint > 0
        capped = min(hint, HINT_CAP) if hint is not None else 0.0

        if before is not None and running and admitted_at is not None and admitted_at <= before.since:
            # the same incident: no step, and only a longer hint lengthens
            longest = max(before.until, self.now + capped) if told else before.until
            assert after == before._replace(until=longest)
            return
        forgotten = before is None or self.now - before.until > before.quiet
        count = 1 if before is None or forgotten else before.step + 1
        length = capped if told else ladder.jittered(count, die)
        floor = before.until if before is not None and running else self.now
        assert after.step == count
        assert after.until == max(floor, self.now + length)
        assert (after.since, after.quiet) == (self.now, ladder.cap)

    @rule(ladder=ladders, hint=hints, ago=st.one_of(st.none(), pauses))
    def failing_never_shortens(self, ladder: Ladder, hint: float | None, ago: float | None) -> None:
        if self.cooldown is not None and self.now < self.cooldown.until:
            admitted_at = None if ago is None else self.now - ago
            after = one_more(self.cooldown, ladder, self.now, hint=hint, admitted_at=admitted_at)
            assert after.until >= self.cooldown.until
            assert after.step >= self.cooldown.step

    @rule()
    def it_is_recovered_by_hand(self) -> None:
        if self.cooldown is not None:
            self.cooldown = self.cooldown._replace(until=min(self.now, self.cooldown.until))

    @rule()
    def success_forgets_it(self) -> None:
        self.cooldown = None

    @invariant()
    def a_sane_clock_gives_clamp_nothing_to_do(self) -> None:
        if self.cooldown is not None:
            assert clamp(self.cooldown, self.now) is self.cooldown


TestCooldown = CooldownMachine.TestCase
TestCooldown.settings = settings(max_examples=300, stateful_step_count=40)


class SkewedMachine(RuleBasedStateMachine):
    """Failures while the clock jumps back and forth by hours, mended now and then or never."""

    @initialize(ladder=ladders)
    def build(self, ladder: Ladder) -> None:
        self.ladder = ladder
        self.now = START
        self.cooldown: Cooldown | None = None
        self.longest = max(ladder.cap * (1 + ladder.jitter), HINT_CAP)

    @rule(hours=st.integers(-48, 48), seconds=pauses)
    def the_clock_jumps(self, hours: int, seconds: float) -> None:
        self.now += hours * HOUR + seconds

    @rule(die=dice, hint=hints)
    def fail(self, die: float, hint: float | None) -> None:
        self.cooldown = one_more(self.cooldown, self.ladder, self.now, die=die, hint=hint)

    @rule(ago=pauses)
    def an_earlier_caller_fails(self, ago: float) -> None:
        self.cooldown = one_more(self.cooldown, self.ladder, self.now, admitted_at=self.now - ago)

    @rule()
    def mend(self) -> None:
        if self.cooldown is not None:
            self.cooldown = clamp(self.cooldown, self.now)

    @invariant()
    def after_clamping_nobody_rests_longer_than_the_policy_allows(self) -> None:
        if self.cooldown is not None:
            mended = clamp(self.cooldown, self.now)
            assert mended.until - self.now <= self.longest + 1e-6
            assert mended.step == self.cooldown.step

    @invariant()
    def clamping_twice_is_clamping_once(self) -> None:
        if self.cooldown is not None:
            once = clamp(self.cooldown, self.now)
            assert clamp(once, self.now) is once


TestSkewedCooldown = SkewedMachine.TestCase
TestSkewedCooldown.settings = settings(max_examples=300, stateful_step_count=40)

records = st.builds(
    Cooldown,
    lane=st.sampled_from([FAILURE, MISSING]),
    model=st.sampled_from([None, "a", "b"]),
    kind=st.just("auth"),
    step=st.integers(1, 9),
    since=st.floats(START - 1e5, START + 1e5),
    until=st.floats(START - 1e5, START + 1e5),
    quiet=st.floats(0.0, 1e5),
)
moments = st.floats(START - 1e6, START + 1e6)


@given(records, moments)
def test_clamping_leaves_no_rest_longer_than_it_was_meant_to_last(record: Cooldown, now: float) -> None:
    mended = clamp(record, now)
    meant = max(record.until - record.since, 0.0)
    assert mended.until - now <= meant + 1e-6
    assert mended.since <= now
    assert clamp(mended, now) is mended


@given(records, st.sampled_from([None, "a", "b", "c"]))
def test_a_rest_holds_up_what_it_names(record: Cooldown, model: str | None) -> None:
    named = record.model is None or record.model == model
    general = model is None and record.lane != MISSING
    assert covers(record, model) == (named or general)


@given(st.lists(st.tuples(pauses, st.booleans()), max_size=8))
def test_counts_climb_one_by_one_and_only_quiet_clears_them(history: list[tuple[float, bool]]) -> None:
    """``recovered`` cuts the rest short; the count stays until it was quiet for longer than the cap."""
    ladder = Ladder(base=60.0, factor=5.0, cap=3600.0)
    now, last, count = START, None, 0
    for pause, recovered in history:
        if last is not None and recovered:
            last = last._replace(until=min(last.until, now))
        now += pause
        count = 1 if last is None or now - last.until > ladder.cap else count + 1
        last = one_more(last, ladder, now)
        assert last.step == count


@given(records, ladders, moments, dice, hints, st.one_of(st.none(), moments))
def test_same_inputs_same_answer_and_the_record_is_left_alone(
    record: Cooldown, ladder: Ladder, now: float, die: float, hint: float | None, admitted_at: float | None
) -> None:
    kept = Cooldown(*record)
    answers = [one_more(record, ladder, now, die=die, hint=hint, admitted_at=admitted_at) for _ in range(2)]
    assert answers[0] == answers[1]
    assert record == kept
    assert answers[0].until >= min(record.until, now)


@given(st.one_of(st.none(), records), moments)
def test_an_unknown_model_rests_for_an_hour(previous: Cooldown | None, now: float) -> None:
    pair = rest(previous, model="gpt-9", now=now)
    assert (pair.since, pair.until) == (now, now + HOUR)
    assert covers(pair, "gpt-9")
    assert not covers(pair, None)


@given(st.integers(999_990, 1_000_000), st.integers(1, 20))
def test_law_6_counts_saturate(count: int, failures: int) -> None:
    ladder = Ladder(base=60.0, factor=5.0, cap=3600.0)
    record = one_more(None, ladder, START)._replace(step=count)
    for _ in range(failures):
        record = one_more(record, ladder, START)
    assert record.step == min(count + failures, 1_000_000)
    assert record.until == START + ladder.cap
