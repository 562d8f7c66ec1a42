"""A landing directory: the same however often it is brought up to date, and whatever interrupts that."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from ol_orchestrate.lib.conservation import LineCounts, RowsUnaccounted
from ol_orchestrate.lib.errors import MalformedInput, StorageFull
from ol_orchestrate.lib.files import scratch_directory
from ol_orchestrate.lib.landing import LandingZone, Manifest
from ol_orchestrate.lib.locks import LOCK_NAME, FolderBusy, single_writer
from ol_orchestrate.lib.openedx import tracking_landing
from ol_orchestrate.lib.openedx.tracking import PARSER_VERSION
from ol_orchestrate.lib.openedx.tracking_engine import ReadOptions, TrackingLogReader
from ol_orchestrate.lib.openedx.tracking_landing import (
    FileOutcome,
    LogDirectory,
    LogFile,
    search,
    stem_of,
    total,
    version_of,
)
from ol_orchestrate.lib.openedx.tracking_parts import ParquetPart
from ol_orchestrate.lib.quarantine import read_rows

GOOD = b'{"time":"2014-05-15T13:00:21Z","username":"%s","event":{}}\n'


def log(*names: bytes, bad: int = 1) -> bytes:
    return b"".join(GOOD % name for name in names) + b"bad\n" * bad + b"# comment\n\n"


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Two hosts that use one name."""
    folder = tmp_path / "in"
    for host in ("a", "b"):
        path = folder / host / "tracking.log-20140515.gz"
        path.parent.mkdir(parents=True)
        path.write_bytes(gzip.compress(log(host.encode(), b"x"), mtime=0))
    return folder


@pytest.fixture
def directory(tmp_path: Path) -> LogDirectory:
    return LogDirectory(LandingZone(tmp_path / "out"), "valid/2014-05-15", LandingZone(tmp_path / "bad"), "site")


def run(directory: LogDirectory, sources: Path, options: ReadOptions | None = None) -> list[FileOutcome]:
    with TrackingLogReader(options or ReadOptions()) as reader:
        return list(directory.normalize(search(sources), reader))


def files_below(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Content and time of every file, the lock left out: it says who wrote last."""
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != LOCK_NAME
    }


def everything(tmp_path: Path) -> dict[str, tuple[bytes, int]]:
    return {f"{name}/{key}": file for name in ("out", "bad") for key, file in files_below(tmp_path / name).items()}


def rows(directory: LogDirectory) -> list[tuple[str, int, str]]:
    """What the manifest says is current."""
    manifest = directory.zone.read_manifest(directory.directory)
    assert manifest
    found = []
    for item in manifest.objects:
        with directory.zone.path(directory.at(item.key)).open("rb") as file:
            table = pq.read_table(file)
        assert item.rows == table.num_rows
        found += [(row["source_file"], row["line_number"], row["username"]) for row in table.to_pylist()]
    return sorted(found)


EXPECTED = [
    (f"{host}/tracking.log-20140515.gz", number, name) for host in ("a", "b") for number, name in ((1, host), (2, "x"))
]


def test_every_store_gets_the_same(landing_root: str, sources: Path) -> None:
    directory = LogDirectory(LandingZone(landing_root), "valid/d", LandingZone(landing_root), "quarantine/site")
    first = run(directory, sources)
    assert [outcome.written for outcome in first] == [True, True]
    assert rows(directory) == EXPECTED
    for outcome in first:
        path = directory.quarantine.path(directory.quarantine_key(outcome.file.stem))
        with path.open("rb") as lines:
            assert [(row.source, row.line_number, row.bytes) for row in read_rows(lines, "k")] == [
                (outcome.file.key, 3, b"bad")
            ]
    second = run(directory, sources)
    assert [outcome.written for outcome in second] == [False, False]
    assert total(second) == total(first) == LineCounts(10, 2, 4, 2, {"comment": 2}, {"not_json": 2})
    (sources / "a" / "tracking.log-20140515.gz").write_bytes(log(b"new", bad=0))
    assert [outcome.written for outcome in run(directory, sources)] == [True, False]
    assert rows(directory) == [("a/tracking.log-20140515.gz", 1, "new"), *EXPECTED[2:]]
    assert not directory.quarantine.exists("quarantine/site/a/tracking.log-20140515.quarantine.jsonl")


def test_the_layout_by_heart(tmp_path: Path, directory: LogDirectory, sources: Path) -> None:
    run(directory, sources)
    content = gzip.compress(log(b"a", b"x"), mtime=0)
    import hashlib

    version = version_of(hashlib.sha256(content).hexdigest(), ReadOptions())
    assert f"out/valid/2014-05-15/a/tracking.log-20140515.{version[:12]}.0.parquet" in everything(tmp_path)
    keys = [key.replace(version[:12], "V") for key in everything(tmp_path) if "/b/" not in key]
    assert keys == [
        "out/valid/2014-05-15/a/tracking.log-20140515.V.0.parquet",
        "out/valid/2014-05-15/manifest.json",
        "bad/site/a/tracking.log-20140515.quarantine.jsonl",
        "bad/site/quarantine.json",
    ]
    manifest = directory.zone.read_manifest("valid/2014-05-15")
    assert manifest
    (part, _) = manifest.objects
    assert part.metadata == {"source_file": "a/tracking.log-20140515.gz", "part": 0}
    assert (part.version, part.rows) == (version, 2)
    files: Any = manifest.notes["files"]
    assert files["a/tracking.log-20140515.gz"] == {
        "version": version,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes_in": len(content),
        "lines": 5,
        "blank": 1,
        "accepted": 2,
        "quarantined": 1,
        "filtered": {"comment": 1},
        "reasons": {"not_json": 1},
        "damage": "",
        "replayed_lines": [],
    }
    assert (tmp_path / "bad/site/a/tracking.log-20140515.quarantine.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_second_run_writes_nothing(tmp_path: Path, directory: LogDirectory, sources: Path) -> None:
    first = run(directory, sources)
    before = everything(tmp_path)
    second = run(directory, sources)
    assert everything(tmp_path) == before
    assert [(outcome.file, outcome.state) for outcome in second] == [(outcome.file, outcome.state) for outcome in first]


def test_a_changed_input_replaces_its_own_parts_only(tmp_path: Path, directory: LogDirectory, sources: Path) -> None:
    run(directory, sources)
    before = everything(tmp_path)
    path = sources / "b" / "tracking.log-20140515.gz"
    size = path.stat().st_size
    path.write_bytes(gzip.compress(log(b"c", b"x"), mtime=0))
    assert path.stat().st_size == size, "the change must not be told by the size"
    run(directory, sources)
    after = everything(tmp_path)
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    assert {key.rpartition(".")[2] for key in changed} == {"parquet", "json"}
    assert all("/b/" in key or key.endswith("manifest.json") for key in changed)
    assert len([key for key in after if "/b/" in key and key.endswith(".parquet")]) == 1
    assert rows(directory)[2:] == [("b/tracking.log-20140515.gz", 1, "c"), ("b/tracking.log-20140515.gz", 2, "x")]


@pytest.mark.parametrize("kind", [".parquet", ".quarantine.jsonl", "manifest.json"])
def test_a_deleted_output_is_made_again(tmp_path: Path, directory: LogDirectory, sources: Path, kind: str) -> None:
    run(directory, sources)
    before = {key: content for key, (content, _) in everything(tmp_path).items()}
    gone = next(path for path in sorted(tmp_path.rglob(f"*{kind}")))
    gone.unlink()
    outcomes = run(directory, sources)
    assert {key: content for key, (content, _) in everything(tmp_path).items()} == before
    assert [outcome.written for outcome in outcomes] == [True, kind == "manifest.json"]


@pytest.mark.parametrize("change", ["format", "filters", "parser"])
def test_another_way_of_reading_rewrites(
    tmp_path: Path, directory: LogDirectory, sources: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(directory, sources)
    options = {"format": ReadOptions("jsonl.gz"), "filters": ReadOptions(filters=()), "parser": ReadOptions()}[change]
    if change == "parser":
        monkeypatch.setattr(tracking_landing, "PARSER_VERSION", f"{PARSER_VERSION}-next")
    assert [outcome.written for outcome in run(directory, sources, options)] == [True, True]
    parts = [key for key in everything(tmp_path) if ".0." in key]
    assert len(parts) == 2
    assert all(key.endswith(".jsonl.gz") for key in parts) == (change == "format")
    assert [outcome.written for outcome in run(directory, sources, options)] == [False, False]


def test_a_file_that_is_gone_keeps_its_rows(directory: LogDirectory, sources: Path) -> None:
    run(directory, sources)
    (sources / "a" / "tracking.log-20140515.gz").unlink()
    run(directory, sources)
    assert rows(directory) == EXPECTED


def test_a_file_without_events_has_a_state_and_no_part(tmp_path: Path, directory: LogDirectory, sources: Path) -> None:
    (sources / "a" / "tracking.log-20140515.gz").write_bytes(b"")
    (sources / "b" / "tracking.log-20140515.gz").unlink()
    (outcome,) = run(directory, sources)
    assert (outcome.state.lines, outcome.state.accepted) == (0, 0)
    assert [key for key in everything(tmp_path) if "tracking" in key] == []
    assert [outcome.written for outcome in run(directory, sources)] == [False]


def test_a_damaged_file_is_remembered_as_such(directory: LogDirectory, sources: Path) -> None:
    path = sources / "a" / "tracking.log-20140515.gz"
    path.write_bytes(gzip.compress(log(*[b"name"] * 500))[:-9])
    first, _ = run(directory, sources)
    assert "the gzip data are damaged" in first.state.damage
    assert first.state.accepted == 500
    again, _ = run(directory, sources)
    assert (again.written, again.state) == (False, first.state)


# Faults.


class Killed(BaseException):
    """What a kill looks like from inside: nothing after it runs."""


@pytest.mark.parametrize("step", ["_publish_part", "_publish_quarantine", "record"])
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_a_run_stopped_anywhere_is_finished_by_the_next(
    tmp_path: Path, directory: LogDirectory, sources: Path, step: str, *, before: bool
) -> None:
    run(directory, sources)
    changed = sources / "a" / "tracking.log-20140515.gz"
    changed.write_bytes(gzip.compress(log(b"new", b"x", b"y"), mtime=0))
    original = getattr(LogDirectory, step)

    def stopped(*arguments: Any, **options: Any) -> None:
        if not before:
            original(*arguments, **options)
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LogDirectory, step, stopped)
        with pytest.raises(Killed):
            run(directory, sources)
    run(directory, sources)
    expected = [("a/tracking.log-20140515.gz", number, name) for number, name in ((1, "new"), (2, "x"), (3, "y"))]
    assert rows(directory) == [*expected, *EXPECTED[2:]]
    manifest = directory.zone.read_manifest(directory.directory)
    assert manifest
    parts = [key for key in files_below(tmp_path / "out" / directory.directory) if key.endswith(".parquet")]
    assert parts == [item.key for item in manifest.objects]


KILL_BEFORE_THE_MANIFEST = """
import os, signal, sys
from pathlib import Path
from ol_orchestrate.lib.files import scratch_directory
from ol_orchestrate.lib.landing import LandingZone
from ol_orchestrate.lib.openedx.tracking_engine import ReadOptions, TrackingLogReader
from ol_orchestrate.lib.openedx.tracking_landing import LogDirectory, search
sources, out, bad = map(Path, sys.argv[1:])
LogDirectory.record = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
directory = LogDirectory(LandingZone(out), "valid/2014-05-15", LandingZone(bad), "site")
with TrackingLogReader(ReadOptions()) as reader:
    list(directory.normalize(search(sources), reader))
"""


def test_a_killed_process_leaves_nothing_that_counts(tmp_path: Path, directory: LogDirectory, sources: Path) -> None:
    folders = [str(folder) for folder in (sources, tmp_path / "out", tmp_path / "bad")]
    killed = subprocess.run([sys.executable, "-c", KILL_BEFORE_THE_MANIFEST, *folders], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert directory.zone.read_manifest(directory.directory) is None
    assert [path.name for path in (tmp_path / "out").rglob("*.parquet")]
    assert [outcome.written for outcome in run(directory, sources)] == [True, True]
    assert rows(directory) == EXPECTED


def test_parts_of_a_killed_run_do_not_outlive_a_changed_input(
    tmp_path: Path, directory: LogDirectory, sources: Path
) -> None:
    folders = [str(folder) for folder in (sources, tmp_path / "out", tmp_path / "bad")]
    subprocess.run([sys.executable, "-c", KILL_BEFORE_THE_MANIFEST, *folders], check=False)
    orphans = list((tmp_path / "out").rglob("*.parquet"))
    for path in sources.rglob("*.gz"):
        path.write_bytes(gzip.compress(log(b"new"), mtime=0))
    run(directory, sources)
    assert orphans
    assert not [path for path in orphans if path.exists()]
    assert [name for _, _, name in rows(directory)] == ["new", "new"]


def test_what_a_killed_run_left_in_scratch_goes_after_a_day(
    tmp_path: Path, directory: LogDirectory, sources: Path
) -> None:
    scratch = tmp_path / "out" / ".scratch"
    for name, age_s in (("ol-scratch-old", 90_000), ("ol-scratch-new", 60)):
        (scratch / name).mkdir(parents=True)
        os.utime(scratch / name, (time.time() - age_s,) * 2)
    run(directory, sources)
    assert [path.name for path in scratch.iterdir()] == ["ol-scratch-new"]


def test_two_runs_at_once(tmp_path: Path, directory: LogDirectory, sources: Path) -> None:
    with (
        single_writer(tmp_path / "out" / directory.directory),
        pytest.raises(FolderBusy, match=f"process {os.getpid()} is doing that already"),
    ):
        run(directory, sources)
    assert directory.zone.read_manifest(directory.directory) is None
    other = LogDirectory(directory.zone, "valid/2014-05-16", directory.quarantine, "other")
    with single_writer(tmp_path / "out" / directory.directory):
        run(other, sources)


def test_a_lost_row_publishes_nothing_of_its_file(
    tmp_path: Path, directory: LogDirectory, sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = ParquetPart.add
    monkeypatch.setattr(ParquetPart, "add", lambda part, batch: add(part, batch.slice(1)))
    with pytest.raises(RowsUnaccounted):
        run(directory, sources)
    assert not [key for key in everything(tmp_path) if "tracking" in key or "manifest" in key]
    monkeypatch.undo()
    run(directory, sources)
    assert rows(directory) == EXPECTED


def test_a_full_disk_says_so_and_the_next_run_converges(
    tmp_path: Path, directory: LogDirectory, sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = Path.replace

    def full(path: Path, target: Path) -> Path:
        if path.suffix == ".parquet":
            raise OSError(28, "No space left on device")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StorageFull, match="No room left for .*tracking.log-20140515"):  # noqa: RUF043
        run(directory, sources)
    assert directory.zone.read_manifest(directory.directory) is None
    monkeypatch.undo()
    run(directory, sources)
    assert rows(directory) == EXPECTED


@pytest.mark.parametrize("name", ["0.parquet", "0.quarantine.jsonl", "all.quarantine.jsonl"])
def test_a_disk_that_fills_up_while_reading_says_so(
    directory: LogDirectory, sources: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def scratch_on_a_full_disk(parent: Path | None) -> Iterator[Path]:
        with scratch_directory(parent) as scratch:
            (scratch / name).symlink_to("/dev/full")
            yield scratch

    monkeypatch.setattr(tracking_landing, "scratch_directory", scratch_on_a_full_disk)
    with pytest.raises(StorageFull, match="Free some space"):
        run(directory, sources)
    monkeypatch.undo()
    run(directory, sources)
    assert rows(directory) == EXPECTED


def test_files_before_a_failing_one_are_finished(directory: LogDirectory, sources: Path) -> None:
    (sources / "b" / "tracking.log-20140515.gz").unlink()
    missing = LogFile("b/gone.log", "b/gone.log", sources / "gone.log")
    done = []
    with TrackingLogReader(ReadOptions()) as reader, pytest.raises(FileNotFoundError):
        done.extend(directory.normalize([*search(sources), missing], reader))
    assert rows(directory) == EXPECTED[:2]


def test_the_scratch_is_gone_afterwards(tmp_path: Path, directory: LogDirectory, sources: Path) -> None:
    run(directory, sources)
    assert list((tmp_path / "out" / ".scratch").iterdir()) == []


def test_quarantine_on_another_file_system_is_for_its_owner_too(tmp_path: Path, sources: Path) -> None:
    other = Path("/dev/shm")  # noqa: S108
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system here")
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp(dir=other))
    try:
        run(LogDirectory(LandingZone(tmp_path / "out"), "d", LandingZone(folder), "q"), sources)
        found = list(folder.rglob("*.quarantine.jsonl"))
        assert len(found) == 2
        assert {path.stat().st_mode & 0o777 for path in found} == {0o600}
    finally:
        shutil.rmtree(folder)


def test_a_manifest_of_an_older_version_is_refused_and_kept(directory: LogDirectory, sources: Path) -> None:
    old = Manifest((), {"files": {"a.log": {"digest": "1"}}})
    directory.zone.write_manifest(directory.directory, old)
    with pytest.raises(MalformedInput, match="in a form this version does not know"):
        run(directory, sources)
    assert directory.zone.read_manifest(directory.directory) == old


def test_a_broken_manifest_is_refused(tmp_path: Path, directory: LogDirectory, sources: Path) -> None:
    path = tmp_path / "out" / directory.directory / "manifest.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")
    with pytest.raises(MalformedInput, match=str(path)):
        run(directory, sources)


# Searching.


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "logs"
    for key in (
        "b/x.log",
        "a.log-20140515.gz",
        "c.json",
        "d.txt",
        "tracking.log.json",
        "deep/er/y.LOG",
        "z.log/in.log",
    ):
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (root / "link.log").symlink_to(root / "a.log-20140515.gz")
    return root


def test_logs_are_found_by_name_in_order_and_links_are_not_followed(folder: Path) -> None:
    assert [(file.key, file.stem) for file in search(folder)] == [
        ("a.log-20140515.gz", "a.log-20140515"),
        ("b/x.log", "b/x.log"),
        ("tracking.log.json", "tracking.log.json"),
        ("z.log/in.log", "z.log/in.log"),
    ]


@pytest.mark.parametrize("options", [ReadOptions(), ReadOptions("jsonl.gz")], ids=["parquet", "jsonl.gz"])
def test_what_was_written_before_is_no_log(tmp_path: Path, sources: Path, options: ReadOptions) -> None:
    directory = LogDirectory(LandingZone(sources), "", LandingZone(sources / "quarantine"))
    keys = [file.key for file in search(sources)]
    first = run(directory, sources, options)
    assert [file.key for file in search(sources)] == keys
    assert total(run(directory, sources, options)) == total(first)


def test_the_stem_of_a_key() -> None:
    assert [stem_of(key) for key in ("a/t.log.gz", "a/t.log", "a.gz/t.log-1.gz")] == [
        "a/t.log",
        "a/t.log",
        "a.gz/t.log-1",
    ]


def test_versions_are_of_content_parser_and_options() -> None:
    versions = [
        version_of("1" * 64, ReadOptions()),
        version_of("2" * 64, ReadOptions()),
        version_of("1" * 64, ReadOptions("jsonl.gz")),
    ]
    assert len(set(versions)) == 3
    assert versions[0] == version_of("1" * 64, ReadOptions())
    assert json.dumps(ReadOptions().for_version())
