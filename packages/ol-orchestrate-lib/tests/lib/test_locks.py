"""One writer at a time, whatever becomes of the others."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ol_orchestrate.lib.errors import SourceUnavailable
from ol_orchestrate.lib.locks import LOCK_NAME, FolderBusy, single_writer

HOLD = """
import sys
from pathlib import Path
from ol_orchestrate.lib.locks import single_writer
with single_writer(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_writer(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the folder until the end of the block."""
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_the_folder_is_made_and_names_its_writer(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    with single_writer(folder):
        assert (folder / LOCK_NAME).read_text() == str(os.getpid())


def test_one_after_another(tmp_path: Path) -> None:
    for _ in range(3):
        with single_writer(tmp_path):
            pass


def test_another_process_is_named_and_the_folder_untouched(tmp_path: Path) -> None:
    with another_writer(tmp_path) as process:
        with (
            pytest.raises(FolderBusy, match=f"process {process.pid} is doing that already") as failure,
            single_writer(tmp_path),
        ):
            pytest.fail("two writers")
        assert isinstance(failure.value, SourceUnavailable)
        assert str(tmp_path) in failure.value.message
        assert (tmp_path / LOCK_NAME).read_text() == str(process.pid)


def test_the_same_process_does_not_get_it_twice_either(tmp_path: Path) -> None:
    with (
        single_writer(tmp_path),
        pytest.raises(FolderBusy, match=str(os.getpid())),
        single_writer(tmp_path),
    ):
        pytest.fail("two writers")


def test_a_killed_writer_lets_go(tmp_path: Path) -> None:
    with another_writer(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        with single_writer(tmp_path):
            assert (tmp_path / LOCK_NAME).read_text() == str(os.getpid())


def test_a_failure_inside_lets_go(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="full"), single_writer(tmp_path):
        raise OSError("full")
    with single_writer(tmp_path):
        pass


def test_other_folders_are_free(tmp_path: Path) -> None:
    with single_writer(tmp_path / "a"), single_writer(tmp_path / "b"):
        pass


def test_a_child_of_the_writer_does_not_hold_on(tmp_path: Path) -> None:
    with single_writer(tmp_path):
        child = subprocess.Popen(["sleep", "20"])
    try:
        with single_writer(tmp_path):
            pass
    finally:
        child.kill()
        child.wait()
