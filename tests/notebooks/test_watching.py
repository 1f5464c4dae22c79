"""StatusView in a real notebook: it follows calls and edits without a cell being run."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.notebooks.conftest import Policy
from tests.support.notebooks import Desk

CALLS = """\
import pathlib, threading, time

def call():
    while not pathlib.Path({flag!r}).exists():
        time.sleep(0.02)
    for _ in range(2):
        for attempt in toolkit.attempts("m"):
            with attempt as lease:
                lease.token
                if lease.profile_id == "fast":
                    raise ConnectionRefusedError("nobody listens at this address")

threading.Thread(target=call, daemon=True).start()
"""


@pytest.mark.parametrize("front_end", ["lab", "voila"])
def test_a_failover_and_an_edit_are_shown_without_running_a_cell(
    front_end: str, desk: Desk, policy: Policy, tmp_path: Path
) -> None:
    flag = tmp_path / "call"
    view = desk.open(front_end, policy.setup + "StatusView(toolkit)", CALLS.format(flag=str(flag)))
    view.says("2 of 3 profiles are ready.")
    headings = view.page.locator(".cbauth-view th[scope=col]")
    expect(view.page.locator(".cbauth-view caption")).to_contain_text("Policy from")

    flag.touch()
    view.says("circuit open")
    view.says("nobody listens at this address")
    view.says("1 of 3 profiles are ready.")
    expect(headings.get_by_text("Until")).to_be_visible()
    picture = view.page.locator(".cbauth-view svg[role=img]")
    expect(picture.locator("desc")).to_contain_text("4 tries, 2 failures, 2 failovers. fast has an open circuit.")

    policy.edit("  spare: {", "  extra: {provider: ollama, models: [other]}\n  spare: {")
    view.says("extra")
    view.says("2 of 4 profiles are ready.")
    policy.edit("failure_threshold", "failure_treshold")
    view.says("did you mean `failure_threshold`?")
    view.says("the file has an error, the policy before it still runs")
    expect(view.page.locator(".cbauth-view th[scope=row]").get_by_text("extra")).to_be_visible()
    policy.edit("priority: 10", "priority: 20")
    expect(view.page.get_by_text("did you mean")).to_have_count(0)
