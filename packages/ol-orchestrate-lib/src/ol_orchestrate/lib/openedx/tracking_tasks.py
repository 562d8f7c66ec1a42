"""What the engine and its workers say to each other, and the engine's end of a worker process."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from enum import IntEnum
from struct import Struct
from types import TracebackType
from typing import Self

import msgspec

from ol_orchestrate.lib.errors import OLDataError
from ol_orchestrate.lib.lines import Chunk
from ol_orchestrate.lib.openedx.tracking import FilterRule

PIPE_BYTES = 1 << 20
"""What the kernel holds for a worker: one chunk, so that dealing seldom waits."""

_KEEP_FREED_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(1 << 28), "MALLOC_TRIM_THRESHOLD_": str(1 << 28)}
"""For glibc: a worker takes and frees the same megabytes all the time; giving them back costs a tenth of the run."""


class Frame(IntEnum):
    """What a frame on a worker's standard input is."""

    BEGIN = 1
    CHUNK = 2
    END = 3


FRAME = Struct("<BQQQ")
"""Frame header: kind, number of the first line, byte offset of the first line, length of the payload."""


class ShareTask(msgspec.Struct, frozen=True):
    """What a worker needs to know of a file: the name its rows carry, and where and how to write them."""

    source_file: str
    directory: str
    number: int
    output_format: str
    filters: tuple[FilterRule, ...]


class ShareReport(msgspec.Struct, frozen=True):
    """What became of the lines of one share. `part` and `quarantine` are local paths, empty when there is no row.

    `accepted` is read back from the finished part.
    """

    part: str
    quarantine: str
    accepted: int
    blank: int
    filtered: dict[str, int]
    refused: dict[str, int]


class WorkerDied(OLDataError):  # noqa: N818 - named for what happened
    """A worker process ended in the middle of a file; nothing of that file may be published."""


class Worker:
    """A worker process, from outside. Closing its input ends it."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ol_orchestrate.lib.openedx.tracking_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, **_KEEP_FREED_MEMORY},
        )
        assert self._process.stdin is not None  # noqa: S101 - both were asked for
        assert self._process.stdout is not None  # noqa: S101
        self._input, self._output = self._process.stdin, self._process.stdout
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            with suppress(PermissionError):  # beyond what the system allows this user; a smaller pipe only waits more
                fcntl.fcntl(self._input, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is not None:
            self._process.kill()
        self._process.communicate()

    def begin(self, task: ShareTask) -> None:
        """Start a file."""
        self._send(Frame.BEGIN, (msgspec.json.encode(task),))

    def add(self, chunk: Chunk) -> None:
        """Hand over whole lines; waits while the worker has enough to do."""
        self._send(Frame.CHUNK, chunk.pieces, chunk.first_line, chunk.first_byte)

    def end(self) -> None:
        """Say that this was the file's last chunk."""
        self._send(Frame.END, ())

    def report(self) -> ShareReport:
        """Wait until the worker has finished the file."""
        return msgspec.json.decode(self._read_line(), type=ShareReport)

    def _read_line(self) -> bytes:
        answer = bytearray()
        while not answer.endswith(b"\n"):
            piece = self._output.read(1 << 16)
            if not piece:
                raise self._died()
            answer += piece
        return bytes(answer)

    def _send(
        self, kind: Frame, pieces: Sequence[bytes | memoryview], first_line: int = 0, first_byte: int = 0
    ) -> None:
        header = FRAME.pack(kind, first_line, first_byte, sum(map(len, pieces)))
        try:
            _write_all(self._input.fileno(), [memoryview(piece) for piece in (header, *pieces)])
        except BrokenPipeError:
            raise self._died() from None

    def _died(self) -> WorkerDied:
        code = self._process.wait()
        found = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        return WorkerDied(
            f"A worker that read tracking logs {found}; nothing of the file was published. Signal 9 is most often the "
            "kernel short of memory: each worker takes about 150 MB. What it printed stands above. Run this again."
        )


_MOST_PIECES = 1024  # of one call, on every system


def _write_all(file: int, pieces: list[memoryview]) -> None:
    """Write all pieces in as few calls as the pipe allows: each call wakes the reader."""
    while pieces:
        written = os.writev(file, pieces[:_MOST_PIECES])
        while pieces and written >= len(pieces[0]):
            written -= len(pieces.pop(0))
        if pieces:
            pieces[0] = pieces[0][written:]
