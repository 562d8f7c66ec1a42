import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ol_orchestrate.lib.errors import StorageFull
from ol_orchestrate.lib.files import (
    FileObject,
    atomic_writer,
    naming_full_disk,
    scratch_directory,
    write_json,
    write_jsonl,
)


def test_a_scratch_directory_is_gone_after_success(tmp_path: Path):
    with scratch_directory(tmp_path / "new") as scratch:
        (scratch / "deep").mkdir()
        (scratch / "deep" / "file").write_text("x")

    assert list((tmp_path / "new").iterdir()) == []


def test_a_scratch_directory_is_gone_after_failure(tmp_path: Path):
    def work() -> None:
        with scratch_directory(tmp_path) as scratch:
            (scratch / "file").write_text("x")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()

    assert list(tmp_path.iterdir()) == []


def test_two_scratch_directories_never_share_a_place(tmp_path: Path):
    with scratch_directory(tmp_path) as one, scratch_directory(tmp_path) as other:
        assert one != other


def test_scratch_is_private(tmp_path: Path):
    with scratch_directory(tmp_path) as scratch:
        assert scratch.stat().st_mode & 0o077 == 0


def test_atomic_writer_shows_nothing_before_the_end(tmp_path: Path):
    path = tmp_path / "deep" / "file"
    with atomic_writer(path) as file:
        file.write(b"new")
        assert not path.exists()

    assert path.read_bytes() == b"new"


def test_atomic_writer_keeps_the_old_file_when_it_fails(tmp_path: Path):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def write() -> None:
        with atomic_writer(path) as file:
            file.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()

    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_killed_writer_leaves_the_old_file_whole(tmp_path: Path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    script = (
        "import os, signal, sys; from pathlib import Path; from ol_orchestrate.lib.files import atomic_writer\n"
        "with atomic_writer(Path(sys.argv[1])) as file:\n"
        "    file.write(b'half'); file.flush(); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(path)], check=False)

    assert ended.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    write_json(path, {"new": 1})
    assert json.loads(path.read_bytes()) == {"new": 1}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, the disk that is always full")
def test_a_full_disk_says_where(tmp_path: Path):
    path = tmp_path / "out.jsonl"
    full = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(StorageFull, match="No room left for") as caught, naming_full_disk(path):
        os.write(full, b"x")
    os.close(full)

    assert caught.value.path == str(path)
    assert "df -h" in caught.value.message


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_writing_into_a_full_disk_leaves_nothing_behind(tmp_path: Path, number: int):
    def rows():
        yield {"a": 1}
        raise OSError(number, os.strerror(number))

    with pytest.raises(StorageFull):
        write_jsonl(tmp_path / "out.jsonl", rows())

    assert list(tmp_path.iterdir()) == []


def test_other_errors_of_the_system_keep_their_words(tmp_path: Path):
    with pytest.raises(FileNotFoundError), naming_full_disk(tmp_path):
        (tmp_path / "absent").read_bytes()


def test_write_json_is_canonical_and_returns_the_path(tmp_path: Path):
    path = write_json(tmp_path / "a.json", {"b": 1, "a": "é"})

    assert path == tmp_path / "a.json"
    assert path.read_bytes() == '{"a":"é","b":1}\n'.encode()


@pytest.mark.parametrize("count", [0, 1, 3])
def test_write_jsonl_counts_its_rows(tmp_path: Path, count: int):
    path = tmp_path / "a.jsonl"

    assert write_jsonl(path, ({"n": n} for n in range(count))) == count
    assert [json.loads(line) for line in path.read_text().splitlines()] == [{"n": n} for n in range(count)]


def test_a_file_object_is_a_value(tmp_path: Path):
    assert FileObject(tmp_path, "a/b") == FileObject(tmp_path, "a/b")
