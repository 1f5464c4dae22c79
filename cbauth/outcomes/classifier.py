"""From whatever was caught or returned to one of eleven kinds.

Laws:

1. It never raises for what it is given, and always gives a kind of ``KINDS``.
2. A cancellation is a cancellation, whatever the rules say. After that the user's rules decide, then the provider's
   codes, then its texts, then the status.
3. An exception that nobody knows is ``unknown`` without a status, and so is a group that holds one: a bug is never
   retried.
4. What it knows of libraries are names. It imports none of them, and reads nothing from a network.
5. A hint is passed on as it was given. Capping it is for the policy.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from cbauth.errors import ConfigError
from cbauth.outcomes.answers import Answer, of_error, of_response
from cbauth.outcomes.bodies import Complaint, complaint, encoded
from cbauth.outcomes.dialects import by_code, by_status, by_text, status_of
from cbauth.outcomes.hints import hint, is_empty
from cbauth.outcomes.outcome import PROTOCOLS, Outcome, one_of
from cbauth.outcomes.peeking import shown
from cbauth.outcomes.redaction import brief
from cbauth.outcomes.rules import Rule
from cbauth.outcomes.transport import chain, gave_up, is_cancelled, kind_of, members

__all__ = ["classify"]


def classify(
    error_or_response: object,
    *,
    protocol: str | None = None,
    rules: Iterable[Rule | Mapping[str, object]] = (),
) -> Outcome:
    """What a failed call means.

    Takes an exception (of requests, httpx, urllib3, aiohttp, openai, anthropic, the Google SDKs, builtin ones, groups
    of them), a response, a tuple ``(status, headers, body)`` or a mapping with these keys. Bodies may be bytes, text or
    decoded JSON. ``protocol`` says whose dialect it is, ``openai``, ``anthropic``, ``google``, ``ollama`` or
    ``generic``; ``None`` leaves it to the exception's package and the body's shape. ``rules`` are the user's own, the
    first that applies wins: ``Rule`` objects or mappings of the shape of ``classify:``, those that concern this
    provider only.

    Never raises for what it is given; ``ConfigError`` for a protocol or a rule that does not exist.
    """
    if protocol is not None:
        one_of("protocol", protocol, PROTOCOLS)
    if isinstance(rules, str) or not isinstance(rules, Iterable):
        raise ConfigError(f"rules have to be a list, not {type(rules).__name__}")
    ruling = [Rule.of(rule) for rule in rules]
    try:
        return _judged(error_or_response, protocol, ruling)
    except Exception:  # a hostile object can raise from anything, even from being asked for its class
        return Outcome("unknown")


def _judged(thing: object, protocol: str | None, rules: list[Rule]) -> Outcome:
    if isinstance(thing, Outcome):
        return thing
    if isinstance(thing, BaseException):
        return _of_exception(thing, protocol, rules)
    answer = of_response(thing)
    if answer is None:
        return Outcome("unknown")
    return _of_answer(answer, protocol, rules) or Outcome("unknown", message=brief(complaint(answer).message))


def _of_exception(error: BaseException, protocol: str | None, rules: list[Rule]) -> Outcome:
    if is_cancelled(error):
        return Outcome("cancelled", message=type(error).__name__)
    if isinstance(error, BaseExceptionGroup):
        return _of_group(error, protocol, rules)
    known: str | None = None
    for one in chain(error):
        if known is None:
            answer = of_error(one)
            outcome = None if answer is None else _of_answer(answer, protocol, rules)
            if outcome is not None:
                return outcome
        kind = kind_of(one)
        # That it took too long says more than that it did not get through.
        known = kind if known is None or kind == "timeout" else known
        if known == "timeout":
            break
    if known is None and gave_up(error):
        known = "network"
    text = f"{type(error).__name__}: {shown(error)}".removesuffix(": ")
    for rule in rules:
        # Without words to look for, a rule would make a provider's failure of every bug.
        if (known is not None or rule.match is not None) and rule.applies(None, text):
            return Outcome(rule.kind, message=brief(text))
    return Outcome(known or "unknown", message=brief(text))


def _of_group(error: BaseException, protocol: str | None, rules: list[Rule]) -> Outcome:
    """What all members agree on, but for those that were only cancelled because another failed."""
    unknown = Outcome("unknown", message=brief(f"{type(error).__name__}: {shown(error)}"))
    outcomes = [_of_exception(member, protocol, rules) for member in members(error)]
    told = [outcome for outcome in outcomes if outcome.kind != "cancelled"]
    if not told:
        return outcomes[0] if outcomes else unknown
    if any(outcome.kind == "unknown" and outcome.status is None for outcome in told):
        return unknown
    return told[0] if len({outcome.kind for outcome in told}) == 1 else unknown


def _of_answer(answer: Answer, protocol: str | None, rules: list[Rule]) -> Outcome | None:
    """The verdict on an answer; ``None`` if it has no status and nothing in it is known."""
    said = complaint(answer)
    status = answer.status
    if (status is None or status < 400) and said.number is not None:
        status = said.number  # the error came in the middle of a success
    message = said.message or answer.said
    ruled = _ruled(answer, status, message, rules)
    kind = ruled or _kind(answer, said, status, message, protocol)
    if kind is None:
        return None
    wait = hint(
        answer.headers,
        now=time.time,
        waits=said.waits,
        quoted=said.headers,
        text=message,
        buckets=kind == "rate_limit" or ruled is not None,
    )
    return Outcome(kind, wait, None, brief(message), status)


def _ruled(answer: Answer, status: int | None, message: str, rules: list[Rule]) -> str | None:
    if not rules:
        return None
    text = "\n".join((message, answer.text or encoded(answer.body), answer.said))
    return next((rule.kind for rule in rules if rule.applies(status, text)), None)


def _kind(answer: Answer, said: Complaint, status: int | None, message: str, protocol: str | None) -> str | None:
    kind = by_code(said.codes)
    if kind is not None:
        return kind
    failed = status if status is not None and status >= 400 else status_of(said.codes)
    dialect = said.protocol if said.sure else protocol or answer.protocol or said.protocol
    if failed is not None or said.protocol is not None:
        kind = by_text(dialect or "generic", failed, message)
        if kind is not None:
            return kind
    if status == 403 and is_empty(answer.headers, "x-ratelimit-remaining"):
        return "rate_limit"  # GitHub refuses with 403 when the hour's requests are spent
    decisive = failed if failed is not None else status
    return None if decisive is None else by_status(decisive)
