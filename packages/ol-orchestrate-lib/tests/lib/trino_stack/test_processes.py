import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ol_orchestrate.lib.errors import ConfigurationError
from ol_orchestrate.lib.trino_stack import processes
from ol_orchestrate.lib.trino_stack.processes import (
    RunningProcess,
    read_processes,
    start_process,
    stop_process,
    write_processes,
)

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"


def start(tmp_path: Path, code: str = "import time; time.sleep(60)") -> RunningProcess:
    command = [sys.executable, "-c", code]
    return start_process("test", command, log=tmp_path / "log", environ=os.environ, folder=tmp_path)


def test_a_process_is_started_apart_and_stopped(tmp_path: Path) -> None:
    process = start(tmp_path)
    assert process.is_alive
    assert process.memory_bytes > 0
    assert os.getsid(process.pid) == process.pid
    stop_process(process)
    assert not process.is_alive
    stop_process(process)


def test_its_memory_is_that_of_its_children_too(tmp_path: Path) -> None:
    child = "import os, time; held = bytearray(os.urandom(50_000_000)); print(len(held), flush=True); time.sleep(60)"
    alone = start(tmp_path)
    parent = start(tmp_path, f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])")
    try:
        while "50000000" not in (tmp_path / "log").read_text():
            time.sleep(0.05)
        assert parent.memory_bytes > alone.memory_bytes + 50_000_000
    finally:
        os.killpg(parent.pid, signal.SIGKILL)
        stop_process(parent)
        stop_process(alone)


def test_one_that_does_not_listen_is_forced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_TERMINATE_S", 0.5)
    process = start(tmp_path, DEAF)
    while "deaf" not in (tmp_path / "log").read_text():
        time.sleep(0.05)
    stop_process(process)
    assert not process.is_alive


def test_a_process_id_that_was_given_to_somebody_else_is_left_alone(tmp_path: Path) -> None:
    somebody_else = start(tmp_path)
    ours = replace(somebody_else, started="1")
    assert not ours.is_alive
    stop_process(ours)
    assert somebody_else.is_alive
    stop_process(somebody_else)


def test_one_that_has_ended_is_not_alive(tmp_path: Path) -> None:
    process = start(tmp_path, "pass")
    while process.is_alive:
        time.sleep(0.01)
    assert process.memory_bytes == 0
    stop_process(process)


def test_the_record_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "processes.json"
    assert read_processes(path) == ()
    written = (RunningProcess("a", 1, "2", "log"), RunningProcess("b", 3, "4", "log"))
    write_processes(path, written)
    assert read_processes(path) == written
    path.write_text("[{]")
    with pytest.raises(ConfigurationError, match="ps -ef"):
        read_processes(path)
