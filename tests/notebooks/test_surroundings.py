"""How a view finds out where it is."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cbauth import ConfigError
from cbauth.widgets.surroundings import Surroundings, chosen, is_fresh, look

NOTEBOOK = Surroundings(notebook=True, widgets=True)


@pytest.mark.parametrize(
    ("ui", "around", "mode"),
    [
        ("auto", NOTEBOOK, "widgets"),
        ("auto", Surroundings(notebook=True), "html"),
        ("auto", Surroundings(notebook=True, widgets=True, headless=True), "still"),
        ("auto", Surroundings(widgets=True), "still"),
        ("html", NOTEBOOK, "html"),
        ("html", Surroundings(notebook=True, headless=True), "html"),
        ("html", Surroundings(), "still"),
        ("widgets", Surroundings(widgets=True, headless=True), "widgets"),
    ],
)
def test_the_way_to_show_it(ui: str, around: Surroundings, mode: str) -> None:
    assert chosen(ui, around) == mode


def test_widgets_that_are_not_there_are_an_error_that_says_what_to_do() -> None:
    with pytest.raises(ConfigError, match='pip install "cbauth\\[notebook\\]"; ui="html" does without'):
        chosen("widgets", Surroundings(notebook=True))


@pytest.mark.parametrize(
    ("name", "remote"),
    [
        ("JUPYTERHUB_USER", True),
        ("CODESPACES", True),
        ("SSH_CONNECTION", True),
        ("COLAB_RELEASE_TAG", True),
        ("DISPLAY", False),
    ],
)
def test_a_kernel_looks_remote_where_the_browser_is_elsewhere(name: str, remote: bool) -> None:
    assert look({name: "something"}).remote is remote


def test_plain_python_is_no_notebook() -> None:
    assert look({}) == Surroundings(widgets=True)


def test_without_a_kernel_nothing_that_is_done_came_from_a_page() -> None:
    assert not is_fresh()


WITHOUT = """
import sys
for name in {missing!r}:
    sys.modules[name] = None
import cbauth
from cbauth.widgets import LoginButton, StatusView
toolkit = cbauth.load({{"version": 1, "state": {{"store": "memory"}}, "profiles": {{"a": {{"provider": "ollama"}}}}}})
view = StatusView(toolkit)
print(view)
try:
    view.widget
except cbauth.ConfigError as error:
    print(error)
"""


def run(*missing: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT.format(missing=missing)], capture_output=True, text=True, check=False
    )


def test_without_ipywidgets_there_is_html_and_a_clear_error_for_the_rest() -> None:
    ended = run("ipywidgets")
    assert "1 of 1 profile is ready." in ended.stdout
    assert 'pip install "cbauth[notebook]"' in ended.stdout


def test_without_ipython_importing_says_what_to_install() -> None:
    ended = run("IPython", "ipywidgets")
    assert ended.returncode == 1
    assert ended.stderr.rstrip().endswith(
        'ImportError: cbauth.widgets needs packages more: pip install "cbauth[notebook]"'
    )
