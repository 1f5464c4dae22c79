"""A person at a browser without JavaScript: keeps cookies, follows redirects, fills in forms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from types import TracebackType
from typing import Self
from urllib.parse import urljoin

import requests

__all__ = ["Browser", "PageError"]

PATIENCE = 20.0
MOST_PAGES = 20
"""After so many pages a login goes round in circles."""


class PageError(AssertionError):
    """The provider shows a page that this person can do nothing about."""

    def __init__(self, url: str, status: int, text: str) -> None:
        super().__init__(f"{status} at {url.partition('?')[0]}: {text}")
        self.status = status
        self.text = text


@dataclass(slots=True)
class Form:
    """A form with what its fields hold so far."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


class Page(HTMLParser):
    """The words and the first form of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.form: Form | None = None
        self.words: list[str] = []
        self._within = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note forms and their fields."""
        given = {name: value or "" for name, value in attrs}
        self._within = tag
        if tag == "form" and self.form is None:
            self.form = Form(given["action"])
        elif tag == "input" and self.form is not None:
            self.form.fields[given["name"]] = given.get("value", "")

    def handle_data(self, data: str) -> None:
        """Note what a reader sees."""
        if self._within not in {"style", "script", "title"} and data.strip():
            self.words.append(data.strip())


class Browser:
    """One person's browser, with cookies of its own. A context manager."""

    def __init__(self, home: str) -> None:
        self._home = home
        self._session = requests.Session()
        self._session.trust_env = False

    def walk(self, url: str, fill: Callable[[Form], None]) -> tuple[str, str]:
        """Open ``url`` and go on until a page without a form (its words) or a place outside the provider (not opened).

        ``fill`` fills in each form. Answers where that ended and the words that stand there. Raises ``PageError``.
        """
        response = self._open("GET", url)
        for _ in range(MOST_PAGES):
            if response.is_redirect:
                target = urljoin(response.url, response.headers["location"])
                if not target.startswith(f"{self._home}/"):
                    return target, ""
                response = self._open("GET", target)
                continue
            page = Page(response.text)
            if response.status_code >= 400:
                raise PageError(response.url, response.status_code, " ".join(page.words))
            if page.form is None:
                return response.url, " ".join(page.words)
            fill(page.form)
            response = self._open("POST", urljoin(response.url, page.form.action), page.form.fields)
        raise PageError(response.url, response.status_code, "and so on, without an end")

    def _open(self, method: str, url: str, fields: dict[str, str] | None = None) -> requests.Response:
        return self._session.request(method, url, data=fields, allow_redirects=False, timeout=PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()
