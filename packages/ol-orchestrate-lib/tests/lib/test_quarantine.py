"""Quarantine files: written for their owner only, read back whole, found, described and expired."""

import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ol_orchestrate.lib.errors import MalformedInput, SourceRejected
from ol_orchestrate.lib.landing import LandingZone
from ol_orchestrate.lib.quarantine import (
    QuarantineDescriptor,
    QuarantinedRow,
    QuarantineFile,
    directories,
    expire,
    files,
    read_descriptor,
    read_rows,
    write_descriptor,
)

DESCRIPTOR = QuarantineDescriptor("tracking_logs", "parquet", "../landing", "valid/2026-03-02")


def row(number=1, content=b"bad"):
    return QuarantinedRow("logs/a.log", number, 10 * number, "not_json", "1", content, len(content))


def written(path, *rows):
    file = QuarantineFile(path)
    for item in rows:
        file.add(item)
    file.close()
    return path


ROWS = st.builds(
    QuarantinedRow,
    source=st.text(st.characters(codec="utf-8")),
    line_number=st.integers(1, 1 << 53),
    byte_offset=st.integers(0, 1 << 53),
    reason=st.text(st.characters(codec="utf-8")),
    parser_version=st.text(st.characters(codec="utf-8")),
    bytes=st.binary(),
    length_bytes=st.integers(0, 1 << 53),
)


@given(st.lists(ROWS, min_size=1, max_size=5))
def test_what_is_written_is_read_back(tmp_path_factory, rows):
    path = written(tmp_path_factory.mktemp("quarantine") / "a", *rows)

    with path.open("rb") as lines:
        assert list(read_rows(lines, "a")) == rows


def test_any_bytes_are_one_line_of_text(tmp_path):
    path = written(tmp_path / "a", row(content=b"\x00\xff\n\r\n\xe2\x80\xa8"))

    assert path.read_bytes().count(b"\n") == 1
    assert path.read_text(encoding="ascii")


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_its_owner_only(tmp_path, umask):
    before = os.umask(umask)
    try:
        path = written(tmp_path / "below" / "a", row())
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_row_no_file(tmp_path):
    file = QuarantineFile(tmp_path / "a")
    file.close()

    assert file.count == 0
    assert not list(tmp_path.iterdir())


def test_an_older_file_of_that_name_is_replaced(tmp_path):
    written(tmp_path / "a", row(1), row(2))
    written(tmp_path / "a", row(3))

    assert [item.line_number for item in read_rows((tmp_path / "a").read_bytes().splitlines(), "a")] == [3]


@pytest.mark.parametrize("line", [b"", b"{}", b"null", b'{"source": "a"}', b"\xff", b'{"source": 1}'])
def test_a_line_that_is_no_row_is_named(tmp_path, line):
    content = written(tmp_path / "a", row()).read_bytes() + line + b"\n"

    with pytest.raises(MalformedInput, match=r"here/a: line 2 is not a quarantined row") as caught:
        list(read_rows(content.splitlines(), "here/a"))
    assert (caught.value.position, caught.value.reason) == ("line 2", "bad_quarantine")


class TestDescriptor:
    @pytest.mark.parametrize("directory", ["", "tracking_logs/mitx/2026-03-02"])
    def test_is_read_back(self, landing_root, directory):
        zone = LandingZone(landing_root)
        write_descriptor(zone, directory, DESCRIPTOR)

        assert read_descriptor(zone.path(directory)) == DESCRIPTOR

    def test_the_same_again_writes_nothing(self, tmp_path):
        zone = LandingZone(tmp_path)
        write_descriptor(zone, "", DESCRIPTOR)
        before = (tmp_path / "quarantine.json").stat().st_ino
        write_descriptor(zone, "", DESCRIPTOR)
        assert (tmp_path / "quarantine.json").stat().st_ino == before

        write_descriptor(zone, "", QuarantineDescriptor("tracking_logs", "jsonl.gz", "..", ""))
        assert read_descriptor(tmp_path).output_format == "jsonl.gz"
        assert [path.name for path in tmp_path.iterdir()] == ["quarantine.json"]

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"reader": "tracking_logs"}'])
    def test_another_content_says_what_to_do(self, tmp_path, content):
        (tmp_path / "quarantine.json").write_bytes(content)

        with pytest.raises(MalformedInput, match=r"quarantine\.json: it does not describe .* Normalize the same logs"):
            read_descriptor(tmp_path)


class TestFinding:
    @pytest.fixture
    def zone(self, landing_root, tmp_path):
        zone = LandingZone(landing_root)
        for key in ("b/y.log", "b/host/x.log", "a/x.log", ".scratch/ol-scratch-1/x"):
            zone.publish(written(tmp_path / "row", row()), f"{key}.quarantine.jsonl")
        zone.publish(written(tmp_path / "row", row()), "a/x.log.jsonl")
        for directory in ("b", "a", "a/deeper"):
            write_descriptor(zone, directory, DESCRIPTOR)
        return zone

    def keys(self, zone, paths):
        return [str(path.relative_to(zone.root)) for path in paths]

    def test_files_sorted_and_nothing_of_killed_runs(self, zone):
        assert self.keys(zone, files(zone.root)) == [
            "a/x.log.quarantine.jsonl",
            "b/host/x.log.quarantine.jsonl",
            "b/y.log.quarantine.jsonl",
        ]
        assert self.keys(zone, files(zone.path("a"))) == ["a/x.log.quarantine.jsonl"]

    def test_directories_sorted(self, zone):
        assert sorted(self.keys(zone, directories(zone.root))) == ["a", "a/deeper", "b"]
        assert self.keys(zone, directories(zone.path("b"))) == ["b"]

    def test_a_file_is_its_own_answer(self, tmp_path):
        path = LandingZone(written(tmp_path / "x.quarantine.jsonl", row())).root

        assert files(path) == [path]

    def test_nothing_where_there_is_nothing(self, landing_root):
        root = LandingZone(landing_root).path("nothing/here")

        assert files(root) == directories(root) == []

    def test_a_bucket_that_is_not_there(self, s3_environ):
        with pytest.raises(SourceRejected, match="s3://no-such-bucket"):
            files(LandingZone("s3://no-such-bucket/quarantine").root)


class TestExpire:
    def at(self, tmp_path, name, seconds):
        path = written(tmp_path / name, row())
        os.utime(path, (seconds, seconds))
        return path

    def test_the_older_ones_go(self, tmp_path):
        old = self.at(tmp_path, "a/old.quarantine.jsonl", 100)
        young = self.at(tmp_path, "young.quarantine.jsonl", 200)
        self.at(tmp_path, "other.jsonl", 100)
        write_descriptor(LandingZone(tmp_path), "a", DESCRIPTOR)

        gone = expire(LandingZone(tmp_path).root, older_than_s=150, now_s=300)

        assert [path.name for path in gone] == [old.name]
        assert not old.exists()
        assert young.exists()
        assert (tmp_path / "other.jsonl").exists()
        assert read_descriptor(tmp_path / "a") == DESCRIPTOR

    def test_as_old_as_the_limit_is_not_older(self, tmp_path):
        self.at(tmp_path, "a.quarantine.jsonl", 100)

        assert expire(LandingZone(tmp_path).root, older_than_s=200, now_s=300) == []
        assert len(expire(LandingZone(tmp_path).root, older_than_s=200, now_s=300.5)) == 1

    def test_in_an_object_store(self, s3_bucket, tmp_path):
        zone = LandingZone(f"s3://{s3_bucket}")
        zone.publish(written(tmp_path / "row", row()), "a/x.quarantine.jsonl")
        changed_at = zone.path("a/x.quarantine.jsonl").stat().st_mtime

        assert expire(zone.root, older_than_s=10, now_s=changed_at + 5) == []
        assert len(expire(zone.root, older_than_s=10, now_s=changed_at + 15)) == 1
        assert files(zone.root) == []
