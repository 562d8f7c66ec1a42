"""What carries no dirt is read without complaint by tools that are not ours; another Python makes the same content."""

import gzip
import hashlib
import io
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opaque_keys.edx.keys import CourseKey, UsageKey

from ol_sandbox.recipe import Recipe

BUILD = """
import pathlib, sys
from ol_sandbox.build import build
from ol_sandbox.recipe import Recipe
build(Recipe(7), pathlib.Path(sys.argv[1]))
"""


class TestDuckDB:
    def test_logs(self, clean_sandbox: Any) -> None:
        duckdb = pytest.importorskip("duckdb")
        for name, entry in clean_sandbox.truth["files"].items():
            found = duckdb.sql(
                f"SELECT count(*), count(username), count(TRY_CAST(time AS TIMESTAMPTZ)), count(context) "
                f"FROM read_json('{clean_sandbox.path(name)}', format = 'newline_delimited', ignore_errors = false, "
                f"columns = {{username: 'VARCHAR', time: 'VARCHAR', event: 'JSON', context: 'JSON'}})"
            ).fetchall()[0]
            assert found[0] == found[2] == found[3] == entry["events"], name

    def test_reports(self, sandbox: Any) -> None:
        duckdb = pytest.importorskip("duckdb")
        for path, entry in sandbox.truth["reports"].items():
            if path.endswith(".csv"):
                place = sandbox.built.output / path
                found = duckdb.sql(f"SELECT count(*) FROM read_csv('{place}', strict_mode = true)").fetchall()
                assert found == [(entry["rows"],)]


def test_sqlite_finds_every_database_sound(clean_sandbox: Any) -> None:
    for path in clean_sandbox.truth["databases"]:
        connection = sqlite3.connect(f"file:{clean_sandbox.built.output / path}?mode=ro", uri=True)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()


def test_tar_reads_every_archive(clean_sandbox: Any) -> None:
    archives = [clean_sandbox.path(course["path"]) for course in clean_sandbox.truth["courses"]]
    archives += [clean_sandbox.built.output / path for path in clean_sandbox.truth["packages"]]
    for archive in archives:
        listed = subprocess.run(["tar", "tzf", str(archive)], check=True, capture_output=True, text=True)
        assert len(listed.stdout.splitlines()) > 50
        assert listed.stderr == ""


def test_gzip_finds_every_log_sound(sandbox: Any) -> None:
    """Even where the lines are dirty, the streams are whole."""
    for name in sandbox.truth["files"]:
        place = sandbox.path(name)
        if place.stat().st_size:
            subprocess.run(["gzip", "--test", str(place)], check=True, capture_output=True)


def test_keys_in_databases_are_keys(clean_sandbox: Any) -> None:
    for platform in ("mitxonline", "xpro"):
        place = clean_sandbox.path(f"databases/{platform}__openedx__mysql.sqlite")
        connection = sqlite3.connect(f"file:{place}?mode=ro", uri=True)
        for (key,) in connection.execute("SELECT DISTINCT course_id FROM student_courseenrollment"):
            assert CourseKey.from_string(key)
        for key, kind in connection.execute("SELECT DISTINCT module_id, module_type FROM courseware_studentmodule"):
            assert UsageKey.from_string(key).block_type == kind
        connection.close()


def other_python() -> str:
    """Another minor version than ours, if this machine has one that works."""
    ours = sys.version_info.minor
    homes = sorted((Path.home() / ".pyenv" / "versions").glob("3.1*/bin/python"))
    named = [shutil.which(f"python3.{minor}") for minor in (14, 12)]
    for candidate in (*map(str, homes), *filter(None, named)):
        told = subprocess.run(
            [candidate, "-c", "import sys; print(sys.version_info.minor)"], capture_output=True, text=True, check=False
        )
        if told.returncode == 0 and int(told.stdout) >= 12 and int(told.stdout) != ours:
            return candidate
    pytest.skip("no other Python of 3.12 or later is installed")


def test_another_python_makes_the_same_content(sandbox: Any, tmp_path: Path) -> None:
    """Uncompressed bytes and database dumps; containers may differ."""
    import ol_sandbox

    source = str(Path(ol_sandbox.__file__).parents[1])
    environ = {**os.environ, "PYTHONPATH": source, "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([other_python(), "-c", BUILD, str(tmp_path)], check=True, env=environ)
    assert dict(contents(tmp_path)) == dict(contents(sandbox.built.output))


def contents(root: Path) -> Iterator[tuple[str, str]]:
    """The hash of what each file holds, containers opened."""
    for path in sorted(root.rglob("*")):
        if path.is_file() and ".sandbox" not in path.relative_to(root).parts:
            digest = hashlib.sha256()
            for part in opened(path):
                digest.update(part)
            yield path.relative_to(root).as_posix(), digest.hexdigest()


def opened(path: Path) -> Iterator[bytes]:
    if path.suffix == ".sqlite":
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        yield from (f"{statement}\n".encode() for statement in connection.iterdump())
        connection.close()
    elif path.name.endswith(".tar.gz"):
        yield from members(path.read_bytes())
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            yield from (archive.read(name) for name in archive.namelist())
    else:
        content = path.read_bytes()
        yield gzip.decompress(content) if path.suffix == ".gz" and content else content


def members(packed: bytes) -> Iterator[bytes]:
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
        for info in archive:
            content = archive.extractfile(info).read()  # type: ignore[union-attr]
            yield info.name.encode()
            yield from inner(content) if info.name.endswith(".tar.gz") else (content,)


def inner(content: bytes) -> tuple[bytes, ...]:
    """An archive in an archive; one that breaks off counts by what it still tells."""
    try:
        return tuple(members(content))
    except (EOFError, tarfile.ReadError):
        return (b"cut",)


PEAK = """
import pathlib, re, sys
from ol_sandbox.build import build
from ol_sandbox.recipe import Recipe
build(Recipe(7, "small", days=int(sys.argv[2])), pathlib.Path(sys.argv[1]))
print(re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1])
"""


def test_memory_does_not_grow_with_days(tmp_path: Path) -> None:
    """Five days may take a few megabytes more than one, for the learners who come late; events are never kept."""
    if not Path("/proc/self/status").exists():
        pytest.skip("peak memory is read from /proc")
    peaks_kb = []
    for days in ("1", "5"):
        command = [sys.executable, "-c", PEAK, str(tmp_path / days), days]
        peaks_kb.append(int(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    assert peaks_kb[1] - peaks_kb[0] < 8_000
    assert peaks_kb[1] < 80_000


def test_small_is_built_in_under_thirty_seconds(make_sandbox: Callable[[Recipe], Any]) -> None:
    import time

    started = time.perf_counter()
    make_sandbox(Recipe(7, "small", days=10))
    assert time.perf_counter() - started < 30
