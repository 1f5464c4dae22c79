"""``load``, ``reload``, trust, the singletons and what a toolkit shows of itself."""

from __future__ import annotations

import copy
import logging
import pickle
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

import cbauth
from cbauth import ConfigError, StoreError, UnavailableError
from cbauth.stores.memory import MemoryStore
from cbauth.stores.sqlite import SqliteStore
from cbauth.trust import trust
from tests.answers import AnswerError
from tests.clock import FakeClock

CANARY = "sk-canary-90c1f6b7aa"

FILE = """\
version: 1
profiles:
  main:
    provider: openai
    api_key: env:MAIN_KEY
    priority: 10
  spare:
    provider: openai
    api_key: env:SPARE_KEY
state: {store: memory}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with a profiles.yaml and its keys."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MAIN_KEY", f"{CANARY}-main")
    monkeypatch.setenv("SPARE_KEY", f"{CANARY}-spare")
    (tmp_path / "profiles.yaml").write_text(FILE)
    return tmp_path


@pytest.fixture
def no_singletons() -> Iterator[None]:
    """The process has no manager of its own, before and after."""
    yield
    cbauth.reset_auth_profile_manager()
    cbauth.reset_model_profile_manager()


class TestLoad:
    def test_a_path_a_mapping_and_a_plan_all_load(self, here: Path) -> None:
        plan = cbauth.load_plan("profiles.yaml")
        for config in ("profiles.yaml", here / "profiles.yaml", plan):
            with cbauth.load(config) as toolkit:
                assert toolkit.acquire("gpt-4o").profile_id == "main"
        mapping = {"version": 1, "profiles": {"m": {"provider": "ollama"}}, "state": {"store": "memory"}}
        assert cbauth.load(mapping).acquire("llama3").profile_id == "m"

    def test_a_wrong_file_tells_every_problem_with_its_line(self, here: Path) -> None:
        (here / "profiles.yaml").write_text(FILE.replace("priority", "priorty").replace("memory", "memroy"))
        with pytest.raises(ConfigError) as caught:
            cbauth.load("profiles.yaml")
        assert [(d.line, d.key) for d in caught.value.diagnostics] == [
            (6, "profiles.main.priorty"),
            (10, "state.store"),
        ]
        assert "did you mean" in str(caught.value)

    def test_a_missing_file_is_named(self, here: Path) -> None:
        with pytest.raises(ConfigError, match=r"nowhere\.yaml"):
            cbauth.load("nowhere.yaml")

    def test_something_else_is_refused(self) -> None:
        with pytest.raises(ConfigError, match="cannot load a value of type int"):
            cbauth.load(5)  # type: ignore[arg-type]

    @pytest.mark.parametrize("model", ["", None, 7])
    def test_a_model_that_is_no_name_is_refused(self, here: Path, model: object) -> None:
        with pytest.raises(ConfigError, match="model has to be a name"):
            cbauth.load("profiles.yaml").acquire(model)  # type: ignore[arg-type]

    def test_the_lease_is_ready_to_send(self, here: Path) -> None:
        lease = cbauth.load("profiles.yaml").acquire("gpt-4o")
        assert (lease.provider_id, lease.base_url, lease.model) == ("openai", "https://api.openai.com/v1", "gpt-4o")
        assert lease.token == f"{CANARY}-main"
        assert lease.headers == {"Authorization": f"Bearer {CANARY}-main"}

    @pytest.mark.parametrize(
        ("provider", "headers"),
        [
            ("anthropic", {"x-api-key": CANARY, "anthropic-version": "2023-06-01"}),
            ("google", {"x-goog-api-key": CANARY}),
            ("groq", {"Authorization": f"Bearer {CANARY}"}),
        ],
    )
    def test_each_protocol_gets_its_own_header(
        self, monkeypatch: pytest.MonkeyPatch, provider: str, headers: dict[str, str]
    ) -> None:
        monkeypatch.setenv("KEY", CANARY)
        profile = {"provider": provider, "api_key": "env:KEY", "models": ["*"]}
        toolkit = cbauth.load({"version": 1, "profiles": {"p": profile}, "state": {"store": "memory"}})
        assert toolkit.acquire("m").headers == headers


class TestTrust:
    def test_a_file_only_found_here_sends_no_secret_to_a_host_of_its_own_choice(self, here: Path) -> None:
        (here / "profiles.yaml").write_text(
            FILE.replace("    priority: 10\n", "    base_url: https://evil.example/v1\n")
        )
        toolkit = cbauth.load()
        assert [(c.profile_id, c.admitted) for c in toolkit.explain("gpt-4o")] == [("main", False), ("spare", True)]
        assert "cbauth trust" in toolkit.explain("gpt-4o")[0].why

    def test_a_file_only_found_here_runs_no_command(self, here: Path) -> None:
        marker = here / "ran"
        text = FILE.replace("env:MAIN_KEY", f'\'command:["touch", "{marker}"]\'').replace("env:SPARE_KEY", "env:NONE")
        (here / "profiles.yaml").write_text(text)
        with pytest.raises(UnavailableError, match="cbauth trust"):
            cbauth.load().acquire("gpt-4o")
        assert not marker.exists()

    @pytest.mark.parametrize(
        "store",
        [
            *("sqlite:{other}/victim.txt", "sqlite:{other}/new.db", "sqlite:../new.db", "sqlite:link/new.db"),
            *("sqlite:.profile", "sqlite:~/new.db", "redis://127.0.0.1:9/0", "env:STORE"),
        ],
    )
    def test_a_file_only_found_here_does_not_choose_where_state_lives(
        self, here: Path, home: Path, store: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        other = here.parent / f"{here.name}-other"
        other.mkdir()
        (other / "victim.txt").write_text("precious")
        (here / "link").symlink_to(other)
        monkeypatch.setenv("STORE", f"sqlite:{other}/new.db")
        (here / "profiles.yaml").write_text(FILE.replace("memory", f'"{store.format(other=other)}"'))
        with cbauth.load() as toolkit:
            assert isinstance(toolkit.store, SqliteStore)
            assert toolkit.store.path == home / "state" / "cbauth" / "state.db"
        assert [path.name for path in other.iterdir()] == ["victim.txt"]
        (told,) = [record.getMessage() for record in caplog.records]
        assert told == (
            "profiles.yaml was only found here and is not trusted, so its `state.store` is ignored: run `cbauth trust`"
        )
        trust(here / "profiles.yaml")
        assert cbauth.load_plan("profiles.yaml").store == store.format(other=other)

    def test_a_file_only_found_here_may_keep_state_in_its_own_folder(
        self, here: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (here / "profiles.yaml").write_text(FILE.replace("memory", '"sqlite:kept/state.db"'))
        with cbauth.load() as toolkit:
            assert isinstance(toolkit.store, SqliteStore)
            assert toolkit.store.path == here / "kept" / "state.db"
        assert not caplog.records

    def test_a_file_only_found_here_does_not_choose_where_logins_live(
        self, here: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (here / "profiles.yaml").write_text(FILE + "credentials: {store: file}\n")
        assert cbauth.load().plan.credentials == "auto"
        assert "its `credentials.store` is ignored: run `cbauth trust`" in caplog.text
        trust(here / "profiles.yaml")
        assert cbauth.load().plan.credentials == "file"

    def test_a_trusted_file_is_like_a_named_one_until_it_is_edited(self, here: Path) -> None:
        evil = FILE.replace("    priority: 10\n", "    base_url: https://proxy.example/v1\n")
        (here / "profiles.yaml").write_text(evil)
        trust(here / "profiles.yaml")
        assert cbauth.load().acquire("gpt-4o").profile_id == "main"
        (here / "profiles.yaml").write_text(evil + "# edited\n")
        assert cbauth.load().acquire("gpt-4o").profile_id == "spare"


class TestReload:
    def test_a_bad_file_leaves_the_old_plan_running(self, here: Path) -> None:
        toolkit = cbauth.load("profiles.yaml")
        (here / "profiles.yaml").write_text("profiles: [")
        with pytest.raises(ConfigError):
            toolkit.reload()
        assert toolkit.acquire("gpt-4o").profile_id == "main"

    def test_unchanged_profiles_keep_their_health_and_changed_ones_start_anew(self, here: Path) -> None:
        toolkit = cbauth.load("profiles.yaml")
        toolkit.profiles.mark_failed("main", "busy")
        toolkit.profiles.mark_failed("spare", "busy")
        (here / "profiles.yaml").write_text(FILE.replace("env:SPARE_KEY", "env:MAIN_KEY").replace("10", "20"))
        toolkit.reload()
        assert {r.profile_id: r.in_cooldown for r in toolkit.status()} == {"main": True, "spare": False}
        assert toolkit.plan.profiles[0].priority == 20

    def test_a_toolkit_from_a_mapping_says_what_reload_needs(self) -> None:
        toolkit = cbauth.load({"version": 1, "profiles": {"m": {"provider": "ollama"}}, "state": {"store": "memory"}})
        with pytest.raises(ConfigError, match=r"reload\(config\)"):
            toolkit.reload()


class TestOneEngine:
    def test_a_profile_cooled_through_one_manager_is_refused_by_all(self, here: Path) -> None:
        toolkit = cbauth.load("profiles.yaml")
        toolkit.profiles.mark_failed("main", "busy")
        selection = toolkit.models.select_profile("gpt-4o")
        assert selection is not None
        assert selection.profile.id == "spare"
        assert toolkit.acquire("gpt-4o").profile_id == "spare"

    def test_a_circuit_opened_through_the_other_is_too(self, here: Path) -> None:
        toolkit = cbauth.load("profiles.yaml")
        toolkit.models.open_circuit("main")
        chosen = toolkit.profiles.get_next_profile()
        assert chosen is not None
        assert chosen.id == "spare"
        assert chosen.credentials["api_key"] == f"{CANARY}-spare"
        assert toolkit.acquire("gpt-4o").profile_id == "spare"

    def test_the_models_manager_changes_the_toolkit_too(self, here: Path) -> None:
        toolkit = cbauth.load("profiles.yaml")
        toolkit.models.disable_profile("main")
        assert toolkit.acquire("gpt-4o").profile_id == "spare"
        assert toolkit.models.get_access_token("main") == f"{CANARY}-main"

    def test_a_login_profile_may_be_added_by_hand(self, here: Path) -> None:
        toolkit = cbauth.load("profiles.yaml")
        mine = cbauth.ModelProfile("me", "Me", "acme", "oauth", credential_id="login", models=("*",))
        toolkit.models.add_profile(mine)
        assert not toolkit.models.is_profile_ready(mine)

    def test_reset_of_an_unknown_profile_says_which_there_are(self, here: Path) -> None:
        with pytest.raises(ConfigError, match="main, spare"):
            cbauth.load("profiles.yaml").reset("mian")


class TestPersistence:
    def test_health_survives_a_restart(self, here: Path) -> None:
        text = FILE.replace("store: memory", "store: 'sqlite:state.db'")
        (here / "profiles.yaml").write_text(text)
        with cbauth.load("profiles.yaml") as toolkit:
            toolkit.profiles.mark_failed("main", "busy")
        with cbauth.load("profiles.yaml") as toolkit:
            assert toolkit.acquire("gpt-4o").profile_id == "spare"

    def test_looking_alone_sees_what_another_toolkit_did(self, here: Path) -> None:
        text = FILE.replace("store: memory", "store: 'sqlite:state.db'")
        (here / "profiles.yaml").write_text(text)
        with cbauth.load("profiles.yaml") as one, cbauth.load("profiles.yaml") as two:
            one.models.open_circuit("main")
            two.profiles.load_state()
            assert [r.circuit for r in two.status()] == ["open", "closed"]
            assert two.models.get_stats()["open_circuits"] == 1
            assert [p.id for p in two.profiles.get_healthy_profiles()] == ["spare"]

    def test_nobody_is_refused_for_what_another_toolkit_has_just_reset(self, here: Path) -> None:
        text = FILE.replace("store: memory", "store: 'sqlite:state.db'")
        (here / "profiles.yaml").write_text(text)
        with cbauth.load("profiles.yaml") as one, cbauth.load("profiles.yaml") as two:
            for profile in ("main", "spare"):
                one.profiles.mark_failed(profile, "busy")
            two.profiles.load_state()
            with pytest.raises(UnavailableError):
                two.acquire("gpt-4o")
            one.reset()
            assert two.acquire("gpt-4o").profile_id == "main"

    def test_load_state_sees_what_another_toolkit_did(self, here: Path) -> None:
        text = FILE.replace("store: memory", "store: 'sqlite:state.db'")
        (here / "profiles.yaml").write_text(text)
        with cbauth.load("profiles.yaml") as one, cbauth.load("profiles.yaml") as two:
            one.profiles.mark_failed("main", "busy")
            two.profiles.load_state()
            assert two.profiles.is_in_cooldown("main")

    def test_two_projects_with_a_profile_of_one_name_do_not_meet(self, here: Path) -> None:
        for name, key in (("one.yaml", "env:MAIN_KEY"), ("two.yaml", "env:SPARE_KEY")):
            text = FILE.replace("env:MAIN_KEY", key).replace("store: memory", "store: 'sqlite:state.db'")
            (here / name).write_text(text)
        with cbauth.load("one.yaml") as one, cbauth.load("two.yaml") as two:
            one.profiles.mark_failed("main", "busy")
            assert not two.profiles.is_in_cooldown("main")


@pytest.mark.usefixtures("no_singletons")
class TestSingletons:
    def test_there_is_one_of_each_over_one_toolkit(self, here: Path) -> None:
        keys = cbauth.get_auth_profile_manager("profiles.yaml")
        models = cbauth.get_model_profile_manager()
        assert cbauth.get_auth_profile_manager() is keys
        keys.mark_failed("main", "busy")
        selection = models.select_profile("gpt-4o")
        assert selection is not None
        assert selection.profile.id == "spare"

    def test_reset_makes_room_for_a_new_one(self, here: Path) -> None:
        first = cbauth.get_model_profile_manager("profiles.yaml")
        cbauth.reset_model_profile_manager()
        assert cbauth.get_model_profile_manager("profiles.yaml") is not first

    def test_a_toolkit_gives_its_own(self, here: Path) -> None:
        toolkit = cbauth.load("profiles.yaml")
        assert cbauth.get_auth_profile_manager(toolkit) is toolkit.profiles

    def test_no_configuration_anywhere_lists_the_places(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(ConfigError, match="CBAUTH_CONFIG"):
            cbauth.get_auth_profile_manager()


class TestThreads:
    def test_fifty_threads_at_half_open_make_one_trial(self, here: Path) -> None:
        clock = FakeClock()
        toolkit = cbauth.load("profiles.yaml", clock=clock)
        toolkit.models.disable_profile("spare")
        toolkit.models.open_circuit("main")
        clock.advance(60)
        barrier = threading.Barrier(50)
        leases: list[cbauth.Lease] = []

        def ask() -> None:
            barrier.wait()
            try:
                leases.append(toolkit.acquire("gpt-4o"))
            except UnavailableError:
                return

        threads = [threading.Thread(target=ask) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [lease.reason for lease in leases] == ["testing"]


class TestSecrets:
    def test_no_key_in_any_text_at_any_level(self, here: Path, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        toolkit = cbauth.load("profiles.yaml", clock=FakeClock())
        seen: list[object] = [toolkit, toolkit.plan, toolkit.profiles, toolkit.models]
        toolkit.on("*", seen.append)
        with pytest.raises(UnavailableError) as caught:
            fail_everywhere(toolkit)
        lease = toolkit.models.select_profile("gpt-4o")
        seen += [lease, toolkit.status(), toolkit.explain("gpt-4o"), caught.value, *caught.value.attempts]
        seen += [toolkit.profiles.get_all_profiles(), toolkit.models.get_all_profiles(), toolkit.models.get_stats()]
        trace = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
        texts = [repr(x) for x in seen] + [str(x) for x in seen] + [trace, caplog.text]
        assert not [text for text in texts if CANARY in text]

    def test_an_error_reported_on_a_lease_never_read_is_shown_without_its_key(
        self, here: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MAIN_KEY", "oddly shaped secret")
        toolkit = cbauth.load("profiles.yaml")
        toolkit.acquire("gpt-4o").report(ConnectionError("sent oddly shaped secret to nobody"))
        assert "oddly" not in repr(toolkit.status())

    def test_a_lease_cannot_be_pickled_or_copied(self, here: Path) -> None:
        lease = cbauth.load("profiles.yaml").acquire("gpt-4o")
        for act in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="cannot be pickled"):
                act(lease)


def fail_everywhere(toolkit: cbauth.Toolkit) -> None:
    """Every profile's key is refused, with an answer that echoes it."""
    for attempt in toolkit.attempts("gpt-4o"):
        with attempt as lease:
            raise AnswerError(401, body=f'{{"error": {{"message": "Incorrect API key provided: {lease.token}"}}}}')


class LockedStore(MemoryStore):
    """A store whose file another program keeps locked."""

    def update(self, key: str, transition: object) -> NoReturn:
        raise StoreError("state.db has been locked by another program for 5 s")


def test_an_answer_is_not_lost_because_it_cannot_be_recorded(here: Path, caplog: pytest.LogCaptureFixture) -> None:
    toolkit = cbauth.load("profiles.yaml", store=LockedStore())
    answers = []
    for attempt in toolkit.attempts("gpt-4o", session="s"):
        with attempt as lease:
            answers.append(lease.token)
            if lease.profile_id == "main":
                raise AnswerError(503)
    assert answers == [f"{CANARY}-main", f"{CANARY}-spare"]
    assert "could not be recorded" in caplog.text
