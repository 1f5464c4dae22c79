"""``toolkit.watch`` over real files, the real watchfiles and real threads. What is waited for is an event."""

from __future__ import annotations

import gc
import logging
import os
import queue
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

import cbauth
from cbauth import ConfigError, Plan, Toolkit
from cbauth.trust import trust
from tests.clock import FakeClock

LONG = 10.0
"""Seconds after which a test gives up; none waits that long when all is well."""

FILE = """\
version: 1
profiles:
  main: {provider: ollama, priority: 1}
state: {store: memory}
"""
OTHER = FILE.replace("priority: 1", "priority: 2")
BAD = FILE.replace("priority", "priorty")


class Reloads:
    """What a watch tells, in order."""

    def __init__(self) -> None:
        self._told: queue.Queue[tuple[Plan, ConfigError | None]] = queue.Queue()

    def __call__(self, plan: Plan, problem: ConfigError | None) -> None:
        self._told.put((plan, problem))

    def next(self) -> tuple[int, ConfigError | None]:
        """The priority of the profile that runs after the next reload, and what was wrong."""
        plan, problem = self._told.get(timeout=LONG)
        return plan.profiles[0].priority, problem

    def is_empty(self) -> bool:
        return self._told.empty()


class Exhausted(ModuleType):
    """A watchfiles for which the system has no watches left."""

    def watch(self, *paths: object, **options: object) -> Iterator[object]:
        raise OSError("OS file watch limit reached")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "profiles.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture
def reloads() -> Reloads:
    return Reloads()


@pytest.fixture
def toolkit(file: Path, reloads: Reloads) -> Iterator[Toolkit]:
    """A toolkit that watches its file."""
    with cbauth.load(file) as toolkit:
        toolkit.watch(reloads)
        yield toolkit
    assert not watchers(), "a test leaves no thread behind"


def watchers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("cbauth watches")]


def replace(path: Path, text: str) -> None:
    """Save as editors do: write a new file, move it over the old one."""
    new = path.with_name(".new")
    new.write_text(text)
    new.replace(path)


@pytest.mark.usefixtures("toolkit")
class TestContent:
    @pytest.mark.parametrize("save", [replace, Path.write_text], ids=["renamed over", "written in place"])
    def test_a_saved_file_is_taken_over_each_time(
        self, save: Callable[[Path, str], object], file: Path, reloads: Reloads
    ) -> None:
        save(file, OTHER)
        assert reloads.next() == (2, None)
        save(file, FILE)
        assert reloads.next() == (1, None)

    def test_a_file_that_is_only_touched_or_saved_unchanged_is_not_reloaded(self, file: Path, reloads: Reloads) -> None:
        os.utime(file)
        replace(file, FILE)
        (file.parent / "neighbour").write_text("")
        replace(file, OTHER)
        assert reloads.next() == (2, None)
        assert reloads.is_empty()

    def test_a_file_that_comes_back_changed_is_taken_over_and_its_absence_is_not_told(
        self, file: Path, reloads: Reloads
    ) -> None:
        file.unlink()
        file.write_text(OTHER)
        assert reloads.next() == (2, None)

    def test_a_file_that_is_missing_when_the_watch_begins_has_its_moment_too(
        self, file: Path, reloads: Reloads
    ) -> None:
        with cbauth.load(file) as toolkit:
            file.unlink()
            toolkit.watch(reloads)
            assert toolkit.problem is None
            assert reloads.is_empty()
            file.write_text(OTHER)
            assert reloads.next() == (2, None)

    def test_a_folder_that_is_deleted_and_made_anew_is_watched_again(self, file: Path, reloads: Reloads) -> None:
        file.parent.rename(file.parent.with_name("gone"))
        file.parent.mkdir()
        file.write_text(OTHER)
        assert reloads.next() == (2, None)
        file.write_text(FILE)
        assert reloads.next() == (1, None)


class TestProblems:
    def test_a_bad_file_is_told_once_and_the_old_plan_goes_on_until_it_is_mended(
        self, toolkit: Toolkit, file: Path, reloads: Reloads, caplog: pytest.LogCaptureFixture
    ) -> None:
        replace(file, BAD)
        priority, problem = reloads.next()
        assert priority == 1
        assert problem is not None
        assert [d.key for d in problem.diagnostics] == ["profiles.main.priorty"]
        assert toolkit.problem is problem
        assert toolkit.acquire("llama3").profile_id == "main"
        os.utime(file)
        replace(file, FILE)
        assert reloads.next() == (1, None), "the same content as before is good news all the same"
        assert toolkit.problem is None
        warnings = [r for r in caplog.records if r.name == "cbauth.watching"]
        assert [r.levelno for r in warnings] == [logging.WARNING]
        assert "did you mean" in warnings[0].getMessage()

    def test_a_key_in_the_file_is_in_no_log(
        self, toolkit: Toolkit, file: Path, reloads: Reloads, caplog: pytest.LogCaptureFixture
    ) -> None:
        replace(file, FILE.replace("priority: 1", "api_key: sk-canary-0123456789abcdef"))
        assert reloads.next()[1] is not None
        assert "CBA301" in caplog.text
        assert "canary" not in caplog.text + repr(toolkit.problem)

    def test_a_file_that_stays_away_is_told_once_and_so_is_its_return(
        self, toolkit: Toolkit, file: Path, reloads: Reloads
    ) -> None:
        file.unlink()
        _, problem = reloads.next()
        assert "there is no such file" in str(problem)
        assert toolkit.acquire("llama3").profile_id == "main"
        file.write_text(FILE)
        assert reloads.next() == (1, None)

    def test_what_cannot_be_read_is_told_once_however_often_it_is_looked_at(self, file: Path, reloads: Reloads) -> None:
        with cbauth.load(file) as toolkit:
            file.unlink()
            file.mkdir()
            stop = toolkit.watch(reloads)
            assert "this is a folder" in str(reloads.next()[1])
            stop()
            toolkit.watch(reloads)
            assert reloads.is_empty()
            assert toolkit.problem is not None

    def test_a_callback_that_fails_is_logged_and_the_next_one_called(
        self, toolkit: Toolkit, file: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fails(plan: Plan, problem: ConfigError | None) -> None:
            raise LookupError("the callback's own fault")

        last = Reloads()
        toolkit.watch(fails)
        toolkit.watch(last)
        replace(file, OTHER)
        assert last.next() == (2, None)
        replace(file, FILE)
        assert last.next() == (1, None)
        assert caplog.text.count("LookupError: the callback's own fault") == 2

    def test_where_the_system_has_no_watches_left_the_file_is_looked_at_all_the_same(
        self, file: Path, reloads: Reloads, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setitem(sys.modules, "watchfiles", Exhausted("watchfiles"))
        with cbauth.load(file) as toolkit:
            toolkit.watch(reloads)
            replace(file, OTHER)
            assert reloads.next() == (2, None)
        assert caplog.text.count("OS file watch limit reached") == 1


class TestLinks:
    def test_kubernetes_swaps_a_link_beside_the_file(self, tmp_path: Path, reloads: Reloads) -> None:
        for name, text in (("..one", FILE), ("..two", OTHER)):
            (tmp_path / name).mkdir()
            (tmp_path / name / "profiles.yaml").write_text(text)
        (tmp_path / "..data").symlink_to("..one")
        (tmp_path / "profiles.yaml").symlink_to("..data/profiles.yaml")
        with cbauth.load(tmp_path / "profiles.yaml") as toolkit:
            toolkit.watch(reloads)
            (tmp_path / "..tmp").symlink_to("..two")
            (tmp_path / "..tmp").replace(tmp_path / "..data")
            assert reloads.next() == (2, None)
            replace(tmp_path / "..two" / "profiles.yaml", FILE)
            assert reloads.next() == (1, None)

    def test_a_file_is_followed_where_its_link_leads(self, file: Path, reloads: Reloads) -> None:
        link = file.parent / "links" / "mine.yaml"
        link.parent.mkdir()
        link.symlink_to(file)
        with cbauth.load(link) as toolkit:
            toolkit.watch(reloads)
            replace(file, OTHER)
            assert reloads.next() == (2, None)


class TestPromptness:
    """A change is heard of, not found at the next look, which is a second away. The fastest of some saves shows it."""

    @pytest.mark.parametrize("place", ["in the folder", "in a folder made anew", "where a link leads"])
    def test_a_save_is_taken_over_in_less_than_half_a_second(
        self, place: str, file: Path, tmp_path: Path, reloads: Reloads
    ) -> None:
        folder = tmp_path / "folder"
        folder.mkdir()
        watched = folder / "mine.yaml"
        watched.write_text(FILE)
        if "link" in place:
            watched.unlink()
            watched.symlink_to(file)
        with cbauth.load(watched) as toolkit:
            toolkit.watch(reloads)
            if "anew" in place:
                folder.rename(tmp_path / "gone")
                folder.mkdir()
                watched.write_text(OTHER)
                assert reloads.next() == (2, None)
            taken = []
            for priority in range(3, 7):
                begun = time.monotonic()
                replace(watched.resolve(), FILE.replace("priority: 1", f"priority: {priority}"))
                assert reloads.next() == (priority, None)
                taken.append(time.monotonic() - begun)
        assert min(taken) < 0.5


class TestEnding:
    def test_many_watches_share_a_thread_that_ends_with_the_last(self, toolkit: Toolkit, file: Path) -> None:
        one, two = Reloads(), Reloads()
        stop_one, stop_two = toolkit.watch(one), toolkit.watch(two)
        assert len(watchers()) == 1
        stop_one()
        stop_one()
        replace(file, OTHER)
        assert two.next() == (2, None)
        assert one.is_empty()
        stop_two()
        assert len(watchers()) == 1, "the fixture's own"

    def test_a_stopped_watch_may_begin_again(self, file: Path, reloads: Reloads) -> None:
        with cbauth.load(file) as toolkit:
            toolkit.watch(reloads)()
            assert not watchers()
            replace(file, OTHER)
            toolkit.watch(reloads)
            assert reloads.next() == (2, None), "what happened meanwhile is not missed"

    def test_closing_ends_it_and_load_begins_it(self, file: Path) -> None:
        toolkit = cbauth.load(file, watch=True)
        assert len(watchers()) == 1
        toolkit.close()
        toolkit.close()
        assert not watchers()

    def test_a_callback_may_end_it(self, file: Path) -> None:
        ended = threading.Event()
        with cbauth.load(file) as toolkit:

            def close(plan: Plan, problem: ConfigError | None) -> None:
                toolkit.close()
                ended.set()

            toolkit.watch(close)
            (thread,) = watchers()
            replace(file, OTHER)
            assert ended.wait(LONG)
            thread.join(LONG)
            assert not watchers()

    def test_a_toolkit_that_nobody_holds_is_collected_and_its_thread_ends(self, file: Path) -> None:
        toolkit = cbauth.load(file)
        there = weakref.ref(toolkit)
        stop = toolkit.watch(lambda plan, problem, of=toolkit: None)  # type: ignore[misc]
        (thread,) = watchers()
        del toolkit
        gc.collect()
        assert there() is None
        thread.join(LONG)
        assert not thread.is_alive()
        stop()

    def test_the_process_ends_at_once_and_cleanly_while_it_watches(self, file: Path) -> None:
        assert run(ENDING, file) == "watching with 1 thread\n0 threads left"

    def test_a_forked_child_watches_nothing_until_it_says_so(self, file: Path) -> None:
        assert run(FORKING, file) == "child: 0 threads, priority 2, then 1 thread\nparent: 1 thread"


class TestWhatIsWatched:
    def test_reload_of_another_file_moves_the_watch_there(
        self, toolkit: Toolkit, file: Path, tmp_path: Path, reloads: Reloads
    ) -> None:
        other = tmp_path / "elsewhere" / "other.yaml"
        other.parent.mkdir()
        other.write_text(OTHER)
        toolkit.reload(other)
        assert [thread.name for thread in watchers()] == ["cbauth watches other.yaml"]
        replace(file, BAD)
        replace(other, FILE.replace("1}", "3}"))
        assert reloads.next() == (3, None)
        toolkit.reload({"version": 1, "profiles": {"m": {"provider": "ollama"}}})
        assert not watchers(), "a mapping has no file"

    def test_what_was_reloaded_by_hand_is_no_news_to_the_watch(self, file: Path, reloads: Reloads) -> None:
        with cbauth.load(file) as toolkit:
            replace(file, OTHER)
            toolkit.reload()
            toolkit.watch(reloads)
            assert reloads.is_empty()

    def test_a_new_current_folder_does_not_change_the_file(
        self, file: Path, reloads: Reloads, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(file.parent)
        with cbauth.load("profiles.yaml") as toolkit:
            toolkit.watch(reloads)
            (file.parent / "other").mkdir()
            (file.parent / "other" / "profiles.yaml").write_text(BAD)
            monkeypatch.chdir("other")
            replace(file, OTHER)
            assert reloads.next() == (2, None)
            assert toolkit.plan.path == file

    def test_the_time_is_the_toolkits_own(self, file: Path, reloads: Reloads) -> None:
        clock = FakeClock()
        with cbauth.load(file, clock=clock) as toolkit:
            toolkit.watch(reloads)
            clock.advance(60)
            replace(file, OTHER)
            assert reloads.next() == (2, None)
            assert toolkit.loaded_at == clock.now

    def test_a_file_that_was_only_found_gains_and_loses_trust_while_it_is_watched(
        self, file: Path, reloads: Reloads, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(file.parent)
        with cbauth.load() as toolkit:
            toolkit.watch(reloads)
            trust(file)
            assert reloads.next() == (1, None)
            assert toolkit.plan.trusted
            replace(file, OTHER)
            assert reloads.next() == (2, None)
            assert not toolkit.plan.trusted


class TestMisuse:
    def test_without_watchfiles_it_says_what_to_install_and_nothing_is_left_open(
        self, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "watchfiles", None)
        with pytest.raises(ConfigError, match=r"pip install 'cbauth\[watchfiles\]'"):
            cbauth.load(file, watch=True)
        assert not watchers()

    def test_a_toolkit_without_a_file_has_nothing_to_watch(self) -> None:
        with pytest.raises(ConfigError, match="nothing to watch"):
            cbauth.load({"version": 1, "profiles": {"m": {"provider": "ollama"}}, "state": {"store": "memory"}}).watch()

    def test_a_callback_that_cannot_be_called_is_refused(self, file: Path) -> None:
        with pytest.raises(ConfigError, match="on_reload has to be a function, not int"):
            cbauth.load(file).watch(5)  # type: ignore[arg-type]


def run(program: str, file: Path) -> str:
    """What a process of its own prints; it has to end well, and silently otherwise."""
    ended = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program, str(file)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout.strip()


ENDING = """\
import atexit, sys, threading

def threads():
    return len([t for t in threading.enumerate() if t.name.startswith("cbauth watches")])

atexit.register(lambda: print(threads(), "threads left"))  # what is registered first comes last
import cbauth

toolkit = cbauth.load(sys.argv[1], watch=True)
print("watching with", threads(), "thread")
"""

FORKING = """\
import os, pathlib, sys, threading
import cbauth

def threads():
    return len([t for t in threading.enumerate() if t.name.startswith("cbauth watches")])

file = pathlib.Path(sys.argv[1])
toolkit = cbauth.load(file, watch=True)
child = os.fork()
if not child:
    before = threads()
    file.write_text(file.read_text().replace("priority: 1", "priority: 2"))
    toolkit.reload()
    toolkit.watch()
    print(f"child: {before} threads, priority {toolkit.plan.profiles[0].priority}, then {threads()} thread", flush=True)
    toolkit.close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(f"parent: {threads()} thread")
"""
