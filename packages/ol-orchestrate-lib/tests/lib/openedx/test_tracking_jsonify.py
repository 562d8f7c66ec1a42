"""Normalized files in, JSON lines out: the bytes are read back with the standard library."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ol_orchestrate.lib.conservation import RowsUnaccounted
from ol_orchestrate.lib.errors import UpstreamObjectMissing
from ol_orchestrate.lib.landing import LandingZone
from ol_orchestrate.lib.openedx import tracking_jsonify
from ol_orchestrate.lib.openedx.tracking_chunks import SCHEMA
from ol_orchestrate.lib.openedx.tracking_engine import ReadOptions, TrackingLogReader
from ol_orchestrate.lib.openedx.tracking_jsonify import jsonify
from ol_orchestrate.lib.openedx.tracking_landing import LogDirectory, LogFile

SOURCE, TARGET = "valid/2026-03-02", "jsonified/2026-03-02"


class Logs:
    """A bucket with the normalized logs of a day."""

    def __init__(self, folder):
        self.folder = folder
        self.zone = LandingZone(folder / "bucket")
        self.directory = LogDirectory(self.zone, SOURCE, LandingZone(folder / "quarantine"))

    def normalize(self, **files):
        with TrackingLogReader(ReadOptions()) as reader:
            list(self.directory.normalize([self.log(name, lines) for name, lines in files.items()], reader))

    def log(self, name, lines):
        path = self.folder / name
        path.write_bytes(b"\n".join(lines))
        return LogFile(f"logs/{name}", name, path)

    def jsonify(self):
        return [(item.key.partition(".")[0], written) for item, written in jsonify(self.zone, SOURCE, TARGET)]

    def text(self, name="a"):
        (path,) = (self.folder / "bucket" / TARGET).glob(f"{name}.*.jsonl.gz")
        return gzip.decompress(path.read_bytes())

    def records(self, name="a"):
        # By line ends alone, as readers of JSON lines do it; `splitlines` would know more of them.
        return [json.loads(line) for line in self.text(name).split(b"\n")[:-1]]

    def rows(self):
        parts = sorted((self.folder / "bucket" / SOURCE).glob("*.parquet"))
        return [row for part in parts for row in pq.read_table(part).to_pylist()]


@pytest.fixture
def logs(tmp_path):
    return Logs(tmp_path)


def event(**fields):
    return json.dumps({"event_type": "play", "time": "2026-03-02T10:00:00.000001Z"} | fields).encode()


def test_event_and_context_are_json_each_its_own(logs):
    logs.normalize(a=[event(event={"a": [1, "x"]}, context={"course_id": "c"}, shape=True)])
    logs.jsonify()

    (record,) = logs.records()
    assert (record["event"], record["context"], record["extra"]) == (
        {"a": [1, "x"]},
        {"course_id": "c"},
        {"shape": True},
    )


@pytest.mark.parametrize(
    ("given_event", "expected"),
    [
        ('{"answer": "a \\"quoted\\" \\\\ word"}', {"answer": 'a "quoted" \\ word'}),
        ('{\n  "indented": [\r\n    1\n  ]\n}', {"indented": [1]}),
        ('{"text": "two\\nlines"}', {"text": "two\nlines"}),
        ('"\u2028\u0085"', "\u2028\u0085"),
        ("input_1=a&input_2=b", "input_1=a&input_2=b"),
        ('{"cut": "at 51', '{"cut": "at 51'),
        ("", ""),
        ("12345678901234567890123", 12345678901234567890123),
        (None, None),
        ([1, None], [1, None]),
    ],
)
def test_any_payload_is_one_line_of_valid_json(logs, given_event, expected):
    logs.normalize(a=[event(event=given_event, context={}), event(event={"next": 1})])
    logs.jsonify()

    assert [record["event"] for record in logs.records()] == [expected, {"next": 1}]


def test_numbers_keep_their_digits(logs):
    logs.normalize(
        a=[b'{"time": 1772446000, "event": "{\\n\\"n\\": 1.50, \\"big\\": 123456789012345678901234567890}"}']
    )
    logs.jsonify()

    assert b'"event":{"n":1.50,"big":123456789012345678901234567890}' in logs.text()


@pytest.mark.parametrize(
    ("given_time", "expected"),
    [
        ("2026-03-02T10:00:00+02:00", "2026-03-02 08:00:00.000000"),
        (1772446000.25, "2026-03-02 10:06:40.250000"),
        ("0999-01-02T03:04:05Z", "0999-01-02 03:04:05.000000"),
    ],
)
def test_time_is_utc_with_microseconds(logs, given_time, expected):
    logs.normalize(a=[event(time=given_time)])
    logs.jsonify()

    assert logs.records()[0]["time"] == expected


PAYLOADS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(PAYLOADS, PAYLOADS, st.sampled_from([None, 2])), min_size=1, max_size=6))
def test_every_record_is_its_row(tmp_path_factory, payloads):
    logs = Logs(tmp_path_factory.mktemp("logs"))
    lines = [
        event(event=payload if indent is None else json.dumps(payload, indent=indent), context=context, odd=payload)
        for payload, context, indent in payloads
    ]
    logs.normalize(a=lines)
    logs.jsonify()

    rows, records = logs.rows(), logs.records() if logs.rows() else []
    assert len(rows) == len(records)
    for row, record in zip(rows, records, strict=True):
        assert list(record) == SCHEMA.names
        payload = {name: row[name] and json.loads(row[name]) for name in ("event", "context", "extra")}
        assert record == row | payload | {"time": "2026-03-02 10:00:00.000001"}


def test_the_second_time_nothing_is_written(logs):
    logs.normalize(a=[event()], b=[event()])
    assert logs.jsonify() == [("a", True), ("b", True)]
    before = {path: path.stat().st_mtime_ns for path in (logs.folder / "bucket" / TARGET).iterdir()}

    assert logs.jsonify() == [("a", False), ("b", False)]
    assert before == {path: path.stat().st_mtime_ns for path in (logs.folder / "bucket" / TARGET).iterdir()}


def test_a_changed_log_replaces_its_object_and_no_other(logs):
    logs.normalize(a=[event()], b=[event()])
    logs.jsonify()
    logs.normalize(a=[event(name="new")])

    assert logs.jsonify() == [("a", True), ("b", False)]
    assert [record["name"] for record in logs.records()] == ["new"]


def test_an_object_without_a_source_is_removed(logs):
    logs.normalize(a=[event()], b=[event()])
    logs.jsonify()
    logs.normalize(a=[b"nothing to accept any more"])

    assert logs.jsonify() == [("b", False)]
    assert [item.key[0] for item in logs.zone.read_manifest(TARGET).objects] == ["b"]
    assert len(list((logs.folder / "bucket" / TARGET).iterdir())) == 2


def test_an_object_that_was_removed_is_made_again(logs):
    logs.normalize(a=[event()], b=[event()])
    logs.jsonify()
    text = logs.text()
    next((logs.folder / "bucket" / TARGET).glob("a.*")).unlink()

    assert logs.jsonify() == [("a", True), ("b", False)]
    assert logs.text() == text


def test_a_new_writer_makes_all_of_it_again(logs, monkeypatch):
    logs.normalize(a=[event()])
    logs.jsonify()
    monkeypatch.setattr(tracking_jsonify, "WRITER_VERSION", "jsonify/next")

    assert logs.jsonify() == [("a", True)]


def test_a_killed_run_is_finished_by_the_next(logs, tmp_path):
    logs.normalize(a=[event()], b=[event()])
    assert next(jsonify(logs.zone, SOURCE, TARGET))[1]
    assert logs.zone.read_manifest(TARGET) is None

    logs.jsonify()

    (tmp_path / "fresh").mkdir()
    fresh = Logs(tmp_path / "fresh")
    fresh.normalize(a=[event()], b=[event()])
    fresh.jsonify()
    assert logs.zone.read_manifest(TARGET) == fresh.zone.read_manifest(TARGET)
    assert len(list((logs.folder / "bucket" / TARGET).iterdir())) == 3


def test_a_lost_row_stops_it(logs):
    logs.normalize(a=[event(), event()])
    (part,) = (logs.folder / "bucket" / SOURCE).glob("*.parquet")
    pq.write_table(pa.concat_tables([pq.read_table(part)] * 2), part)

    with pytest.raises(RowsUnaccounted, match="counts 2 rows, the object holds 4"):
        logs.jsonify()
    assert logs.zone.read_manifest(TARGET) is None


def test_a_missing_part_is_named(logs):
    logs.normalize(a=[event()])
    (part,) = (logs.folder / "bucket" / SOURCE).glob("*.parquet")
    part.unlink()

    with pytest.raises(UpstreamObjectMissing, match=part.name):
        logs.jsonify()


def test_nothing_normalized_leaves_nothing_behind(logs):
    assert logs.jsonify() == []
    assert not (logs.folder / "bucket").exists()


def test_many_rows_are_read_a_few_at_a_time(logs, monkeypatch):
    monkeypatch.setattr(tracking_jsonify, "_ROWS_AT_A_TIME", 7)
    logs.normalize(a=[event(name=str(number)) for number in range(50)])
    logs.jsonify()

    assert [record["name"] for record in logs.records()] == [str(number) for number in range(50)]
