"""How good answers look in each dialect, whole and streamed, and how a stream says that it failed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

__all__ = ["completion", "events", "failure"]


def completion(dialect: str, model: str, text: str) -> dict[str, Any]:
    """A whole answer."""
    match dialect:
        case "anthropic":
            return {**_message(model), "content": [{"type": "text", "text": text}], "stop_reason": "end_turn"}
        case "google":
            return {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP"}]}
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {**_chat("chat.completion", model), "choices": [choice]}


def events(dialect: str, model: str, text: str, *, whole: bool = True) -> Iterator[bytes]:
    """Server-sent events, one for each word; ``whole``: and those that end the stream."""
    words = [f"{word} " for word in text.split()]
    match dialect:
        case "anthropic":
            yield _event({"type": "message_start", "message": {**_message(model), "content": []}})
            yield _event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
            for word in words:
                delta = {"type": "text_delta", "text": word}
                yield _event({"type": "content_block_delta", "index": 0, "delta": delta})
            if whole:
                yield _event({"type": "content_block_stop", "index": 0})
                ending = {"stop_reason": "end_turn", "stop_sequence": None}
                yield _event({"type": "message_delta", "delta": ending, "usage": {"output_tokens": len(words)}})
                yield _event({"type": "message_stop"})
        case "google":
            for word in words:
                yield _data(completion("google", model, word))
        case _:
            for word in words:
                choice = {"index": 0, "delta": {"content": word}, "finish_reason": None}
                yield _data({**_chat("chat.completion.chunk", model), "choices": [choice]})
            if whole:
                yield b"data: [DONE]\n\n"


def failure(dialect: str, kind: str) -> bytes:
    """The event that says that a stream failed; ``kind`` is the dialect's own word for it."""
    if dialect == "anthropic":
        return _event({"type": "error", "error": {"type": kind, "message": "It failed."}})
    return _data({"error": {"message": "It failed.", "type": kind, "code": None, "param": None}})


def _chat(kind: str, model: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1, "model": model}


def _message(model: str) -> dict[str, Any]:
    usage = {"input_tokens": 3, "output_tokens": 1}
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }


def _data(payload: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(payload)}\n\n".encode()


def _event(payload: dict[str, Any]) -> bytes:
    return f"event: {payload['type']}\n".encode() + _data(payload)
