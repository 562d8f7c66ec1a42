"""Tracking-log files in, normalized events and quarantined lines out: streaming, in parallel, every line accounted for.

One process inflates, cuts the bytes at line ends and deals the chunks out in turn; workers (`tracking_worker`) read and
write them. Memory does not grow with the file: chunks in flight are bounded by the pipes, events by the row group.
The counts of every file are checked against what can be read back from the outputs before anything is reported.
"""

import hashlib
import heapq
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain, cycle
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol, Self

from ol_orchestrate.lib.conservation import LineCounts
from ol_orchestrate.lib.errors import MalformedInput
from ol_orchestrate.lib.inflate import inflated_blocks
from ol_orchestrate.lib.lines import CHUNK_BYTES, Chunk, LineChunks, LongLine
from ol_orchestrate.lib.openedx.tracking import COMMENTS, PARSER_VERSION, FilterRule, Reason
from ol_orchestrate.lib.openedx.tracking_tasks import Part, ShareReport, ShareTask, Worker
from ol_orchestrate.lib.quarantine import SUFFIX, QuarantinedRow, QuarantineFile, read_rows

INLINE_CHUNKS = 4
"""Files of up to this many chunks are read in this process: workers cost more to start than they save."""

MAX_LINE_BYTES = 16 << 20
"""Lines beyond this go to quarantine as `too_long`: it bounds memory against a file without line ends."""

DEFAULT_WORKERS = 2
"""Two keep memory below half a gigabyte; each more is about 100 MB."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How logs are read and written. Each of them is part of an output's version."""

    output_format: str = "parquet"
    filters: tuple[FilterRule, ...] = (COMMENTS,)
    max_line_bytes: int = MAX_LINE_BYTES

    def for_version(self) -> dict[str, object]:
        """The options as plain values, for hashing."""
        filters = [[rule.name, rule.prefix] for rule in self.filters]
        return {"output_format": self.output_format, "filters": filters, "max_line_bytes": self.max_line_bytes}


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of one file.

    Attributes:
        source_file: Its key, as the rows carry it.
        counts: Checked: every line is accounted for.
        parts: The events; none when no line was accepted.
        quarantine: Local file of the refused lines in line order, None when there is none.
        bytes_in: Size of the file as delivered.
        sha256: Of the file as delivered.
        damage: Why the file could not be read to its end, when it could not.
    """

    source_file: str
    counts: LineCounts
    parts: tuple[Part, ...]
    quarantine: Path | None
    bytes_in: int
    sha256: str
    damage: MalformedInput | None


class Reader(Protocol):
    """Who takes chunks: a `Share` in this process, or a worker process."""

    def add(self, chunk: Chunk) -> None:
        """Read whole lines."""

    def end(self) -> None:
        """Say that this was the file's last chunk."""

    def report(self) -> ShareReport:
        """What the closed outputs hold."""


class TrackingLogReader:
    """Reads any number of files, one after another; workers are started for the first large one and kept.

    Use as a context manager; not from several threads at once. The parts of a file do not depend on the machine: chunks
    are dealt in turn.
    """

    def __init__(self, options: ReadOptions, worker_count: int = DEFAULT_WORKERS) -> None:
        self.options = options
        self._worker_count = worker_count
        self._workers: list[Worker] = []
        self._exit = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._exit.close()

    def expect(self, size_bytes: int) -> None:
        """Start the workers now if a file of this size will want them; they load while the caller prepares."""
        if size_bytes > INLINE_CHUNKS * CHUNK_BYTES:
            self._start_workers()

    def _start_workers(self) -> None:
        while len(self._workers) < self._worker_count:
            self._workers.append(self._exit.enter_context(Worker()))

    def read(self, stream: BinaryIO, source_file: str, directory: Path) -> FileReport:
        """Normalize one file into an empty local directory, which stays the caller's to remove.

        A damaged file is read as far as it goes and reported as such.

        Raises:
            RowsUnaccounted: the counts do not add up.
            WorkerDied: a worker process was killed.
            OSError: the stream or the directory failed.
        """
        delivered = _Delivered(stream)
        chunks = LineChunks(inflated_blocks(delivered, source_file), self.options.max_line_bytes)
        shares = self._deal(chunks, source_file, directory)
        quarantine = _merge_quarantine(source_file, shares, chunks.long_lines, directory / f"all{SUFFIX}")
        counts = _counts(chunks, shares, quarantine)
        counts.check(source_file)
        return FileReport(
            source_file=source_file,
            counts=counts,
            parts=tuple(share.part for share in shares if share.part),
            quarantine=quarantine.path if quarantine.count else None,
            bytes_in=delivered.size_bytes,
            sha256=delivered.sha256,
            damage=chunks.damage,
        )

    def _deal(self, chunks: LineChunks, source_file: str, directory: Path) -> list[ShareReport]:
        coming = iter(chunks)
        first = [chunk for _, chunk in zip(range(INLINE_CHUNKS), coming, strict=False)]
        readers = self._readers(source_file, directory, small=len(first) < INLINE_CHUNKS)
        for reader, chunk in zip(cycle(readers), chain(first, coming), strict=False):
            reader.add(chunk)
        for reader in readers:  # all are told before one is waited for: they write their last rows side by side
            reader.end()
        return [reader.report() for reader in readers]

    def _readers(self, source_file: str, directory: Path, *, small: bool) -> list[Reader]:
        options = self.options
        tasks = [
            ShareTask(source_file, str(directory), number, options.output_format, options.filters)
            for number in range(1 if small else self._worker_count)
        ]
        if small:
            from ol_orchestrate.lib.openedx.tracking_worker import Share  # loads Arrow, which workers load for us

            return [Share(tasks[0])]
        self._start_workers()
        for worker, task in zip(self._workers, tasks, strict=True):
            worker.begin(task)
        return list(self._workers)


class _Delivered:
    """The file as delivered, counted and hashed while it is read."""

    def __init__(self, stream: BinaryIO) -> None:
        self.size_bytes = 0
        self._stream = stream
        self._digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(size)
        self.size_bytes += len(block)
        self._digest.update(block)
        return block

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


def _merge_quarantine(
    source_file: str, shares: Iterable[ShareReport], long_lines: Iterable[LongLine], path: Path
) -> QuarantineFile:
    """All refused lines of one file in line order."""
    merged = QuarantineFile(path)
    of_shares = [_rows_of(Path(share.quarantine)) for share in shares if share.quarantine]
    too_long = (_too_long(source_file, line) for line in long_lines)
    for row in heapq.merge(*of_shares, too_long, key=lambda row: row.line_number):
        merged.add(row)
    merged.close()
    return merged


def _rows_of(path: Path) -> Iterator[QuarantinedRow]:
    with path.open("rb") as lines:
        yield from read_rows(lines, str(path))


def _too_long(source_file: str, line: LongLine) -> QuarantinedRow:
    return QuarantinedRow(
        source=source_file,
        line_number=line.line_number,
        byte_offset=line.byte_offset,
        reason=Reason.TOO_LONG,
        parser_version=PARSER_VERSION,
        bytes=line.beginning,
        length_bytes=line.length_bytes,
    )


def _counts(chunks: LineChunks, shares: Iterable[ShareReport], quarantine: QuarantineFile) -> LineCounts:
    long_lines = {Reason.TOO_LONG.value: len(chunks.long_lines)} if chunks.long_lines else {}
    read = LineCounts(lines=chunks.lines, quarantined=quarantine.count, reasons=long_lines)
    for share in shares:
        accepted = share.part.rows if share.part else 0
        read += LineCounts(blank=share.blank, accepted=accepted, filtered=share.filtered, reasons=share.refused)
    return read
