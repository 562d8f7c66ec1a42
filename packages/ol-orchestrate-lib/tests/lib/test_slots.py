"""Slots: every byte once and in order, across processes, in memory that does not grow; a dead reader is noticed."""

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ol_orchestrate.lib import slots
from ol_orchestrate.lib.slots import SLOT_BYTES, SLOT_COUNT, SlotReader, SlotWriter


@pytest.fixture
def writer() -> Iterator[SlotWriter]:
    writer = SlotWriter()
    yield writer
    writer.close()


@given(st.lists(st.lists(st.binary(max_size=40), max_size=4), max_size=SLOT_COUNT * 3))
def test_what_is_put_is_taken_in_order(puts: list[list[bytes]]) -> None:
    writer = SlotWriter()
    reader = SlotReader(*writer.for_reader)
    for pieces in puts:
        writer.put(pieces)
        assert reader.take(sum(map(len, pieces))) == b"".join(pieces)
    writer.started()
    writer.close()


def test_a_full_slot(writer: SlotWriter) -> None:
    reader = SlotReader(*writer.for_reader)
    content = os.urandom(SLOT_BYTES)
    writer.put([memoryview(content)[:7], content[7:]])
    writer.put([b"next"])
    assert reader.take(SLOT_BYTES) == content
    assert reader.take(4) == b"next"
    writer.started()


def test_what_was_taken_stays_when_the_slot_is_filled_again(writer: SlotWriter) -> None:
    reader = SlotReader(*writer.for_reader)
    taken = []
    for number in range(SLOT_COUNT * 2):
        writer.put([b"%d" % number])
        taken.append(reader.take(1))
    assert taken == [b"%d" % number for number in range(SLOT_COUNT * 2)]
    writer.started()


def test_a_writer_waits_for_a_free_slot(writer: SlotWriter) -> None:
    reader = SlotReader(*writer.for_reader)
    for number in range(SLOT_COUNT):
        writer.put([b"%d" % number])
    waiting = threading.Thread(target=writer.put, args=([b"x"],), daemon=True)
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    assert reader.take(1) == b"0"
    waiting.join(10)
    assert not waiting.is_alive()
    assert [reader.take(1) for _ in range(SLOT_COUNT)] == [b"1", b"2", b"3", b"x"]
    writer.started()


READER = """
import hashlib, sys
from ol_orchestrate.lib.slots import SlotReader
slots = SlotReader(*map(int, sys.argv[1:]))
digest = hashlib.sha256()
for line in sys.stdin:
    digest.update(slots.take(int(line)))
print(digest.hexdigest())
"""


def start_reader(writer: SlotWriter) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", READER, *map(str, writer.for_reader)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=writer.for_reader,
        text=True,
    )
    writer.started()
    return process


def test_another_process_takes_what_was_put(writer: SlotWriter) -> None:
    process, digest = start_reader(writer), hashlib.sha256()
    assert process.stdin
    for number in range(SLOT_COUNT * 5):
        content = bytes([number]) * (number * 1000 + 1)
        writer.put([content])
        digest.update(content)
        process.stdin.write(f"{len(content)}\n")
        process.stdin.flush()
    output, _ = process.communicate(timeout=30)
    assert output.strip() == digest.hexdigest()


def test_a_reader_that_died_is_noticed(writer: SlotWriter) -> None:
    process = start_reader(writer)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    for _ in range(SLOT_COUNT):
        writer.put([b"into nothing"])
    with pytest.raises(BrokenPipeError):
        writer.put([b"one too many"])


def test_where_there_is_no_memory_file_a_nameless_one_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots.sys, "platform", "darwin")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    writer = SlotWriter()
    reader = SlotReader(*writer.for_reader)
    writer.put([b"content"])
    assert reader.take(7) == b"content"
    assert not list(tmp_path.iterdir())
    writer.started()
    writer.close()


@pytest.mark.skipif(sys.platform != "linux", reason="counts open files in /proc")
def test_nothing_stays_open_behind_a_writer() -> None:
    open_files = Path("/proc/self/fd")
    before = len(list(open_files.iterdir()))
    for _ in range(5):
        writer = SlotWriter()
        writer.started()
        writer.close()
    assert len(list(open_files.iterdir())) == before
