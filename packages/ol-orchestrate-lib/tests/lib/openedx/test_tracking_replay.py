"""A parser that has learned: its quarantined lines land once, however the replay is interrupted."""

import json
import os
import stat
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ol_orchestrate.lib.conservation import RowsUnaccounted
from ol_orchestrate.lib.errors import MalformedInput
from ol_orchestrate.lib.landing import LandingZone
from ol_orchestrate.lib.openedx import tracking_landing, tracking_replay
from ol_orchestrate.lib.openedx.tracking import COMMENTS, FilterRule, read_time
from ol_orchestrate.lib.openedx.tracking_chunks import ChunkReader
from ol_orchestrate.lib.openedx.tracking_engine import ReadOptions, TrackingLogReader
from ol_orchestrate.lib.openedx.tracking_landing import LogDirectory, LogFile
from ol_orchestrate.lib.openedx.tracking_replay import ReplayOutcome, log_directory, replay
from ol_orchestrate.lib.quarantine import QuarantineDescriptor, read_descriptor, read_rows

DAY = "2026-03-02"
SLASHED = b'{"time": "2026/03/02 10:00:00", "username": "%d"}'
GOOD = b'{"time": "2026-03-02 10:00:00", "username": "%d"}'
LINES = [GOOD % 1, SLASHED % 2, b"", b"not json", SLASHED % 5, b"# comment", GOOD % 7, SLASHED % 8]
"""The number in a line is its own; 2, 5 and 8 read when a parser knows slashes."""


class Killed(BaseException):
    """The process ends here."""


def killed(*arguments, **options):
    raise Killed


class Logs:
    """A normalized day, its quarantine, and a parser that can learn."""

    options = ReadOptions()

    def __init__(self, folder, monkeypatch, landing=None, quarantine=None):
        self.folder = folder
        self.monkeypatch = monkeypatch
        self.zone = LandingZone(landing or folder / "sources" / "bucket")
        self.quarantine = LandingZone(quarantine or folder / "quarantine")
        self.directory = LogDirectory(self.zone, f"logs/valid/{DAY}", self.quarantine, f"tracking_logs/mitx/{DAY}")

    def file(self, name="host/a.log", lines=LINES):
        path = self.folder / "raw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        return LogFile(f"logs/{name}", name, path)

    def normalize(self, *files):
        with TrackingLogReader(self.options) as reader:
            return [outcome.written for outcome in self.directory.normalize(files or [self.file()], reader)]

    def learn(self, separator="/"):
        """The parser reads dates with another separator from now on."""

        def learned(value):
            return read_time(value.replace(separator, "-") if isinstance(value, str) else value)

        for module in ("tracking", "tracking_chunks"):
            self.monkeypatch.setattr(f"ol_orchestrate.lib.openedx.{module}.read_time", learned)

    def replay(self):
        folder = self.quarantine.path(f"tracking_logs/mitx/{DAY}")
        descriptor = read_descriptor(folder)
        return list(replay(log_directory(LandingZone(str(folder)), descriptor), self.options))

    def kill_in(self, owner, name):
        """The next call of a function ends the process."""
        with self.monkeypatch.context() as patch:
            patch.setattr(owner, name, killed)
            with pytest.raises(Killed):
                self.replay()

    def rows(self):
        """Line number and username of every event that the manifest names."""
        manifest = self.zone.read_manifest(self.directory.directory)
        rows = []
        for item in manifest.objects:
            with self.zone.path(self.directory.at(item.key)).open("rb") as stream:
                part = pq.read_table(stream).to_pylist()
            assert len(part) == item.rows
            rows.extend((row["line_number"], row["username"]) for row in part)
        return sorted(rows)

    def waiting(self, name="host/a.log"):
        path = self.quarantine.path(f"tracking_logs/mitx/{DAY}/{name}.quarantine.jsonl")
        return [row.line_number for row in read_rows(path.read_bytes().splitlines(), "")] if path.is_file() else []

    def conserved(self, name="host/a.log"):
        counts = self.directory.states()[f"logs/{name}"].counts
        assert counts.accounted == counts.lines
        assert counts.accepted == len(self.rows())
        assert counts.quarantined == sum(counts.reasons.values()) == len(self.waiting(name))
        return counts


@pytest.fixture
def logs(tmp_path, monkeypatch):
    return Logs(tmp_path, monkeypatch)


ALL_READABLE = [(1, "1"), (2, "2"), (5, "5"), (7, "7"), (8, "8")]


def test_before_the_parser_has_learned_nothing_changes(logs):
    logs.normalize()
    before = logs.zone.read_manifest(logs.directory.directory)

    assert logs.replay() == [ReplayOutcome("logs/host/a.log", landed=0, filtered=0, kept=4)]
    assert logs.zone.read_manifest(logs.directory.directory) == before
    assert logs.waiting() == [2, 4, 5, 8]
    logs.conserved()


def test_lines_that_read_now_land_once_and_leave_quarantine(logs):
    logs.normalize()
    assert logs.rows() == [(1, "1"), (7, "7")]
    logs.learn()

    assert logs.replay() == [ReplayOutcome("logs/host/a.log", landed=3, filtered=0, kept=1)]
    assert logs.rows() == ALL_READABLE
    assert logs.waiting() == [4]
    counts = logs.conserved()
    assert (counts.accepted, counts.quarantined, counts.blank) == (5, 1, 1)
    assert (counts.reasons, counts.filtered) == ({"not_json": 1}, {"comment": 1})


def test_a_second_replay_does_nothing(logs, tmp_path):
    logs.normalize()
    logs.learn()
    logs.replay()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    assert logs.replay() == [ReplayOutcome("logs/host/a.log", landed=0, filtered=0, kept=1)]
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before


def test_the_last_line_takes_the_quarantine_file_with_it(logs):
    logs.normalize(logs.file(lines=[GOOD % 1, SLASHED % 2]))
    logs.learn()
    logs.replay()

    assert logs.rows() == [(1, "1"), (2, "2")]
    assert not list((logs.folder / "quarantine").rglob("*.quarantine.jsonl"))
    assert logs.replay() == []


@pytest.mark.parametrize(
    ("owner", "step"),
    [
        (LogDirectory, "publish"),
        (LogDirectory, "record"),
        (tracking_replay._Replay, "_rewrite_quarantine"),
        (LandingZone, "write_manifest"),
    ],
)
def test_killed_and_replayed_again_they_still_land_once(logs, owner, step):
    logs.normalize()
    logs.learn()
    logs.kill_in(owner, step)
    assert logs.waiting() == [2, 4, 5, 8]

    logs.replay()

    assert logs.rows() == ALL_READABLE
    assert logs.waiting() == [4]
    logs.conserved()


def test_killed_before_the_quarantine_was_rewritten_the_rest_is_not_counted_twice(logs):
    logs.normalize(logs.file(lines=[*LINES, b'{"time": "2026|03|02"}']))
    logs.learn()
    logs.kill_in(tracking_replay._Replay, "_rewrite_quarantine")
    logs.learn("|")

    assert logs.replay() == [ReplayOutcome("logs/host/a.log", landed=1, filtered=0, kept=1)]
    assert logs.rows() == [*ALL_READABLE, (9, None)]
    logs.conserved()


def test_a_parser_learns_twice(logs):
    logs.normalize(logs.file(lines=[*LINES, b'{"time": "2026|03|02"}']))
    logs.learn()
    logs.replay()
    logs.learn("|")
    logs.replay()

    assert logs.rows() == [*ALL_READABLE, (9, None)]
    assert logs.waiting() == [4]
    logs.conserved()


def test_the_log_read_again_as_a_whole_replaces_replayed_parts(logs):
    logs.normalize()
    logs.learn()
    logs.replay()
    assert logs.normalize() == [False], "replayed lines do not make a log unknown"
    logs.monkeypatch.setattr(tracking_landing, "PARSER_VERSION", "next")

    assert logs.normalize() == [True]
    assert logs.rows() == ALL_READABLE
    assert not [path for path in logs.folder.rglob("*.parquet") if ".replay-" in path.name]
    assert logs.waiting() == [4]
    logs.conserved()
    assert logs.replay() == [ReplayOutcome("logs/host/a.log", landed=0, filtered=0, kept=1)]


def test_a_changed_log_replaces_replayed_parts_too(logs):
    logs.normalize()
    logs.learn()
    logs.replay()
    logs.normalize(logs.file(lines=[SLASHED % 1, b"bad"]))

    assert logs.rows() == [(1, "1")]
    assert logs.waiting() == [2]
    logs.conserved()


def test_a_replayed_part_that_was_removed_is_read_from_the_log_again(logs):
    logs.normalize()
    logs.learn()
    logs.replay()
    next(logs.folder.rglob("*.replay-*")).unlink()

    assert logs.normalize() == [True]
    assert logs.rows() == ALL_READABLE
    logs.conserved()


def test_a_line_that_a_rule_sets_aside_now_is_filtered(logs):
    logs.normalize()
    logs.options = ReadOptions(filters=(COMMENTS, FilterRule("junk", "not")))
    logs.learn()

    assert logs.replay() == [ReplayOutcome("logs/host/a.log", landed=3, filtered=1, kept=0)]
    assert logs.conserved().filtered == {"comment": 1, "junk": 1}


def test_a_filtered_line_is_not_counted_again_after_a_kill(logs):
    logs.normalize()
    logs.options = ReadOptions(filters=(COMMENTS, FilterRule("junk", "not")))
    logs.kill_in(tracking_replay._Replay, "_rewrite_quarantine")

    assert logs.replay() == [ReplayOutcome("logs/host/a.log", landed=0, filtered=0, kept=3)]
    assert logs.conserved().filtered == {"comment": 1, "junk": 1}


def test_what_is_kept_says_why_it_is_kept_now(logs):
    logs.normalize(logs.file(lines=[SLASHED % 1]))
    (path,) = (logs.folder / "quarantine").rglob("*.quarantine.jsonl")
    path.write_bytes(path.read_bytes().replace(b"bad_time", b"reason_of_old"))
    logs.monkeypatch.setattr(tracking_replay, "PARSER_VERSION", "next")

    logs.replay()

    kept = json.loads(path.read_bytes())
    assert (kept["reason"], kept["parser_version"], kept["line_number"]) == ("bad_time", "next", 1)
    assert logs.conserved().reasons == {"bad_time": 1}


def test_a_row_longer_than_what_was_kept_of_it_stays(logs):
    long_line = b'{"time": "2026-03-02 10:00:00", "event": "' + b"x" * (3 << 20) + b'"}'
    logs.options = ReadOptions(max_line_bytes=1 << 20)
    logs.normalize(logs.file(lines=[GOOD % 1, long_line, SLASHED % 3]))
    logs.learn()
    logs.options = ReadOptions()

    assert logs.replay() == [ReplayOutcome("logs/host/a.log", landed=1, filtered=0, kept=1)]
    (path,) = (logs.folder / "quarantine").rglob("*.quarantine.jsonl")
    (row,) = read_rows(path.read_bytes().splitlines(), "")
    assert (row.line_number, row.reason, row.length_bytes) == (2, "too_long", len(long_line))
    assert logs.conserved().reasons == {"too_long": 1}


def test_every_source_of_a_day(logs):
    logs.normalize(logs.file("a/x.log"), logs.file("b/x.log", [SLASHED % 1]), logs.file("c/x.log", [GOOD % 1]))
    logs.learn()

    assert [(outcome.source, outcome.landed) for outcome in logs.replay()] == [("logs/a/x.log", 3), ("logs/b/x.log", 1)]
    assert len(logs.rows()) == 7


def test_json_lines_as_well(logs):
    logs.options = ReadOptions(output_format="jsonl.gz")
    logs.normalize()
    logs.learn()
    logs.replay()

    manifest = logs.zone.read_manifest(logs.directory.directory)
    assert [(item.key.endswith(".jsonl.gz"), item.rows) for item in manifest.objects] == [(True, 2), (True, 3)]


@pytest.mark.parametrize("places", ["one disk", "another disk"])
def test_what_stays_is_readable_by_its_owner_only(logs, tmp_path, monkeypatch, places):
    if places == "another disk":
        elsewhere = Path("/dev/shm")  # noqa: S108 (a second file system, and one that is there)
        if not elsewhere.is_dir() or elsewhere.stat().st_dev == tmp_path.stat().st_dev:
            pytest.skip("no second file system at /dev/shm")
        monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    logs.normalize()
    logs.learn()
    logs.replay()

    (path,) = (tmp_path / "quarantine").rglob("*.quarantine.jsonl")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_quarantine_behind_a_link(logs, tmp_path):
    (tmp_path / "large" / "disk").mkdir(parents=True)
    (tmp_path / "quarantine").symlink_to(tmp_path / "large" / "disk")
    logs.normalize()
    logs.learn()

    assert [outcome.landed for outcome in logs.replay()] == [3]
    assert logs.rows() == ALL_READABLE


def test_a_tree_that_was_moved(logs, tmp_path, monkeypatch):
    logs.normalize()
    logs.learn()
    (tmp_path / "moved").mkdir()
    for name in ("sources", "quarantine"):
        (tmp_path / name).rename(tmp_path / "moved" / name)
    moved = Logs(tmp_path / "moved", monkeypatch)

    assert [outcome.landed for outcome in moved.replay()] == [3]
    assert moved.rows() == ALL_READABLE


def test_an_object_store(tmp_path, monkeypatch, s3_bucket):
    logs = Logs(tmp_path, monkeypatch, f"s3://{s3_bucket}", f"s3://{s3_bucket}/quarantine")
    logs.normalize()
    logs.learn()

    assert [outcome.landed for outcome in logs.replay()] == [3]
    assert logs.rows() == ALL_READABLE
    assert logs.waiting() == [4]
    logs.conserved()


class TestRefuses:
    def test_a_quarantine_of_another_reader(self, tmp_path):
        descriptor = QuarantineDescriptor("canvas", "parquet", "../landing", "")

        with pytest.raises(MalformedInput, match="'canvas'"):
            log_directory(LandingZone(tmp_path), descriptor)

    def test_a_quarantine_whose_logs_are_gone(self, logs, tmp_path):
        logs.normalize()
        (tmp_path / "sources").rename(tmp_path / "elsewhere")

        with pytest.raises(MalformedInput, match="nothing was normalized"):
            logs.replay()
        assert not (tmp_path / "sources").exists()

    def test_a_source_the_manifest_does_not_know(self, logs):
        logs.normalize()
        path = next((logs.folder / "quarantine").rglob("*.quarantine.jsonl"))
        path.write_bytes(path.read_bytes().replace(b"logs/host/a.log", b"logs/host/b.log"))

        with pytest.raises(MalformedInput, match=r"does not know logs/host/b\.log"):
            logs.replay()

    @pytest.mark.parametrize("keep", [0, 2])
    def test_a_quarantine_that_lost_rows(self, logs, keep):
        logs.normalize()
        path = next((logs.folder / "quarantine").rglob("*.quarantine.jsonl"))
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:keep]))
        logs.learn()

        with pytest.raises(MalformedInput, match=r"manifest\.json") as caught:
            logs.replay()
        assert logs.rows() == [(1, "1"), (7, "7")]
        (logs.zone.path(f"logs/valid/{DAY}/manifest.json")).unlink()
        assert str(logs.zone.path(f"logs/valid/{DAY}/manifest.json")) in caught.value.message
        logs.normalize()
        assert logs.rows() == ALL_READABLE
        logs.conserved()

    def test_rows_of_a_newer_log_than_the_manifest_knows(self, logs):
        """A run was killed between quarantine and manifest; the next one puts it right."""
        logs.normalize()
        logs.learn()
        changed = logs.file(lines=[b"bad"])
        with logs.monkeypatch.context() as patch:
            patch.setattr(LogDirectory, "record", killed)
            with pytest.raises(Killed):
                logs.normalize(changed)

        with pytest.raises(MalformedInput, match="1 rows where the manifest counts 4"):
            logs.replay()
        logs.normalize(changed)
        assert logs.rows() == []
        logs.conserved()

    def test_a_damaged_row(self, logs):
        logs.normalize()
        path = next((logs.folder / "quarantine").rglob("*.quarantine.jsonl"))
        path.write_bytes(path.read_bytes() + b"{")

        with pytest.raises(MalformedInput, match="line 5 is not a quarantined row"):
            logs.replay()

    def test_to_lose_a_row(self, logs, monkeypatch):
        logs.normalize()
        logs.learn()
        read = ChunkReader.read

        def lossy(*arguments):
            batch, refused = read(*arguments)
            return batch.slice(1), refused

        with monkeypatch.context() as patch:
            patch.setattr(ChunkReader, "read", lossy)
            with pytest.raises(RowsUnaccounted):
                logs.replay()
        assert logs.rows() == [(1, "1"), (7, "7")]
        assert logs.waiting() == [2, 4, 5, 8]
        logs.replay()
        assert logs.rows() == ALL_READABLE


def test_a_replay_leaves_no_scratch_behind(logs, tmp_path):
    logs.normalize()
    logs.learn()
    logs.replay()

    assert not [name for _, folders, names in os.walk(tmp_path) for name in (*folders, *names) if "ol-scratch" in name]
