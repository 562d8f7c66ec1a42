import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import duckdb
import pytest

from ol_orchestrate.lib import warehouse
from ol_orchestrate.lib.errors import ConfigurationError, WarehouseBusy
from ol_orchestrate.lib.warehouse import open_warehouse, publish


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "warehouse" / "ol_warehouse.duckdb"


@pytest.fixture
def published(path: Path) -> Path:
    return path.with_name("published.duckdb")


def write(path: Path, value: int) -> None:
    with open_warehouse(path) as connection:
        connection.execute(f"create or replace table facts as select {value} as value")


def read(path: Path) -> int:
    with open_warehouse(path, read_only=True) as connection:
        return value_of(connection)


def value_of(connection: duckdb.DuckDBPyConnection) -> int:
    row = connection.execute("select value from facts").fetchone()
    assert row
    return int(row[0])


@contextmanager
def another_process(code: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that runs `code` with `path`, says "ready" when it has done so, and stays until the block ends."""
    script = (
        f"import sys, duckdb, pathlib\npath = sys.argv[1]\n{textwrap.dedent(code)}\nprint('ready', flush=True)\ninput()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def test_a_new_warehouse_brings_its_folder(path: Path) -> None:
    write(path, 1)
    assert read(path) == 1


def test_a_connection_is_in_utc_and_takes_settings(path: Path) -> None:
    with open_warehouse(path, config={"threads": 1}) as connection:
        assert connection.execute("select current_setting('TimeZone'), current_setting('threads')").fetchall() == [
            ("UTC", 1)
        ]


def test_a_second_writer_is_told_who_holds_the_warehouse(path: Path) -> None:
    path.parent.mkdir()
    with another_process("held = duckdb.connect(path)", path) as holder, pytest.raises(WarehouseBusy) as caught:
        write(path, 1)
    assert f"process {holder.pid} (`{sys.executable}" in caught.value.message
    assert "published.duckdb" in caught.value.message
    assert caught.value.retry_after_s == 30


def test_a_holder_that_cannot_be_looked_up_is_named_by_its_number() -> None:
    assert warehouse._process(2**22 + 1) == f"process {2**22 + 1}"


def test_reading_what_is_not_there_says_what_to_type(published: Path) -> None:
    with pytest.raises(ConfigurationError, match="bin/demo"), open_warehouse(published, read_only=True):
        pass


def test_a_damaged_file_is_named_with_the_way_out(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database, but long enough to hold a header" * 1000)
    with pytest.raises(ConfigurationError) as caught:
        write(path, 1)
    assert str(path) in caught.value.message
    assert "can be made again" in caught.value.message


def test_what_is_published_is_what_was_written(path: Path, published: Path) -> None:
    write(path, 1)
    result = publish(path, published)
    assert read(published) == 1
    assert (result.path, result.size_bytes, result.relation_count) == (published, published.stat().st_size, 1)


def test_a_reader_keeps_its_copy_and_the_next_one_gets_the_new(path: Path, published: Path) -> None:
    write(path, 1)
    publish(path, published)
    with open_warehouse(published, read_only=True) as reader:
        write(path, 2)
        publish(path, published)
        assert value_of(reader) == 1
        assert value_of(reader.cursor()) == 1
    assert read(published) == 2


def test_a_reader_in_another_process_does_not_stop_a_publication(path: Path, published: Path) -> None:
    write(path, 1)
    publish(path, published)
    with another_process("held = duckdb.connect(path, read_only=True)", published):
        write(path, 2)
        publish(path, published)
        assert read(published) == 2


def test_views_can_be_read_in_the_copy(path: Path, published: Path) -> None:
    write(path, 1)
    with open_warehouse(path) as connection:
        connection.execute("create view seen as select value + 1 as value from main.facts")
    publish(path, published)
    with open_warehouse(published, read_only=True) as connection:
        assert connection.execute("select value from seen").fetchall() == [(2,)]


def test_nothing_is_published_while_another_process_writes(path: Path, published: Path) -> None:
    write(path, 1)
    publish(path, published)
    with another_process("held = duckdb.connect(path)", path), pytest.raises(WarehouseBusy):
        publish(path, published)
    assert read(published) == 1


def test_nobody_can_write_while_the_file_is_copied(
    path: Path, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[str] = []

    def copy_and_let_another_try(source: IO[bytes], target: Path) -> None:
        code = "import sys, duckdb\ntry: duckdb.connect(sys.argv[1])\nexcept duckdb.IOException as error: print(error)"
        tried = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
        answers.append(tried.stdout)
        original(source, target)

    original = warehouse._copy_to_disk
    monkeypatch.setattr(warehouse, "_copy_to_disk", copy_and_let_another_try)
    write(path, 1)
    publish(path, published)
    assert "Conflicting lock" in answers[0]
    assert read(published) == 1


def test_a_publication_that_fails_leaves_the_old_copy_and_no_rubbish(
    path: Path, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_half_way(source: IO[bytes], target: IO[bytes], _length: int) -> None:
        target.write(source.read(1000))
        raise OSError("the cable was pulled")

    write(path, 1)
    publish(path, published)
    write(path, 2)
    monkeypatch.setattr(shutil, "copyfileobj", fail_half_way)
    with pytest.raises(OSError, match="cable"):
        publish(path, published)
    assert read(published) == 1
    assert {file.name for file in path.parent.iterdir()} == {path.name, published.name}


def test_what_a_killed_publisher_left_behind_is_removed(path: Path, published: Path) -> None:
    leftover = published.with_name(f".{published.name}.0123.tmp")
    write(path, 1)
    leftover.write_bytes(b"half a copy")
    publish(path, published)
    assert not leftover.exists()


def test_a_writer_that_came_between_is_waited_for(path: Path, published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def somebody_wrote_and_died(_path: Path) -> int:
        path.with_name(f"{path.name}.wal").write_bytes(b"changes")
        return 1

    write(path, 1)
    monkeypatch.setattr(warehouse, "_checkpoint", somebody_wrote_and_died)
    with pytest.raises(WarehouseBusy):
        publish(path, published)
    assert not published.exists()


def test_publishing_nothing_says_what_to_do(path: Path, published: Path) -> None:
    with pytest.raises(ConfigurationError, match="Materialize the raw tables first"):
        publish(path, published)
