"""Credentials that a program prints."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cbauth.errors import AuthError
from cbauth.plan import SecretRef
from cbauth.secrets import Source, source_for
from cbauth.secrets.command import Command
from tests.clock import FakeClock


def command(*args: str, base_dir: Path | None = None) -> Source:
    return source_for((SecretRef("command", args),), base_dir=base_dir)


def python(code: str, *args: str) -> Source:
    return command(sys.executable, "-c", code, *args)


def counting(folder: Path, tail: str = "print('sk-1')") -> tuple[str, ...]:
    """The words of a program that leaves a file behind for each time it is run."""
    code = f"import tempfile; tempfile.mkstemp(dir={str(folder)!r}, prefix='run-'); {tail}"
    return (sys.executable, "-c", code)


def runs(folder: Path) -> int:
    return len(list(folder.glob("run-*")))


def test_a_program_gives_what_it_prints() -> None:
    source = python("print('sk-1')")
    assert source.missing() is None
    assert source.get().reveal() == "sk-1"


def test_arguments_reach_the_program_as_they_are_for_there_is_no_shell(tmp_path: Path) -> None:
    source = python("import sys; print(sys.argv[1])", f"$HOME;touch {tmp_path}/ran *")
    assert source.get().reveal() == f"$HOME;touch {tmp_path}/ran *"
    assert not (tmp_path / "ran").exists()


def test_it_runs_in_the_folder_of_the_configuration(tmp_path: Path) -> None:
    script = tmp_path / "key.sh"
    script.write_text("#!/bin/sh\ncat key\n")
    script.chmod(0o700)
    (tmp_path / "key").write_text("sk-1\n")
    assert command("./key.sh", base_dir=tmp_path).get().reveal() == "sk-1"


def test_it_sees_the_environment_and_no_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT", "acme")
    assert python("import os, sys; print(os.environ['VAULT'] + sys.stdin.read())").get().reveal() == "acme"


def test_its_error_output_is_shown_nowhere(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(AuthError) as raised:
        python("import sys; print('canary', file=sys.stderr); print('canary'); sys.exit(3)").get()
    assert str(raised.value) == f"command:{sys.executable} … ended with exit code 3: run it by hand to see why"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "was ended by signal 15"),
        ("pass", "printed nothing"),
        ("import sys; sys.stdout.buffer.write(b'\\xff\\xfe')", "printed something that is not UTF-8"),
        ("print('one'); print('two')", "has more than one line"),
    ],
)
def test_a_program_without_a_usable_answer_becomes_one_clear_sentence(code: str, sentence: str) -> None:
    with pytest.raises(AuthError, match=sentence):
        python(code).get()


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("cbauth-no-such-program",), "cannot be started: No such file or directory"),
        (("/",), "cannot be started: Permission denied"),
        (("a\0b",), "cannot be started: an argument holds a null character"),
    ],
)
def test_a_program_that_cannot_be_started_says_why(args: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(AuthError, match=sentence):
        command(*args).get()


def test_a_program_that_takes_too_long_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    code = (
        "import os, subprocess, sys, time; child = subprocess.Popen(['sleep', '600']);"
        f" open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}'); time.sleep(600)"
    )
    source = Command((sys.executable, "-c", code), timeout=2.0)
    started = time.monotonic()
    with pytest.raises(AuthError, match="took longer than 2 s, so it was stopped"):
        source.get()
    assert time.monotonic() - started < 8
    for pid in pids.read_text().split():
        eventually_gone(int(pid))


def test_a_program_that_prints_without_end_is_stopped_at_64_kib() -> None:
    started = time.monotonic()
    with pytest.raises(AuthError, match="printed more than 64 KiB"):
        python("while True: print('y' * 1000)").get()
    assert time.monotonic() - started < 8


def test_64_kib_are_accepted() -> None:
    assert len(python("print('k' * 65535)").get().reveal()) == 65535


def test_a_helper_that_keeps_the_output_open_is_not_waited_for(tmp_path: Path) -> None:
    """Password managers leave an agent behind that inherits the pipe."""
    pid = tmp_path / "pid"
    code = (
        "import subprocess; child = subprocess.Popen(['sleep', '600'], start_new_session=True);"
        f" open({str(pid)!r}, 'w').write(str(child.pid)); print('sk-1')"
    )
    started = time.monotonic()
    try:
        assert python(code).get().reveal() == "sk-1"
        assert time.monotonic() - started < 8
    finally:
        os.kill(int(pid.read_text()), 9)


def test_a_program_that_closes_its_output_and_stays_is_stopped_too() -> None:
    source = Command((sys.executable, "-c", "import os, time; print('k'); os.close(1); time.sleep(600)"), timeout=2.0)
    with pytest.raises(AuthError, match="took longer than 2 s"):
        source.get()


def test_fifty_threads_run_it_once(tmp_path: Path) -> None:
    source = command(*counting(tmp_path, "import time; time.sleep(0.3); print('sk-1')"))
    barrier = threading.Barrier(50)

    def get() -> str:
        barrier.wait()
        return source.get().reveal()

    with ThreadPoolExecutor(50) as pool:
        answers = [future.result() for future in [pool.submit(get) for _ in range(50)]]
    assert answers == ["sk-1"] * 50
    assert runs(tmp_path) == 1


def test_threads_that_waited_share_the_failure_as_well(tmp_path: Path) -> None:
    """Fifty threads in a row, ten seconds each, would be eight minutes."""
    source = command(*counting(tmp_path, "import sys, time; time.sleep(1); sys.exit(1)"))
    barrier = threading.Barrier(8)

    def get() -> str:
        barrier.wait()
        with pytest.raises(AuthError, match="exit code 1") as raised:
            source.get()
        return str(raised.value)

    with ThreadPoolExecutor(8) as pool:
        assert len({future.result() for future in [pool.submit(get) for _ in range(8)]}) == 1
    assert runs(tmp_path) == 1
    with pytest.raises(AuthError):
        source.get()
    assert runs(tmp_path) == 2, "a failure is not remembered"


def test_a_child_process_is_not_held_up_by_a_thread_of_its_parent(tmp_path: Path) -> None:
    """The thread that runs the program does not come along through fork(), but the lock that it holds does."""
    code = """
import os, signal, sys, threading, warnings
from cbauth.secrets.command import Command
warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads is what is tested
source = Command(("sh", "-c", 'touch "$MARK"; sleep $NAP; echo sk-1'))
os.environ.update(MARK=sys.argv[1], NAP="3")
threading.Thread(target=source.get).start()
while not os.path.exists(sys.argv[1]):
    pass
os.environ["NAP"] = "0"
pid = os.fork()
if pid == 0:
    signal.alarm(2)
    os._exit(0 if source.get().reveal() == "sk-1" else 1)
assert os.waitpid(pid, 0)[1] == 0
"""
    words = [sys.executable, "-c", code, str(tmp_path / "mark")]
    subprocess.run(words, cwd=Path(__file__).parents[2], check=True, timeout=60)


def test_the_answer_is_kept_for_five_minutes_or_until_it_is_forgotten(tmp_path: Path) -> None:
    clock = FakeClock()
    source = Command(counting(tmp_path), clock=clock)
    source.get()
    clock.advance(299)
    source.get()
    assert runs(tmp_path) == 1
    clock.advance(2)
    source.get()
    assert runs(tmp_path) == 2
    source.forget()
    source.get()
    assert runs(tmp_path) == 3


def eventually_gone(pid: int) -> None:
    """Wait until a killed process has left the table; init may need a moment to reap it."""
    for _ in range(500):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{pid}/stat").exists() and Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
            return
        time.sleep(0.01)
    raise AssertionError(f"process {pid} still runs")
