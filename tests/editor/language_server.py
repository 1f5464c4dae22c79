"""A real YAML language server, as an editor runs it: over its standard streams, with JSON-RPC (LSP 3.17)."""

from __future__ import annotations

import json
import subprocess
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from queue import Queue
from threading import Thread
from types import TracebackType
from typing import Any, Self

__all__ = ["LanguageServer"]

SERVER = Path(__file__).parent / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"
PATIENCE = 60.0
"""Seconds after which a server that says nothing is broken."""

SETTINGS = {
    "yaml": {"validate": True, "hover": True, "completion": True, "schemaStore": {"enable": False}, "schemas": {}},
    "http": {"proxy": "", "proxyStrictSSL": False},
    "[yaml]": {},
    "editor": {"tabSize": 2},
}
"""What an editor's user has set. Without the store of schemas the server needs no network."""

CAPABILITIES = {
    "textDocument": {
        "completion": {"completionItem": {"documentationFormat": ["markdown", "plaintext"], "snippetSupport": True}},
        "hover": {"contentFormat": ["markdown"]},
        "publishDiagnostics": {"relatedInformation": True},
    },
    "workspace": {"configuration": True, "didChangeConfiguration": {}},
}


class LanguageServer:
    """One running server. A context manager that ends it."""

    def __init__(self) -> None:
        self._ids = count(1)
        self._messages: Queue[dict[str, Any] | None] = Queue()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        command = ["node", str(SERVER), "--stdio"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._process = self._stack.enter_context(process)
        self._stack.callback(process.kill)
        assert process.stdin is not None
        assert process.stdout is not None
        self._to = process.stdin
        Thread(target=self._listen, args=(process.stdout,), daemon=True).start()
        self.ask("initialize", {"processId": None, "rootUri": None, "capabilities": CAPABILITIES})
        self._tell("initialized", {})
        self._tell("workspace/didChangeConfiguration", {"settings": SETTINGS})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def diagnostics(self, path: Path, text: str) -> list[dict[str, Any]]:
        """What the editor underlines in ``text``, opened as ``path``, once the server has looked at it."""
        self._tell(
            "textDocument/didOpen",
            {"textDocument": {"uri": path.as_uri(), "languageId": "yaml", "version": 1, "text": text}},
        )
        while True:
            message = self._next()
            if message.get("method") == "textDocument/publishDiagnostics" and message["params"]["uri"] == path.as_uri():
                found: list[dict[str, Any]] = message["params"]["diagnostics"]
                return found

    def completions(self, path: Path, line: int, character: int) -> dict[str, dict[str, Any]]:
        """What the editor offers at a place (both counted from 0), by label."""
        answer = self.ask("textDocument/completion", _at(path, line, character))
        return {item["label"]: item for item in answer["items"]}

    def hover(self, path: Path, line: int, character: int) -> str:
        """What the editor shows for what is under the pointer."""
        answer = self.ask("textDocument/hover", _at(path, line, character))
        return "" if answer is None else str(answer["contents"]["value"])

    def ask(self, method: str, params: dict[str, Any]) -> Any:
        """Ask, and give the answer."""
        number = next(self._ids)
        self._send({"id": number, "method": method, "params": params})
        while True:
            message = self._next()
            if message.get("id") == number and "method" not in message:
                assert "error" not in message, message["error"]
                return message["result"]

    def _next(self) -> dict[str, Any]:
        """The next message; the server's own questions are answered on the way."""
        message = self._messages.get(timeout=PATIENCE)
        assert message is not None, "the language server has ended"
        if "id" in message and "method" in message:
            answers = None
            if message["method"] == "workspace/configuration":
                answers = [SETTINGS.get(item.get("section", "")) for item in message["params"]["items"]]
            self._send({"id": message["id"], "result": answers})
        return message

    def _tell(self, method: str, params: dict[str, Any]) -> None:
        self._send({"method": method, "params": params})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._to.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._to.flush()

    def _listen(self, stream: Any) -> None:
        while (size := _size(stream)) is not None:
            self._messages.put(json.loads(stream.read(size)))
        self._messages.put(None)


def _size(stream: Any) -> int | None:
    """The length that a message's head tells; ``None`` at the end of the stream."""
    size = None
    while (line := stream.readline()) not in (b"\r\n", b""):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            size = int(value)
    return size


def _at(path: Path, line: int, character: int) -> dict[str, Any]:
    return {"textDocument": {"uri": path.as_uri()}, "position": {"line": line, "character": character}}
