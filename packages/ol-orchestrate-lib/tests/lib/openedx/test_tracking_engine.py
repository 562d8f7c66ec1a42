"""Whole files through the engine: every line accounted for, whatever happens to the file, the disk or the workers."""

import base64
import gzip
import hashlib
import io
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ol_orchestrate.lib import inflate, lines
from ol_orchestrate.lib.conservation import LineCounts, RowsUnaccounted
from ol_orchestrate.lib.openedx import tracking_engine, tracking_worker
from ol_orchestrate.lib.openedx.tracking import FilterRule, Reason
from ol_orchestrate.lib.openedx.tracking_engine import FileReport, ReadOptions, TrackingLogReader
from ol_orchestrate.lib.openedx.tracking_parts import ParquetPart
from ol_orchestrate.lib.openedx.tracking_tasks import FRAME, Frame, ShareTask, Worker, WorkerDied
from ol_orchestrate.lib.quarantine import QuarantinedRow, read_rows
from ol_orchestrate.lib.slots import SLOT_BYTES, SlotReader

GOOD = b'{"time":"2014-05-15T13:00:21Z","username":"u%d","event":{"n":%d},"new":"%s"}\n'
BAD = (b"not json\n", b'{"time":"never"}\n', b'{"time":"2014-05-15T13:00:21Z","event":"\xff"}\n', b"# comment\n", b"\n")


def log(count: int, width: int = 40) -> bytes:
    """A log in which every seventh line is a bad one, of lines of different lengths."""
    return b"".join(
        BAD[number // 7 % len(BAD)] if number % 7 == 3 else GOOD % (number, number, b"x" * (number * 31 % width))
        for number in range(count)
    )


LARGE = log(4_500, 3_000)


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make blocks and chunks tiny, so that lines are cut everywhere; files stay in this process."""

    def make(block: int, chunk: int) -> None:
        monkeypatch.setattr(inflate, "READ_BYTES", block)
        monkeypatch.setattr(lines, "CHUNK_BYTES", chunk)
        monkeypatch.setattr(tracking_engine, "INLINE_CHUNKS", 1 << 30)

    return make


@pytest.fixture(scope="module")
def workers() -> Iterator[TrackingLogReader]:
    """One reader, whose workers serve every test that only reads."""
    with TrackingLogReader(ReadOptions()) as reader:
        yield reader


def read(content: bytes, directory: Path, options: ReadOptions | None = None) -> FileReport:
    with TrackingLogReader(options or ReadOptions()) as reader:
        return reader.read(io.BytesIO(content), "k", directory)


def rows_of(report: FileReport) -> list[dict[str, Any]]:
    """All rows of all parts by line, with times as microseconds."""
    rows: list[dict[str, Any]] = []
    for part in report.parts:
        table = pq.read_table(part.path)
        assert table.num_rows == part.rows > 0
        assert hashlib.sha256(Path(part.path).read_bytes()).hexdigest() == part.sha256
        place = table.schema.get_field_index("time")
        rows += table.set_column(place, "time", table.column(place).cast(pa.int64())).to_pylist()
    return sorted(rows, key=lambda row: int(row["line_number"]))


def refused_of(report: FileReport) -> list[QuarantinedRow]:
    if report.quarantine is None:
        return []
    with report.quarantine.open("rb") as file:
        return list(read_rows(file, "k"))


def assert_as_the_oracle(oracle: ModuleType, content: bytes, report: FileReport, longest: int = 1 << 24) -> None:
    expected = oracle.read_log(content, "k", longest=longest)
    assert oracle.differences(expected.rows, rows_of(report)) == []
    rows = refused_of(report)
    assert [(row.line_number, row.byte_offset, row.reason) for row in rows] == [line[:3] for line in expected.refused]
    assert [row.length_bytes for row in rows] == [len(line[3]) for line in expected.refused]
    for row, (_, _, reason, line) in zip(rows, expected.refused, strict=True):
        assert line.startswith(row.bytes) if reason == "too_long" else row.bytes == line
    assert report.counts == LineCounts(
        lines=expected.lines,
        blank=expected.blank,
        accepted=len(expected.rows),
        quarantined=len(expected.refused),
        filtered=dict(expected.filtered),
        reasons=dict(expected.reasons),
    )


@pytest.mark.parametrize(("block", "chunk"), [(1, 1), (7, 50), (64, 100), (100, 64), (1000, 333), (1 << 17, 1 << 20)])
def test_chunk_borders_change_nothing(
    oracle: ModuleType, tmp_path: Path, small_pieces: Callable[..., None], block: int, chunk: int
) -> None:
    small_pieces(block, chunk)
    content = log(150)
    assert_as_the_oracle(oracle, content, read(content, tmp_path))


def test_every_sample_on_small_chunks(
    oracle: ModuleType, tmp_path: Path, small_pieces: Callable[..., None], sample_data: Path
) -> None:
    small_pieces(501, 2000)
    total = LineCounts()
    for number, path in enumerate(sorted((sample_data / "tracking").rglob("*.log*"))):
        (tmp_path / str(number)).mkdir()
        report = read(path.read_bytes(), tmp_path / str(number))
        assert_as_the_oracle(oracle, path.read_bytes(), report)
        total += report.counts
    assert total == LineCounts(353, 5, 322, 8, {"comment": 18}, {"not_json": 2, "unknown_shape": 6})


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 400), min_size=1, max_size=12), st.integers(1, 60), st.integers(1, 500), st.booleans())
def test_too_long_at_every_place(
    oracle: ModuleType,
    tmp_path_factory: pytest.TempPathFactory,
    widths: list[int],
    block: int,
    chunk: int,
    ended: bool,  # noqa: FBT001
) -> None:
    content = b"".join(GOOD % (number, number, b"x" * width) for number, width in enumerate(widths))
    content = content if ended else content[:-1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inflate, "READ_BYTES", block)
        patch.setattr(lines, "CHUNK_BYTES", chunk)
        patch.setattr(tracking_engine, "INLINE_CHUNKS", 1 << 30)
        report = read(content, tmp_path_factory.mktemp("long"), ReadOptions(max_line_bytes=150))
    assert_as_the_oracle(oracle, content, report, longest=150)


def test_a_line_far_beyond_the_limit_keeps_its_beginning(oracle: ModuleType, tmp_path: Path) -> None:
    content = GOOD % (1, 1, b"a") + GOOD % (2, 2, b"b" * 3_000_000) + GOOD % (3, 3, b"c")
    report = read(content, tmp_path, ReadOptions(max_line_bytes=1 << 20))
    assert_as_the_oracle(oracle, content, report, longest=1 << 20)
    (row,) = refused_of(report)
    assert row.reason == Reason.TOO_LONG
    assert len(row.bytes) == lines.KEPT_OF_LONG_LINE_BYTES
    assert row.length_bytes > 3_000_000


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"\n\n \r\n", b"# only a comment", b"not json", GOOD % (1, 1, b""), (GOOD % (1, 1, b""))[:-1]],
    ids=["nothing", "line end", "blank", "comment", "bad", "one", "no line end"],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_files_of_a_line_or_less(
    oracle: ModuleType, tmp_path: Path, content: bytes, pack: Callable[[bytes], bytes]
) -> None:
    report = read(pack(content), tmp_path)
    assert_as_the_oracle(oracle, content, report)
    assert (report.damage, report.bytes_in) == (None, len(pack(content)))


def test_bytes_and_hash_are_of_the_file_as_delivered(tmp_path: Path) -> None:
    import hashlib

    packed = gzip.compress(log(50)) + bytes(100)
    report = read(packed, tmp_path)
    assert (report.bytes_in, report.sha256) == (len(packed), hashlib.sha256(packed).hexdigest())


def test_filters_are_an_option_and_count_by_name(tmp_path: Path) -> None:
    options = ReadOptions(filters=(FilterRule("banner", "=="),))
    report = read(b"== hello\n# no comment now\n", tmp_path, options)
    assert (report.counts.filtered, report.counts.reasons) == ({"banner": 1}, {"not_json": 1})


# Damage.


def test_a_truncated_file_keeps_its_complete_lines(oracle: ModuleType, tmp_path: Path) -> None:
    content = b"".join(GOOD % (number, number, os.urandom(30).hex().encode()) for number in range(6_000))
    packed = gzip.compress(content)[:-100_000]
    report = read(packed, tmp_path)
    assert report.damage is not None
    assert report.damage.reason == "truncated_gzip"
    assert report.counts.quarantined <= 1
    assert 1_000 < report.counts.accepted == report.counts.lines - report.counts.quarantined
    kept = b"".join(content.splitlines(keepends=True)[: report.counts.accepted])
    assert oracle.differences(oracle.read_log(kept, "k").rows, rows_of(report)) == []


def test_a_file_broken_in_the_middle(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(log(30_000)))
    packed[len(packed) // 2 : len(packed) // 2 + 50] = bytes(50)
    report = read(bytes(packed), tmp_path)
    assert report.damage is not None
    assert report.damage.reason == "corrupt_gzip"
    assert report.counts.lines > 1000
    report.counts.check("k")


def test_members_padding_and_a_name_that_lies(oracle: ModuleType, tmp_path: Path) -> None:
    content = log(60)
    for number, delivered in enumerate(
        [gzip.compress(content[:777]) + gzip.compress(content[777:]) + bytes(9), content]
    ):
        (tmp_path / str(number)).mkdir()
        report = read(delivered, tmp_path / str(number))
        assert report.damage is None
        assert_as_the_oracle(oracle, content, report)


# Workers.


def test_workers_read_as_the_oracle_does(oracle: ModuleType, tmp_path: Path, workers: TrackingLogReader) -> None:
    assert len(LARGE) > 5 * lines.CHUNK_BYTES
    report = workers.read(io.BytesIO(gzip.compress(LARGE, 1)), "k", tmp_path)
    assert len(report.parts) == 2
    assert_as_the_oracle(oracle, LARGE, report)
    numbers = [row.line_number for row in refused_of(report)]
    assert numbers == sorted(numbers)


@pytest.mark.parametrize("content", [log(3000), LARGE], ids=["one process", "workers"])
@pytest.mark.parametrize("output_format", ["parquet", "jsonl.gz"])
def test_the_same_file_gives_the_same_bytes(tmp_path: Path, content: bytes, output_format: str) -> None:
    contents = []
    with TrackingLogReader(ReadOptions(output_format)) as reader:
        for name in ("first", "second"):
            (tmp_path / name).mkdir()
            report = reader.read(io.BytesIO(content), "k", tmp_path / name)
            assert report.quarantine
            paths = [*(Path(part.path) for part in report.parts), report.quarantine]
            contents.append([path.read_bytes() for path in paths])
    assert contents[0] == contents[1]


class Interrupted(io.BytesIO):
    """A stream that does something to the world after it has given some blocks."""

    def __init__(self, content: bytes, action: Callable[[], None], after: int) -> None:
        super().__init__(content)
        self.action, self.left = action, after

    def read(self, size: int | None = -1, /) -> bytes:
        self.left -= 1
        if self.left == 0:
            self.action()
        return super().read(size)


def test_a_worker_killed_in_the_middle(tmp_path: Path) -> None:
    with TrackingLogReader(ReadOptions()) as reader:
        killed: list[int] = []

        def kill() -> None:
            killed.append(reader._workers[1]._process.pid)
            os.kill(killed[0], signal.SIGKILL)

        stream = Interrupted(LARGE * 3, kill, after=60)
        with pytest.raises(WorkerDied, match="was killed by signal 9; nothing of the file was published"):
            reader.read(stream, "k", tmp_path)
        processes = [worker._process for worker in reader._workers]
    assert killed == [processes[1].pid]
    assert [process.returncode for process in processes] == [0, -9]
    assert not any(Path(f"/proc/{process.pid}").exists() for process in processes)


def test_a_worker_killed_before_its_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = Worker.report

    def killed_first(worker: Worker) -> object:
        os.kill(worker._process.pid, signal.SIGKILL)
        return report(worker)

    monkeypatch.setattr(Worker, "report", killed_first)
    with TrackingLogReader(ReadOptions()) as reader, pytest.raises(WorkerDied, match="signal 9"):
        reader.read(io.BytesIO(LARGE), "k", tmp_path)


def test_a_failure_of_the_stream_does_not_spoil_the_next_file(oracle: ModuleType, tmp_path: Path) -> None:
    def gone() -> None:
        raise OSError("connection reset")

    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with TrackingLogReader(ReadOptions()) as reader:
        with pytest.raises(OSError, match="connection reset"):
            reader.read(Interrupted(LARGE, gone, after=45), "other", tmp_path / "a")
        report = reader.read(io.BytesIO(LARGE), "k", tmp_path / "b")
    assert_as_the_oracle(oracle, LARGE, report)


@pytest.mark.parametrize("content", [LARGE, log(45_000, 400)], ids=["at the end", "in the middle"])
def test_a_full_disk_under_a_worker(tmp_path: Path, content: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "0.parquet").symlink_to("/dev/full")
    with (
        TrackingLogReader(ReadOptions(), 1) as reader,
        pytest.raises(WorkerDied, match="ended with code 1; nothing of the file was published"),
    ):
        reader.read(io.BytesIO(content), "k", tmp_path)
    assert "No space left on device" in capfd.readouterr().err


@pytest.mark.parametrize("name", ["0.parquet", "0.quarantine.jsonl", "all.quarantine.jsonl"])
def test_a_full_disk_in_this_process(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        read(log(200), tmp_path)


def test_a_line_that_no_slot_can_hold(tmp_path: Path, oracle: ModuleType, workers: TrackingLogReader) -> None:
    long_line = GOOD % (7, 7, b"x" * (2 * SLOT_BYTES))
    content = LARGE + long_line + BAD[0] + LARGE
    assert_as_the_oracle(oracle, content, workers.read(io.BytesIO(content), "k", tmp_path))


def test_no_worker_is_started_for_small_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking_engine, "Worker", lambda: pytest.fail("a worker was started"))
    assert read(log(3000), tmp_path).counts.lines == 3000


class Answers(io.BytesIO):
    """Where a worker's reports go."""


NO_SLOTS = cast("SlotReader", None)  # where every chunk comes along with its frame


def frames(task: ShareTask, *chunks: bytes) -> bytes:
    import msgspec

    header = msgspec.json.encode(task)
    content, line, offset = FRAME.pack(Frame.BEGIN, 0, 0, len(header)) + header, 1, 0
    for chunk in chunks:
        content += FRAME.pack(Frame.LONG_CHUNK, line, offset, len(chunk)) + chunk
        line, offset = line + chunk.count(b"\n"), offset + len(chunk)
    return content + FRAME.pack(Frame.END, 0, 0, 0)


def test_what_a_worker_says(tmp_path: Path) -> None:
    import msgspec

    answers = Answers()
    task = ShareTask("k", str(tmp_path), 4, "parquet", (FilterRule("comment", "#"),))
    tracking_worker.serve(io.BytesIO(frames(task, log(20), log(15)) + frames(task)), answers, NO_SLOTS)
    first, second = answers.getvalue().splitlines()
    part = tmp_path / "4.parquet"
    assert msgspec.json.decode(first) == {
        "part": {"path": str(part), "rows": 30, "sha256": hashlib.sha256(part.read_bytes()).hexdigest()},
        "quarantine": str(tmp_path / "4.quarantine.jsonl"),
        "blank": 0,
        "filtered": {},
        "refused": {"not_json": 2, "bad_time": 2, "invalid_utf8": 1},
    }
    assert msgspec.json.decode(second)["part"] is None


@pytest.mark.parametrize("content", [b"", b"\x01", FRAME.pack(Frame.LONG_CHUNK, 1, 0, 10) + b"half"])
def test_a_worker_whose_engine_is_gone_ends(content: bytes) -> None:
    answers = Answers()
    tracking_worker.serve(io.BytesIO(content), answers, NO_SLOTS)
    assert answers.getvalue() == b""


# Conservation.


def lose_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    add = ParquetPart.add

    def all_but_one(part: ParquetPart, batch: pa.RecordBatch) -> None:
        add(part, batch.slice(1))

    monkeypatch.setattr(ParquetPart, "add", all_but_one)


def test_a_row_lost_on_its_way_out_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lose_a_row(monkeypatch)
    with pytest.raises(RowsUnaccounted, match=r"Reading k: 100 lines went in, 99 came out"):
        read(log(100), tmp_path)


def test_a_row_lost_below_the_writer_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_table = pa.parquet.ParquetWriter.write_table
    monkeypatch.setattr(
        pa.parquet.ParquetWriter, "write_table", lambda writer, table: write_table(writer, table.slice(1))
    )
    with pytest.raises(RowsUnaccounted):
        read(log(100), tmp_path)


def test_a_refused_line_lost_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking_engine, "_rows_of", lambda path: iter(()))
    with pytest.raises(RowsUnaccounted):
        read(log(100), tmp_path)


def test_a_chunk_lost_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_pieces: Callable[..., None]
) -> None:
    small_pieces(100, 300)
    add, seen = tracking_worker.Share.add, []

    def all_but_the_third(share: tracking_worker.Share, chunk: lines.Chunk) -> None:
        seen.append(chunk)
        if len(seen) != 3:
            add(share, chunk)

    monkeypatch.setattr(tracking_worker.Share, "add", all_but_the_third)
    with pytest.raises(RowsUnaccounted):
        read(log(100), tmp_path)


def test_quarantine_is_for_its_owner_and_holds_every_byte(tmp_path: Path) -> None:
    report = read(b"\xff\x00{}\r\n" + log(5), tmp_path)
    assert report.quarantine
    assert report.quarantine.stat().st_mode & 0o777 == 0o600
    first = report.quarantine.read_bytes().splitlines()[0]
    assert base64.b64encode(b"\xff\x00{}\r") in first
    assert refused_of(report)[0] == QuarantinedRow("k", 1, 0, "invalid_utf8", "1", b"\xff\x00{}\r", 5)


def test_options_that_change_the_output_change_its_version() -> None:
    options = [
        ReadOptions(),
        ReadOptions("jsonl.gz"),
        ReadOptions(filters=()),
        ReadOptions(filters=(FilterRule("other", "#"),)),
        ReadOptions(max_line_bytes=1 << 20),
    ]
    assert len({str(option.for_version()) for option in options}) == len(options)
