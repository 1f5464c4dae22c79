"""Every real answer of the corpus is understood for what it is, however it reaches ``classify``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from cbauth import classify

ANSWERS: list[dict[str, Any]] = YAML(typ="safe").load((Path(__file__).parent / "answers.yaml").read_text("utf-8"))
BUILT_IN = ["anthropic", "openai", "google", "github", "grok", "ollama", "openrouter", "groq", "mistral", "deepseek"]

each_answer = pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: str(answer["id"]))


class StatusError(Exception):
    """An error with a response, the way client libraries attach one."""

    def __init__(self, status: int, headers: dict[str, str], body: object) -> None:
        super().__init__(f"Error code: {status}")
        self.status_code = status
        self.headers = headers
        self.body = body


def text(answer: dict[str, Any]) -> str:
    body = answer.get("body", "")
    return body if isinstance(body, str) else json.dumps(body)


@each_answer
def test_as_status_headers_and_body(answer: dict[str, Any]) -> None:
    outcome = classify((answer["status"], answer.get("headers", {}), text(answer)), protocol=answer["protocol"])
    assert outcome.kind == answer["kind"]
    assert outcome.retry_after == pytest.approx(answer.get("retry_after"))


@each_answer
def test_as_an_exception_with_the_body_as_data(answer: dict[str, Any]) -> None:
    error = StatusError(answer["status"], answer.get("headers", {}), answer.get("body", ""))
    assert classify(error, protocol=answer["protocol"]).kind == answer["kind"]


def test_where_the_dialect_is_not_known_only_words_that_one_provider_has_are_lost() -> None:
    outcomes = {answer["id"]: classify((answer["status"], answer.get("headers"), text(answer))) for answer in ANSWERS}
    lost = {
        answer["id"]: outcomes[answer["id"]].kind for answer in ANSWERS if outcomes[answer["id"]].kind != answer["kind"]
    }
    assert lost == {"ollama-model-needs-a-subscription": "auth"}


def test_the_corpus_is_whole_and_says_where_each_answer_comes_from() -> None:
    assert len(ANSWERS) >= 60
    assert len({answer["id"] for answer in ANSWERS}) == len(ANSWERS)
    assert set(BUILT_IN) <= {answer["provider"] for answer in ANSWERS}
    assert [answer["id"] for answer in ANSWERS if not answer["source"].startswith("https://")] == []
