"""A notebook that somebody else, or a program, has run: what JupyterLab leaves of it before it is trusted."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.notebooks.conftest import Policy
from tests.support.notebooks import Desk
from tests.support.notebooks.headless import run

CALLS = """\
from cbauth.widgets import Timeline
timeline = Timeline(toolkit)
view = StatusView(toolkit, ui="widgets")
view.widget
for _ in range(3):
    for attempt in toolkit.attempts("m"):
        with attempt as lease:
            lease.token
            if lease.profile_id == "fast":
                raise ConnectionRefusedError("nobody listens")
"""
SHOWN = "timeline", "StatusView(toolkit)", "view.close(); view", "toolkit"


def test_an_untrusted_notebook_shows_the_pictures_and_no_word_that_stood_in_them(
    desk: Desk, policy: Policy, tmp_path: Path
) -> None:
    text, wrong = run(tmp_path, policy.setup, CALLS, *SHOWN)
    assert wrong == ""
    view = desk.read(text)
    shown = view.page.locator(".jp-OutputArea-output")
    pictures = shown.get_by_role("img", name="Recent calls by profile: 5 tries, 2 failures, 2 failovers. fast has")
    expect(pictures).to_have_count(1)
    assert pictures.evaluate("image => image.naturalWidth") == 740
    expect(shown.get_by_role("table")).to_have_count(3)
    words = "\n".join(shown.all_inner_texts())
    assert view.page.evaluate("() => window.jupyterapp.shell.currentWidget.content.widgets[2].model.trusted") is False
    assert "circuit open" in words
    for stray in ("Recent calls", "being tested", "selected"):
        assert stray not in words
    expect(shown.locator("svg")).to_have_count(0)
