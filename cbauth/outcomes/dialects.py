"""What the providers' words mean.

Codes come before texts, and texts count only in the dialect they belong to, with a status they are known to come with:
an error may quote the prompt. Where neither says anything, the status decides. Sources: the providers' own pages on
errors, and the answers collected in ``tests/outcomes/answers.yaml``, each with its address.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

__all__ = ["CODES", "STATUS_OF", "TEXTS", "by_code", "by_status", "by_text", "status_of"]

_KINDS_OF_STATUS = {
    **dict.fromkeys((400, 409, 413, 415, 422), "bad_request"),
    **dict.fromkeys((401, 403), "auth"),
    402: "billing",
    404: "model_not_found",
    **dict.fromkeys((408, 504), "timeout"),
    429: "rate_limit",
    **dict.fromkeys((503, 529), "overloaded"),
}

# Words that settle the matter, whatever the status.
CODES: Mapping[str, str] = {
    word: kind
    for kind, words in {
        "billing": (
            *("insufficient_quota", "billing_not_active", "billing_hard_limit_reached", "credit_balance_exhausted"),
            *("organization_spend_limit_exceeded", "project_spend_limit_exceeded", "organization_usage_limit_exceeded"),
            *("enforced_spend_limit_reached", "billing_error", "billing_disabled", "insufficient_balance"),
            *("insufficient_credits", "insufficient_funds", "payment_required", "openrouter_credits"),
        ),
        "auth": (
            *("invalid_api_key", "api_key_invalid", "api_key_expired", "api_key_service_blocked"),
            *("access_token_expired", "access_token_type_unsupported", "access_token_scope_insufficient"),
            *("account_deactivated", "account_state_invalid", "consumer_invalid", "consumer_suspended"),
            "service_disabled",
            *("iam_permission_denied", "organization_restricted", "unsupported_country_region_territory"),
            *("invalid_organization", "invalid_token", "expired_token", "token_expired", "unauthorized"),
            *("unrecognizedclientexception", "invalidsignatureexception", "expiredtokenexception"),
        ),
        "rate_limit": (
            *("rate_limit_exceeded", "ratelimitreached", "rate_limit_reached", "rate_limited", "too_many_requests"),
            *("toomanyrequests", "ratelimitexceeded", "openrouter_in_flight_budget", "openrouter_free_tier_daily"),
            *("throttlingexception", "usage_limit_reached"),
        ),
        "overloaded": (
            *("overloaded_error", "server_is_overloaded", "engine_overloaded", "service_tier_capacity_exceeded"),
            *("model_capacity_exhausted", "modelnotreadyexception"),
        ),
        "model_not_found": (
            *("model_not_found", "model_decommissioned", "unknown_model", "unavailable_model", "invalid_model"),
            *("deploymentnotfound", "no_access"),
        ),
        "bad_request": (
            *("context_length_exceeded", "content_filter", "content_policy_violation", "request_too_large"),
            *("responsibleaipolicyviolation", "tokens_limit_reached", "flagged_input", "invalid_prompt"),
            "string_above_max_length",
        ),
    }.items()
    for word in words
}

# What a word would have been as a status. Asked only where there is none, or where it says that all went well: an error
# in the middle of a stream, a gRPC call.
STATUS_OF: Mapping[str, int] = {
    # Anthropic and OpenAI
    "invalid_request_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "rate_limit_error": 429,
    "slow_down": 429,
    "api_error": 500,
    "server_error": 500,
    "internal_error": 500,
    "internal_server_error": 500,
    "service_unavailable_error": 503,
    "timeout_error": 504,
    "timeout": 504,
    # google.rpc.Code and its mapping to HTTP
    "invalid_argument": 400,
    "failed_precondition": 400,
    "out_of_range": 400,
    "unauthenticated": 401,
    "permission_denied": 403,
    "not_found": 404,
    "already_exists": 409,
    "aborted": 409,
    "resource_exhausted": 429,
    "internal": 500,
    "data_loss": 500,
    "unavailable": 503,
    "deadline_exceeded": 504,
    # Amazon Bedrock
    "validationexception": 400,
    "accessdeniedexception": 403,
    "resourcenotfoundexception": 404,
    "modelerrorexception": 500,
    "internalserverexception": 500,
    "serviceunavailableexception": 503,
    "modeltimeoutexception": 504,
}


class Text(NamedTuple):
    """All of ``words``, in a message that came with one of ``statuses``, mean ``kind``."""

    kind: str
    statuses: frozenset[int]
    words: tuple[str, ...]


def _texts(kind: str, statuses: Iterable[int], *phrases: str | tuple[str, ...]) -> list[Text]:
    at = frozenset(statuses)
    return [Text(kind, at, (phrase,) if isinstance(phrase, str) else phrase) for phrase in phrases]


_REFUSED = (400, 401, 403, 429)

TEXTS: Mapping[str, tuple[Text, ...]] = {
    # OpenAI and all who speak like it: xAI, OpenRouter, Groq, Mistral, DeepSeek, GitHub Models, Azure
    "openai": (
        *_texts(
            "billing",
            _REFUSED,
            "exceeded your current quota",
            "check your billing details",
            "billing hard limit",
            "used all available credits",
            "have any credits",
            "run out of credits",
            "insufficient credits",
            "insufficient balance",
            "key limit exceeded",
            "prepayment credits are depleted",
        ),
        *_texts("auth", (400,), "incorrect api key", "invalid api key", "api key not valid"),
        *_texts("auth", (400,), ("organization", "restricted")),
        *_texts("rate_limit", (403,), "rate limit"),
        *_texts("bad_request", (403,), "requires moderation"),
        *_texts(
            "model_not_found",
            (400, 403),
            "is not a valid model id",
            "model not exist",
            "model not found",
            "unknown model",
            "does not have access to model",
            "no access to model",
            ("model", "does not exist"),
        ),
        *_texts(
            "overloaded",
            (429, 500, 502),
            "service tier capacity exceeded",
            "currently overloaded",
            "currently at capacity",
            "over capacity",
        ),
    ),
    "anthropic": (
        *_texts(
            "billing",
            _REFUSED,
            "credit balance is too low",
            ("reached your specified", "usage limits"),
            "reached your api usage limits",
        ),
        *_texts("auth", (400,), "organization has been disabled"),
        *_texts("overloaded", (500, 502), "overloaded"),
    ),
    "google": (
        *_texts("billing", _REFUSED, "prepayment credits are depleted", "enable billing", "billing to be enabled"),
        *_texts("auth", (400,), "api key not valid", "api key expired", "api key not found"),
        *_texts("auth", (400,), "location is not supported"),  # here, this credential opens nothing
        *_texts("overloaded", (429, 500), "model is overloaded"),
    ),
    "ollama": (
        *_texts("model_not_found", (400, 403), "try pulling it first", "requires a subscription"),
        *_texts("overloaded", (500,), "server busy", "no slots available", "overloaded"),
    ),
    "generic": (),
}


_QUOTED = re.compile(r"""(?<!\w)(['"`])[^'"`]{1,2048}\1(?!\w)""")


def by_code(codes: Iterable[str]) -> str | None:
    """The kind that the first telling code means."""
    return next((CODES[code] for code in codes if code in CODES), None)


def by_text(protocol: str, status: int | None, text: str) -> str | None:
    """The kind that a message means in a dialect; ``status`` ``None`` stands for an error without one."""
    text = text.lower()
    if status == 400:  # it may quote what the caller wrote, about whatever
        text = _QUOTED.sub(" ", text)
    for one in TEXTS[protocol]:
        if (status is None or status in one.statuses) and all(word in text for word in one.words):
            return one.kind
    return None


def by_status(status: int) -> str:
    """The kind that an HTTP status means when nothing else is known."""
    return _KINDS_OF_STATUS.get(status, "server" if 500 <= status <= 599 else "unknown")


def status_of(codes: Iterable[str]) -> int | None:
    """The status that the first code with one stands for."""
    return next((STATUS_OF[code] for code in codes if code in STATUS_OF), None)
