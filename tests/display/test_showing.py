"""What toolkits, records and candidates show of themselves: a table in text and in HTML, and no secret."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import cbauth
from cbauth.display.classes import in_classes
from cbauth.display.html import element, snapshot_html
from cbauth.display.moments import iso_moment, moment
from cbauth.display.text import snapshot_text
from tests.clock import FakeClock

CANARY = "canary-key-of-the-display-tests"
CONFIG: dict[str, Any] = {
    "version": 1,
    "state": {"store": "memory"},
    "providers": {"acme": {"name": "Acme & <Sons>", "protocol": "openai", "base_url": "https://llm.acme.example/v1"}},
    "profiles": {
        "team": {"provider": "acme", "api_key": "env:DISPLAY_KEY", "models": ["m", "n"], "priority": 30},
        "spare": {"provider": "acme", "api_key": "env:NOT_THERE", "models": ["m"], "priority": 20},
        "off": {"provider": "ollama", "models": ["m"], "enabled": False},
        "local": {"provider": "ollama", "models": ["m"], "priority": 10},
        "seen": {
            "provider": "ollama",
            "models": ["m"],
            "base_url": "http://127.0.0.1:11435/v1",
            "policy": {"breaker": {"mode": "observe", "failure_threshold": 1}},
        },
    },
    "policy": {"breaker": {"failure_threshold": 1, "open_for": "1m"}},
}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def toolkit(monkeypatch: pytest.MonkeyPatch, clock: FakeClock) -> cbauth.Toolkit:
    monkeypatch.setenv("DISPLAY_KEY", CANARY)
    toolkit = cbauth.load(CONFIG, clock=clock)
    toolkit.profiles.mark_failed("team", f"key {CANARY} refused: <b>no</b>", kind="auth")
    toolkit.models.record_failure("local")
    toolkit.models.record_failure("seen")
    return toolkit


class Strict(HTMLParser):
    """Reads HTML whose elements are all closed in their order, as ours are."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.attributes += attrs
        assert tag not in {"script", "link", "img", "iframe", "style"}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_each_state_has_a_shape_and_a_word(toolkit: cbauth.Toolkit, clock: FakeClock) -> None:
    text = str(toolkit.status())
    rows = {line.split()[0]: " ".join(re.split("  +", line)[2:]) for line in text.splitlines()[1:]}
    assert rows["team"].startswith("■ cooling down")
    assert rows["spare"].startswith("◇ not ready NOT_THERE is not set")
    assert rows["off"].startswith("○ disabled")
    assert rows["local"].startswith("▲ circuit open")
    assert rows["seen"].startswith("● ready its circuit would be open, but is only observed")
    clock.advance(61)
    assert "◐ testing" in str(toolkit.status())


def states(text: str) -> dict[str, str]:
    """The shape of each profile in a table."""
    return {line.split()[1 if line[0].isdigit() else 0]: re.sub(r"[^●◐■▲◇○]", "", line) for line in text.splitlines()}


def test_status_and_explain_say_the_same_of_each_state(toolkit: cbauth.Toolkit, clock: FakeClock) -> None:
    """A circuit that is open, one that is tested, a rest that outlasts an open circuit, one that does not."""
    for local in "▲◐":
        before = states(str(toolkit.status()))
        assert states(str(toolkit.explain("m"))) | {"profile": "", "order": ""} == before | {"profile": "", "order": ""}
        assert before["local"] == local
        clock.advance(61)
    trial = toolkit.acquire("m")
    assert trial.profile_id == "local"
    assert states(str(toolkit.explain("m")))["local"] == states(str(toolkit.status()))["local"] == "◐"
    toolkit.reset("local")
    toolkit.profiles.mark_failed("local", "slow down", kind="rate_limit", retry_after=30)
    toolkit.models.record_failure("local")
    assert states(str(toolkit.explain("m")))["local"] == states(str(toolkit.status()))["local"] == "▲"
    toolkit.profiles.mark_failed("local", "slow down", kind="rate_limit", retry_after=90)
    assert states(str(toolkit.explain("m")))["local"] == states(str(toolkit.status()))["local"] == "■"


def test_a_rest_of_one_model_names_it(toolkit: cbauth.Toolkit) -> None:
    toolkit.reset()
    lease = toolkit.acquire("n")
    assert lease.token
    lease.report("rate_limit")
    assert "■ cooling down for n" in str(toolkit.status())


def test_candidates_say_who_would_be_asked_and_why_not(toolkit: cbauth.Toolkit) -> None:
    text = str(toolkit.explain("m"))
    assert re.search(r"1 +team +m +■ cooling down +\d\d:\d\d:\d\d", text.replace("1970-01-12 ", "").replace("  ", " "))
    assert re.search(r"spare +m +◇ not ready +NOT_THERE is not set", text)
    assert "○ disabled" in text
    shown: Any = toolkit.explain("m")
    html = shown._repr_html_()
    Strict(html)
    assert "Who would be asked" in html


def test_whom_nobody_serves_is_told_in_a_sentence(toolkit: cbauth.Toolkit) -> None:
    shown: Any = toolkit.explain("nomodel")
    assert str(shown) == "Nobody serves 'nomodel': add it to the `models` of a profile, or define a route."
    assert "Nobody serves &#x27;nomodel&#x27;" in shown._repr_html_()
    assert "<table" not in shown._repr_html_()


def test_a_part_of_a_table_is_a_table(toolkit: cbauth.Toolkit) -> None:
    for records in (toolkit.status(), toolkit.explain("m")):
        part: Any = records[:1]
        assert part == tuple(records)[:1]
        assert str(part).splitlines() == str(records[:1]).splitlines()
        assert part._repr_html_().count('scope="row"') == 1


def test_all_forms_name_the_provider_for_people(toolkit: cbauth.Toolkit) -> None:
    status: Any = toolkit.status()
    for text in (status._repr_html_(), toolkit._repr_html_(), str(status), str(status[:1])):
        assert "Acme &" in text


def test_text_and_html_are_one_look(toolkit: cbauth.Toolkit) -> None:
    """Both say the same of how many are ready, and of what is wrong with the file."""
    with pytest.raises(cbauth.ConfigError):
        toolkit.reload({"version": 1, "profiles": {"a": {"provider": "nobody"}}})
    shown = toolkit._repr_mimebundle_()
    for text in (*shown.values(), repr(toolkit)):
        assert "1 of 5 profiles are ready; the file has an error, the policy before it still runs" in text
        assert ("CBA" in text) == (text in shown.values())
    assert "healthy" not in "".join(shown.values()) + repr(toolkit)


def test_in_a_notebook_a_toolkit_is_its_table_in_text_too(toolkit: cbauth.Toolkit) -> None:
    formatter: Any = import_module("IPython.core.formatters").DisplayFormatter()
    shown, _ = formatter.format(toolkit)
    assert shown == toolkit._repr_mimebundle_()
    assert "▲ circuit open" in shown["text/plain"]


def test_what_stays_has_dates(toolkit: cbauth.Toolkit) -> None:
    """The clock of the tests stands at one day; whoever opens the notebook later does so on another."""
    texts = [*toolkit._repr_mimebundle_().values()]
    tables: list[Any] = [toolkit.status(), toolkit.explain("m")]
    texts += [form for shown in tables for form in (str(shown), shown._repr_html_())]
    for text in texts:
        words = re.sub(r"<[^>]*>", " ", text)
        assert re.search(r"\d\d:\d\d:\d\d", words)
        assert re.findall(r"(?<!\d\d\d\d-\d\d-\d\d )\b\d\d:\d\d:\d\d", words) == []


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_a_closed_toolkit_says_so(store: str, tmp_path: Path) -> None:
    path = tmp_path / "profiles.yaml"
    path.write_text(f"version: 1\nprofiles: {{a: {{provider: ollama}}}}\nstate: {{store: {store}}}\n", "utf-8")
    toolkit = cbauth.load(path)
    assert "is closed" not in repr(toolkit) + toolkit._repr_html_()
    toolkit.close()
    for text in (repr(toolkit), *toolkit._repr_mimebundle_().values()):
        assert "the toolkit is closed, and follows its file no more" in text


def test_what_counts_towards_the_breaker_is_called_so(toolkit: cbauth.Toolkit) -> None:
    """A rate limit is a failure that the breaker does not count: a 0 beside it is no contradiction."""
    assert "breaker failures" in str(toolkit.status())
    assert ">Breaker failures<" in toolkit._repr_html_()


def test_managers_show_their_profiles_and_no_key(toolkit: cbauth.Toolkit) -> None:
    assert repr(toolkit.profiles) == "<AuthProfileManager: team, spare, off, local, seen>"
    assert repr(toolkit.models) == "<ModelProfileManager: team, spare, off, local, seen>"
    many = cbauth.AuthProfileManager(
        [
            cbauth.AuthProfile(id=f"p{n}", provider="acme", type="api-key", credentials={"api_key": CANARY})
            for n in range(12)
        ]
    )
    assert repr(many) == "<AuthProfileManager: p0, p1, p2, p3, p4, p5, p6, p7, p8, p9 and 2 more>"


def test_a_bound_session_is_named(toolkit: cbauth.Toolkit) -> None:
    toolkit.reset()
    with toolkit.acquire("m", session="thread-7") as lease:
        assert lease.token
    assert "the session is bound to it" in str(toolkit.explain("m", session="thread-7"))


@pytest.mark.parametrize("what", ["toolkit", "status", "one status", "explain", "one candidate", "lease"])
def test_html_is_well_formed_escaped_and_holds_no_secret(what: str, toolkit: cbauth.Toolkit) -> None:
    toolkit.reset("seen")
    makers: dict[str, Any] = {
        "toolkit": lambda: toolkit,
        "status": toolkit.status,
        "one status": lambda: toolkit.status()[0],
        "explain": lambda: toolkit.explain("m"),
        "one candidate": lambda: toolkit.explain("m")[0],
        "lease": lambda: toolkit.acquire("m"),
    }
    shown = makers[what]()
    html = shown._repr_html_()
    Strict(html)
    for text in (html, repr(shown), str(shown)):
        assert CANARY not in text
        assert "<b>" not in text or text is not html
        assert "<Sons>" not in html


def test_tables_have_a_caption_and_say_what_their_headings_are_of(toolkit: cbauth.Toolkit) -> None:
    html = toolkit._repr_html_()
    assert html.count("<caption") == html.count("<table")
    assert html.count("<th ") == html.count('scope="col"') + html.count('scope="row"')
    assert 'scope="row"' in html
    assert re.search(r'<time datetime="\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d"', html)


def test_colours_come_from_the_page(toolkit: cbauth.Toolkit) -> None:
    html = toolkit._repr_html_()
    styles = " ".join(value or "" for name, value in Strict(html).attributes if name == "style")
    assert "var(--jp-ui-font-color1, var(--vscode-foreground, CanvasText))" in styles
    assert not re.search(r"#[0-9a-f]{3,6}\b(?! \d\d%, currentColor)", styles)


def test_status_and_candidates_are_tuples_still(toolkit: cbauth.Toolkit) -> None:
    assert toolkit.status() == tuple(toolkit.status())
    assert isinstance(toolkit.explain("m"), tuple)
    assert toolkit.status()[0].profile_id == "team"


def test_notebooks_print_the_table(toolkit: cbauth.Toolkit) -> None:
    pretty: Any = import_module("IPython.lib.pretty").pretty
    for records in (toolkit.status(), toolkit.explain("m")):
        assert pretty(records) == str(records)


def test_a_bad_edit_and_a_store_in_trouble_are_shown_beside_what_runs(toolkit: cbauth.Toolkit) -> None:
    with pytest.raises(cbauth.ConfigError):
        toolkit.reload({"version": 1, "profiles": {"a": {"provider": "nobody"}}})
    shown = toolkit.snapshot()
    assert "the file has an error, the policy before it still runs" in shown.summary
    assert "CBA" in snapshot_text(shown)
    assert "CBA" in toolkit._repr_html_()
    assert shown.same(toolkit.snapshot())
    assert not shown.same(None)


def test_long_texts_are_cut_in_text_and_wrapped_in_html(toolkit: cbauth.Toolkit) -> None:
    toolkit.profiles.mark_failed("spare", "word " * 40, kind="rate_limit")
    assert max(len(line) for line in str(toolkit.status()).splitlines()) < 260
    assert "…" in str(toolkit.status())
    assert "word " * 39 in toolkit._repr_html_()


@pytest.mark.parametrize(
    ("at", "now", "shown"),
    [(86400 * 365 * 30, 86400 * 365 * 30 + 5, r"\d\d:\d\d:\d\d"), (0, 10**9, r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")],
)
def test_a_moment_names_the_day_only_when_it_is_another(at: float, now: float, shown: str) -> None:
    assert re.match(shown + "( |$)", moment(at, now))


@pytest.mark.parametrize("at", [1e300, float("inf"), float("nan")])
def test_moments_beyond_the_calendar_are_no_fault(at: float) -> None:
    assert moment(at, 0.0) == "a time far off"
    assert iso_moment(at) == ""


def test_styles_said_once_are_the_same_styles(toolkit: cbauth.Toolkit) -> None:
    toolkit.profiles.mark_failed("spare", 'hostile style="color: red" class="x" </style>', kind="network")
    html = snapshot_html(toolkit.snapshot(), summary=False, stays=False)
    short = in_classes(html)
    rules, rest = re.fullmatch(r"<style>(.*?)</style>(.*)", short, re.DOTALL).groups()  # type: ignore[union-attr]
    styles = dict(re.findall(r"\.cbauth-view \.(cb-\w+)\{(.*?)\}", rules))
    assert len(styles) > 3
    assert re.sub(r'class="(cb-\w+)"', lambda found: f'style="{styles[found[1]]}"', rest) == html


def test_two_hundred_profiles_are_a_small_table() -> None:
    profiles = {f"profile-{number}": {"provider": "ollama"} for number in range(200)}
    with cbauth.load({"version": 1, "profiles": profiles, "state": {"store": "memory"}}) as toolkit:
        html = snapshot_html(toolkit.snapshot(), summary=False, stays=False)
        assert len(in_classes(html)) < len(html) / 2
        assert len(in_classes(html)) < 400 * len(profiles)


def test_markup_is_not_escaped_twice_and_text_always_is() -> None:
    inner = element("b", "<&>")
    assert element("p", inner, " & ", title='"') == '<p title="&quot;"><b>&lt;&amp;&gt;</b> &amp; </p>'
