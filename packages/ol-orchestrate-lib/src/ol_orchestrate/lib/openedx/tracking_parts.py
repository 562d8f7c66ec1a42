"""The files normalized events are written to: Parquet for our own raw layer, gzipped JSON lines for readers outside."""

from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from isal import igzip

from ol_orchestrate.lib.hashing import sha256_file
from ol_orchestrate.lib.openedx.tracking_chunks import SCHEMA
from ol_orchestrate.lib.openedx.tracking_tasks import Part

ROWS_PER_GROUP = 32_768
"""About 40 MB of events: large enough to compress well, small enough to hold."""

JSON_TIME = "%Y-%m-%d %H:%M:%S"
"""How a time is written in JSON: microseconds follow by themselves, UTC is understood."""


class OutputFormat(StrEnum):
    """How events are written; the value is the file suffix."""

    PARQUET = "parquet"
    JSONL_GZ = "jsonl.gz"


class PartWriter(Protocol):
    """Writes the events of one share. The file exists only if there is a row."""

    path: Path
    rows: int

    def add(self, batch: pa.RecordBatch) -> None:
        """Write a batch, now or with the next ones."""

    def close(self) -> None:
        """Finish the file."""


def part_writer(stem: Path, output_format: str) -> PartWriter:
    """The writer of a format, for the file `<stem>.<suffix>`."""
    match OutputFormat(output_format):
        case OutputFormat.PARQUET:
            return ParquetPart(stem.with_name(f"{stem.name}.parquet"))
        case OutputFormat.JSONL_GZ:
            return JsonLinesPart(stem.with_name(f"{stem.name}.jsonl.gz"))


class ParquetPart:
    """Zstandard Parquet, one row group in memory at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self._pending: list[pa.RecordBatch] = []
        self._pending_rows = 0
        self._writer: pq.ParquetWriter | None = None

    def add(self, batch: pa.RecordBatch) -> None:
        """Hold the batch until a row group is full."""
        if not batch.num_rows:
            return
        self.rows += batch.num_rows
        self._pending.append(batch)
        self._pending_rows += batch.num_rows
        if self._pending_rows >= ROWS_PER_GROUP:
            self._write()

    def close(self) -> None:
        """Write what is held, and the footer."""
        if self._pending:
            self._write()
        if self._writer is not None:
            self._writer.close()

    def _write(self) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self.path, SCHEMA, compression="zstd", compression_level=1, **_ENCODING)
        table = pa.Table.from_batches(self._pending)
        self._pending, self._pending_rows = [], 0
        self._writer.write_table(table)


_NOT_WORTH_A_DICTIONARY = frozenset(("event", "context", "page", "time", "line_number", "extra"))
_ENCODING: dict[str, Any] = {
    "use_dictionary": [name for name in SCHEMA.names if name not in _NOT_WORTH_A_DICTIONARY],
    "write_statistics": ["time", "line_number"],
    "column_encoding": dict.fromkeys(("time", "line_number"), "DELTA_BINARY_PACKED"),
}


class JsonLinesPart:
    """JSON lines, gzipped: every column in every record, all but the line number text or null."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self._file: Any = None

    def add(self, batch: pa.RecordBatch) -> None:
        """Write the batch."""
        if not batch.num_rows:
            return
        if self._file is None:
            # A fixed time in the gzip header: the same events are the same bytes.
            self._file = igzip.IGzipFile(self.path, "wb", compresslevel=1, mtime=0)
        place = SCHEMA.get_field_index("time")
        times = pc.strftime(batch.column(place), format=JSON_TIME)
        rows = batch.set_column(place, "time", times).to_pylist()
        self._file.write(msgspec.json.Encoder().encode_lines(rows))
        self.rows += batch.num_rows

    def close(self) -> None:
        """Finish the gzip member."""
        if self._file is not None:
            self._file.close()


def read_back(path: Path) -> Part:
    """A finished file as it lies on the disk."""
    return Part(str(path), _count_rows(path), sha256_file(path))


def _count_rows(path: Path) -> int:
    """The footers of Parquet, the lines of JSON."""
    if path.name.endswith(OutputFormat.PARQUET):
        return int(pq.read_metadata(path).num_rows)
    with igzip.open(path, "rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
