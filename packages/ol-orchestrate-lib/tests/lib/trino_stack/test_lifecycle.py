"""What needs no server: refusals, and what is left after them. The rest is in test_running_stack.py."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from ol_orchestrate.lib.errors import ConfigurationError
from ol_orchestrate.lib.locks import FolderBusy, single_writer
from ol_orchestrate.lib.trino_stack import TrinoStack, lifecycle, postgres, read_stack
from ol_orchestrate.lib.trino_stack.facts import stack_folder, write_stack
from ol_orchestrate.lib.trino_stack.processes import start_process, stop_process, write_processes


def test_nothing_runs_at_first(tmp_path: Path) -> None:
    found = lifecycle.status(tmp_path)
    assert (found.stack, found.processes, found.is_running) == (None, (), False)
    assert lifecycle.stop(tmp_path, print) == 0


def test_a_start_that_lacks_something_leaves_nothing_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_INSTALLED", ())
    with pytest.raises(ConfigurationError, match="apt-get install -y postgresql"):
        lifecycle.start(tmp_path, {"PATH": ""}, print)
    assert lifecycle.status(tmp_path).processes == ()


def test_a_warehouse_that_is_no_bucket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="s3://"):
        lifecycle._warehouse(tmp_path, {"OL_ICEBERG_WAREHOUSE": "/lake"})


@pytest.mark.parametrize("crashed", ["postgres", "trino"])
def test_after_a_crash_stop_ends_the_other_one_and_nobody_else(tmp_path: Path, crashed: str) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    running = {
        name: start_process(name, command, log=tmp_path / "log", environ=os.environ, folder=tmp_path)
        for name in ("postgres", "trino", "somebody else's")
    }
    somebody_else = running.pop("somebody else's")
    write_processes(stack_folder(tmp_path) / "processes.json", list(running.values()))
    write_stack(tmp_path, TrinoStack("127.0.0.1", 1, "c", "file:///x", "postgresql://x"))
    assert lifecycle.status(tmp_path).is_running

    os.kill(running.pop(crashed).pid, signal.SIGKILL)
    [left] = running.values()
    while len(lifecycle.status(tmp_path).processes) > 1:
        time.sleep(0.01)
    assert not lifecycle.status(tmp_path).is_running
    said: list[str] = []
    assert lifecycle.stop(tmp_path, said.append) == 1
    assert said == [f"Stopping {left.name} (process {left.pid}) …"]
    assert not left.is_alive
    assert somebody_else.is_alive
    assert lifecycle.stop(tmp_path, said.append) == 0
    stop_process(somebody_else)


def test_remains_of_a_crash_are_not_a_running_stack_and_are_stopped(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    left = start_process("postgres", command, log=tmp_path / "log", environ=os.environ, folder=tmp_path)
    write_processes(stack_folder(tmp_path) / "processes.json", [left])
    write_stack(tmp_path, TrinoStack("127.0.0.1", 1, "c", "file:///x", "postgresql://x"))
    assert not lifecycle.status(tmp_path).is_running
    said: list[str] = []
    assert lifecycle.stop(tmp_path, said.append) == 1
    assert said == [f"Stopping postgres (process {left.pid}) …"]
    assert not left.is_alive
    assert read_stack(tmp_path) is None


def test_two_starts_at_once_are_one(tmp_path: Path) -> None:
    with single_writer(stack_folder(tmp_path)), pytest.raises(FolderBusy, match=str(os.getpid())):
        lifecycle.start(tmp_path, {}, print)
