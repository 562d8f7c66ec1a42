"""One worker's share of a tracking log: chunks in, a part file of events and a file of refused lines out.

The engine uses a `Share` in its own process for small files. For large ones it runs this module as a program, once per
processor: frames come in on standard input, their chunks in shared memory, and one JSON report per file goes out on
standard output. A plain program, not a fork of a process that may have threads.
"""

import gc
import os
import sys
from collections import Counter
from pathlib import Path
from typing import BinaryIO

import msgspec
import pyarrow as pa

from ol_orchestrate.lib.lines import Chunk
from ol_orchestrate.lib.openedx.tracking import PARSER_VERSION
from ol_orchestrate.lib.openedx.tracking_chunks import ChunkReader, Refused
from ol_orchestrate.lib.openedx.tracking_parts import PartWriter, part_writer, read_back
from ol_orchestrate.lib.openedx.tracking_tasks import FRAME, Frame, ShareReport, ShareTask
from ol_orchestrate.lib.quarantine import SUFFIX, QuarantinedRow, QuarantineFile
from ol_orchestrate.lib.slots import SlotReader


class Share:
    """Reads its chunks of one file and writes what comes of them. Memory: one row group of events."""

    def __init__(self, task: ShareTask) -> None:
        directory = Path(task.directory)
        self._task = task
        self._reader = ChunkReader(task.source_file, task.filters)
        self._part: PartWriter = part_writer(directory / str(task.number), task.output_format)
        self._quarantine = QuarantineFile(directory / f"{task.number}{SUFFIX}")
        self._refused: Counter[str] = Counter()

    def add(self, chunk: Chunk) -> None:
        """Read whole lines."""
        batch, refused = self._reader.read(chunk.content, chunk.first_line, chunk.first_byte)
        self._part.add(batch)
        for line in refused:
            self._refuse(line)

    def _refuse(self, line: Refused) -> None:
        self._refused[line.reason] += 1
        self._quarantine.add(quarantined_row(self._task.source_file, line))

    def end(self) -> None:
        """Close both files."""
        self._part.close()
        self._quarantine.close()

    def report(self) -> ShareReport:
        """What the closed files hold."""
        tally = self._reader.tally
        return ShareReport(
            part=read_back(self._part.path) if self._part.rows else None,
            quarantine=str(self._quarantine.path) if self._quarantine.count else "",
            blank=tally.blank,
            filtered=dict(tally.filtered),
            refused=dict(self._refused),
        )


def quarantined_row(source_file: str, line: Refused) -> QuarantinedRow:
    """A refused line as it is kept."""
    return QuarantinedRow(
        source=source_file,
        line_number=line.line_number,
        byte_offset=line.byte_offset,
        reason=line.reason.value,
        parser_version=PARSER_VERSION,
        bytes=line.line,
        length_bytes=len(line.line),
    )


def serve(stream: BinaryIO, answers: BinaryIO, slots: SlotReader) -> None:
    """Work off frames until the stream ends."""
    share: Share | None = None
    while len(header := stream.read(FRAME.size)) == FRAME.size:
        kind, first_line, first_byte, length = FRAME.unpack(header)
        match kind:
            case Frame.BEGIN:
                share = Share(msgspec.json.decode(stream.read(length), type=ShareTask))
            case Frame.CHUNK if share:
                share.add(Chunk((slots.take(length),), first_line, first_byte))
            case Frame.LONG_CHUNK if share:
                share.add(Chunk((stream.read(length),), first_line, first_byte))
            case Frame.END if share:
                share.end()
                answers.write(msgspec.json.encode(share.report()) + b"\n")
                answers.flush()


def main() -> None:
    """Run as a worker. Rows live and die by reference count, so the cycle collector would only cost time."""
    gc.disable()
    pa.set_memory_pool(pa.system_memory_pool())
    serve(sys.stdin.buffer, sys.stdout.buffer, SlotReader(*map(int, sys.argv[1:])))
    os._exit(0)  # every file is closed; to take hundreds of megabytes apart is what the engine would wait for


if __name__ == "__main__":
    main()
