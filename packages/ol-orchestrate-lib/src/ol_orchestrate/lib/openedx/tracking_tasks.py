"""What the engine and its workers say to each other, and the engine's end of a worker process."""

import os
import subprocess
import sys
from enum import IntEnum
from struct import Struct
from types import TracebackType
from typing import Self

import msgspec

from ol_orchestrate.lib.errors import OLDataError
from ol_orchestrate.lib.lines import Chunk
from ol_orchestrate.lib.openedx.tracking import FilterRule
from ol_orchestrate.lib.slots import SLOT_BYTES, SlotWriter

_MEMORY_OF_A_WORKER = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 28),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 28),
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}
"""For glibc: a worker takes and frees the same megabytes all the time. It keeps them, in large pages where the system
has them: a tenth of the run."""


class Frame(IntEnum):
    """What a frame on a worker's standard input is."""

    BEGIN = 1
    CHUNK = 2
    """Whole lines in the next slot."""
    LONG_CHUNK = 3
    """Whole lines that no slot can hold; they follow."""
    END = 4


FRAME = Struct("<BQQQ")
"""Frame header: kind, number of the first line, byte offset of the first line, length of the payload or in the slot."""


class ShareTask(msgspec.Struct, frozen=True):
    """What a worker needs to know of a file: the name its rows carry, and where and how to write them."""

    source_file: str
    directory: str
    number: int
    output_format: str
    filters: tuple[FilterRule, ...]


class Part(msgspec.Struct, frozen=True):
    """A finished local file of events. `rows` and `sha256` are read back from it."""

    path: str
    rows: int
    sha256: str


class ShareReport(msgspec.Struct, frozen=True):
    """What became of the lines of one share. No part when no line was accepted.

    `quarantine` is a local path, empty when no line was refused.
    """

    part: Part | None
    quarantine: str
    blank: int
    filtered: dict[str, int]
    refused: dict[str, int]


class WorkerDied(OLDataError):  # noqa: N818 - named for what happened
    """A worker process ended in the middle of a file; nothing of that file may be published."""


class Worker:
    """A worker process, from outside. Closing its input ends it."""

    def __enter__(self) -> Self:
        self._slots = SlotWriter()
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter, and two numbers
            [sys.executable, "-m", "ol_orchestrate.lib.openedx.tracking_worker", *map(str, self._slots.for_reader)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=self._slots.for_reader,
            env={**os.environ, **_MEMORY_OF_A_WORKER},
        )
        self._slots.started()
        assert self._process.stdin is not None  # noqa: S101 - both were asked for
        assert self._process.stdout is not None  # noqa: S101
        self._input, self._output = self._process.stdin, self._process.stdout
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is not None:
            self._process.kill()
        self._process.communicate()
        self._slots.close()

    def begin(self, task: ShareTask) -> None:
        """Start a file."""
        payload = msgspec.json.encode(task)
        self._send(FRAME.pack(Frame.BEGIN, 0, 0, len(payload)), payload)

    def add(self, chunk: Chunk) -> None:
        """Hand over whole lines; waits while the worker has enough to do."""
        length = sum(map(len, chunk.pieces))
        if length > SLOT_BYTES:
            self._send(FRAME.pack(Frame.LONG_CHUNK, chunk.first_line, chunk.first_byte, length), *chunk.pieces)
            return
        try:
            self._slots.put(chunk.pieces)
        except BrokenPipeError:
            raise self._died() from None
        self._send(FRAME.pack(Frame.CHUNK, chunk.first_line, chunk.first_byte, length))

    def end(self) -> None:
        """Say that this was the file's last chunk."""
        self._send(FRAME.pack(Frame.END, 0, 0, 0))

    def report(self) -> ShareReport:
        """Wait until the worker has finished the file."""
        answer = self._output.readline()
        if not answer.endswith(b"\n"):
            raise self._died()
        return msgspec.json.decode(answer, type=ShareReport)

    def _send(self, *pieces: bytes | memoryview) -> None:
        try:
            self._input.writelines(pieces)
            self._input.flush()
        except BrokenPipeError:
            raise self._died() from None

    def _died(self) -> WorkerDied:
        code = self._process.wait()
        found = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        return WorkerDied(
            f"A worker that read tracking logs {found}; nothing of the file was published. Signal 9 is most often the "
            "kernel short of memory: each worker takes about 150 MB. What it printed stands above. Run this again."
        )
