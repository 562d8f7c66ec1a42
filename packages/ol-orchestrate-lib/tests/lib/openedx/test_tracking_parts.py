"""What is written can be read: by us, by others, and twice the same."""

import gzip
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ol_orchestrate.lib.openedx import tracking_parts
from ol_orchestrate.lib.openedx.tracking_chunks import SCHEMA
from ol_orchestrate.lib.openedx.tracking_parts import JsonLinesPart, OutputFormat, ParquetPart, part_writer, read_back
from ol_orchestrate.lib.openedx.tracking_tasks import Part

FORMATS = list(OutputFormat)


def batch(first: int, rows: int, **columns: Any) -> pa.RecordBatch:
    """Rows of one line number after another, other columns null unless given."""
    values = {"time": datetime(2014, 5, 15, 13, 0, 21, tzinfo=UTC), "event": '{"a":1}', "source_file": "k"} | columns
    numbers = range(first, first + rows)
    return pa.RecordBatch.from_pylist([{**values, "line_number": number} for number in numbers], schema=SCHEMA)


def write(stem: Path, output_format: str, batches: list[pa.RecordBatch]) -> Path:
    writer = part_writer(stem, output_format)
    for each in batches:
        writer.add(each)
    writer.close()
    assert writer.rows == sum(each.num_rows for each in batches)
    return writer.path


@pytest.mark.parametrize("output_format", FORMATS)
def test_the_suffix_names_the_format(tmp_path: Path, output_format: OutputFormat) -> None:
    assert part_writer(tmp_path / "a.log.0", output_format).path == tmp_path / f"a.log.0.{output_format}"


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="csv"):
        part_writer(tmp_path / "0", "csv")


@pytest.mark.parametrize("output_format", FORMATS)
def test_without_rows_there_is_no_file(tmp_path: Path, output_format: OutputFormat) -> None:
    path = write(tmp_path / "0", output_format, [batch(1, 0), batch(1, 0)])
    assert list(tmp_path.iterdir()) == []
    assert not path.exists()


@pytest.mark.parametrize("output_format", FORMATS)
def test_a_finished_file_is_read_back(
    tmp_path: Path, output_format: OutputFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking_parts, "ROWS_PER_GROUP", 10)
    path = write(tmp_path / "0", output_format, [batch(1, 7), batch(8, 0), batch(8, 9), batch(17, 4), batch(21, 1)])
    assert read_back(path) == Part(str(path), 21, hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.mark.parametrize("output_format", FORMATS)
def test_the_same_rows_are_the_same_bytes(tmp_path: Path, output_format: OutputFormat) -> None:
    contents = set()
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        contents.add(write(tmp_path / name / "0", output_format, [batch(1, 100), batch(101, 50)]).read_bytes())
    assert len(contents) == 1


def test_parquet_keeps_schema_order_and_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking_parts, "ROWS_PER_GROUP", 10)
    path = write(tmp_path / "0", "parquet", [batch(start, 4) for start in range(1, 41, 4)])
    file = pq.ParquetFile(path)
    assert file.schema_arrow == SCHEMA
    assert [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)] == [12, 12, 12, 4]
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    assert file.read().column("line_number").to_pylist() == list(range(1, 41))


def test_one_row_group_is_held_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking_parts, "ROWS_PER_GROUP", 10)
    writer = ParquetPart(tmp_path / "0.parquet")
    for start in range(1, 100, 3):
        writer.add(batch(start, 3))
        assert writer._pending_rows < 10
    writer.close()


def test_json_lines_by_heart(tmp_path: Path) -> None:
    row = batch(3, 1, username="ana \u2028 \0", extra='{"x":1}', context='"a=1&b=2"')
    path = write(tmp_path / "0", "jsonl.gz", [row])
    line = gzip.decompress(path.read_bytes()).decode()
    assert line.endswith("\n")
    assert line.count("\n") == 1
    assert json.loads(line) == {
        **dict.fromkeys(SCHEMA.names),
        "username": "ana \u2028 \0",
        "event": '{"a":1}',
        "context": '"a=1&b=2"',
        "time": "2014-05-15 13:00:21.000000",
        "extra": '{"x":1}',
        "source_file": "k",
        "line_number": 3,
    }
    assert list(json.loads(line)) == SCHEMA.names


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (datetime(2014, 5, 15, 13, 0, 21, 764_674, UTC), "2014-05-15 13:00:21.764674"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01 00:00:00.000000"),
        (datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC), "9999-12-31 23:59:59.999999"),
        (datetime(1969, 12, 31, 23, 59, 59, 1, UTC), "1969-12-31 23:59:59.000001"),
    ],
)
def test_how_a_time_is_written_in_json(tmp_path: Path, moment: datetime, written: str) -> None:
    path = write(tmp_path / "0", "jsonl.gz", [batch(1, 1, time=moment)])
    assert json.loads(gzip.decompress(path.read_bytes()))["time"] == written


def test_json_lines_are_one_gzip_member_without_a_time_in_it(tmp_path: Path) -> None:
    content = write(tmp_path / "0", "jsonl.gz", [batch(1, 5), batch(6, 5)]).read_bytes()
    assert content[:2] == b"\x1f\x8b"
    assert content[4:8] == bytes(4)
    assert len(gzip.decompress(content).splitlines()) == 10


@pytest.mark.parametrize("output_format", FORMATS)
def test_duckdb_reads_it(tmp_path: Path, output_format: OutputFormat) -> None:
    path = write(tmp_path / "0", output_format, [batch(1, 3)])
    reader = "read_parquet" if output_format is OutputFormat.PARQUET else "read_json"
    found = duckdb.sql(f"select line_number, time::timestamp, event->>'a' from {reader}('{path}') order by 1")
    assert found.fetchall() == [(number, datetime(2014, 5, 15, 13, 0, 21), "1") for number in (1, 2, 3)]  # noqa: DTZ001


@pytest.mark.parametrize("output_format", FORMATS)
def test_a_full_disk_is_an_error_and_not_a_short_file(tmp_path: Path, output_format: OutputFormat) -> None:
    (tmp_path / f"0.{output_format}").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path / "0", output_format, [batch(1, 5000)])


def test_a_part_that_was_never_used_closes(tmp_path: Path) -> None:
    JsonLinesPart(tmp_path / "a").close()
    ParquetPart(tmp_path / "b").close()
    assert list(tmp_path.iterdir()) == []
