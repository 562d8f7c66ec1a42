"""The stack itself: it starts, is left alone, breaks, and is started again. `bin/test --engines` runs these."""

import os
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import trino

from ol_orchestrate.lib.errors import SourceUnavailable
from ol_orchestrate.lib.hashing import sha256_file
from ol_orchestrate.lib.iceberg_catalog import IcebergSettings
from ol_orchestrate.lib.iceberg_maintenance import Retention, iceberg_tables, maintain
from ol_orchestrate.lib.iceberg_tables import iceberg_loader
from ol_orchestrate.lib.inventory import RAW_SCHEMA, Column, ColumnType, FileFormat, FileSource, Freshness, RawTable
from ol_orchestrate.lib.landing import LandedObject, LandingZone, Manifest
from ol_orchestrate.lib.raw_tables import landed_files
from ol_orchestrate.lib.trino_client import connect_trino
from ol_orchestrate.lib.trino_stack import TrinoStack, lifecycle, read_stack
from ol_orchestrate.lib.trino_stack.server import HEAP_MB

pytestmark = pytest.mark.engines

EVERY_TYPE = tuple(Column(f"a_{kind}", kind, "One.") for kind in ColumnType)
MAX_MEMORY_BYTES = 2.5e9
FULL_HEAP = {"JAVA_TOOL_OPTIONS": f"-Xms{HEAP_MB}M -XX:+AlwaysPreTouch"}
"""Java takes its whole heap at once, so that what it holds is what it may come to hold."""

MARK = "deleted-person@example.org"


def table_named(name: str, columns: Sequence[Column] = EVERY_TYPE) -> RawTable:
    return RawTable(
        name=name,
        platform="mitx",
        entity="x",
        group="openedx",
        engine="files",
        source=FileSource(name, FileFormat.PARQUET),
        keys=("a_bigint",),
        freshness=Freshness(1, 2),
        description="One row per x.",
        columns=tuple(columns),
    )


def land(zone: LandingZone, table: RawTable, **files: Sequence[str | None]) -> None:
    """One file a name, one row a text; the other columns are the same in all."""
    folder = Path(str(zone.root)) / table.source.prefix / "day"
    folder.mkdir(parents=True, exist_ok=True)
    objects = []
    for name, texts in files.items():
        path = folder / f"{name}.parquet"
        count = len(texts)
        columns: dict[str, Any] = {
            "a_text": pa.array(texts, pa.string()),
            "a_bigint": pa.array(range(count), pa.int64()),
            "a_double": pa.array([0.1] * count, pa.float64()),
            "a_boolean": pa.array([None] * count, pa.bool_()),
            "a_json": pa.array(['{"é": [1]}'] * count, pa.string()),
            "a_timestamp": pa.array(
                [datetime(2024, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)] * count, pa.timestamp("us", "UTC")
            ),
        }
        pq.write_table(pa.table(columns), path)
        digest = sha256_file(path)
        objects.append(LandedObject(path.name, digest, path.stat().st_size, digest, count))
    zone.write_manifest(f"{table.source.prefix}/day", Manifest(tuple(objects)))


def load(data_dir: Path, zone: LandingZone, table: RawTable, environ: Mapping[str, str] = {}) -> None:
    with iceberg_loader(IcebergSettings.from_environ(environ, data_dir), {"threads": 1}) as loader:
        assert loader.load(table, zone, landed_files(zone, table), loaded_at=datetime.now(UTC)).is_conserved


def query(stack: TrinoStack, sql: str) -> list[Any]:
    with trino.dbapi.connect(host=stack.host, port=stack.port, user="test", catalog=stack.catalog) as connection:
        cursor = connection.cursor()
        cursor.execute(sql)
        return list(cursor.fetchall())


@pytest.fixture
def zone(tmp_path: Path) -> LandingZone:
    return LandingZone(tmp_path / "landing")


def test_a_second_start_changes_nothing(trino_stack_dir: Path, trino_stack: TrinoStack) -> None:
    before = lifecycle.status(trino_stack_dir).processes
    said: list[str] = []
    assert lifecycle.start(trino_stack_dir, os.environ, said.append) == trino_stack
    assert lifecycle.status(trino_stack_dir).processes == before
    assert "nothing to do" in said[-1]


def memory_bytes(data_dir: Path) -> int:
    return sum(process.memory_bytes for process in lifecycle.status(data_dir).processes)


def test_it_stays_within_its_memory(trino_stack_dir: Path, trino_stack: TrinoStack) -> None:
    query(trino_stack, "select count(distinct x) from unnest(sequence(1, 10000)) a(x), unnest(sequence(1, 100)) b(y)")
    assert 0 < memory_bytes(trino_stack_dir) < MAX_MEMORY_BYTES


def test_only_this_machine_reaches_it(trino_stack: TrinoStack) -> None:
    listening = Path("/proc/net/tcp").read_text().splitlines()[1:]
    addresses = {line.split()[1] for line in listening if line.split()[3] == "0A"}
    assert f"0100007F:{trino_stack.port:04X}" in addresses
    assert f"00000000:{trino_stack.port:04X}" not in addresses


def test_trino_reads_what_the_loader_wrote(trino_stack_dir: Path, trino_stack: TrinoStack, zone: LandingZone) -> None:
    table = table_named("raw__types")
    land(zone, table, one=["naïve ☃", "", None])
    load(trino_stack_dir, zone, table)
    name = f"{RAW_SCHEMA}.{table.name}"
    assert [row[:2] for row in query(trino_stack, f"describe {name}")] == [
        ["a_text", "varchar"],
        ["a_bigint", "bigint"],
        ["a_double", "double"],
        ["a_boolean", "boolean"],
        ["a_json", "varchar"],
        ["a_timestamp", "timestamp(6)"],
        ["_object_key", "varchar"],
        ["_partition_key", "varchar"],
        ["_loaded_at", "timestamp(6)"],
    ]
    rows = query(
        trino_stack,
        f"select a_text, a_double, a_boolean, a_json, cast(a_timestamp as varchar) from {name} order by a_bigint",
    )
    same = [0.1, None, '{"é": [1]}', "2024-03-01 12:00:00.123456"]
    assert rows == [["naïve ☃", *same], ["", *same], [None, *same]]


def test_a_table_changed_by_trino_between_two_loads_is_loaded_on_top(
    trino_stack_dir: Path, trino_stack: TrinoStack, zone: LandingZone
) -> None:
    table = table_named(f"raw__changed_{uuid.uuid4().hex}")
    land(zone, table, one=["a", "b"], two=["c"])
    load(trino_stack_dir, zone, table)
    name = f"{RAW_SCHEMA}.{table.name}"
    query(trino_stack, f"alter table {name} execute optimize")
    query(trino_stack, f"update {name} set a_text = 'x' where a_text = 'b'")
    land(zone, table, one=["d"], two=["c"])
    load(trino_stack_dir, zone, table)
    assert query(trino_stack, f"select a_text from {name} order by 1") == [["c"], ["d"]]


def parquet_values(folder: Path) -> set[object]:
    return {
        value
        for path in folder.rglob("*.parquet")
        for column in pq.read_table(path).columns
        for value in column.to_pylist()
    }


def test_after_expiry_a_deleted_rows_bytes_are_in_no_file_of_the_table(
    trino_stack_dir: Path, trino_stack: TrinoStack, zone: LandingZone
) -> None:
    table = table_named(f"raw__erased_{uuid.uuid4().hex}")
    land(zone, table, one=["stays", MARK], two=["stays too"])
    load(trino_stack_dir, zone, table)
    name = f"{RAW_SCHEMA}.{table.name}"
    folder = Path(trino_stack.warehouse_uri.removeprefix("file://")) / RAW_SCHEMA / table.name
    query(trino_stack, f"delete from {name} where a_text = '{MARK}'")
    assert MARK in parquet_values(folder), "the old snapshot still has it"

    with connect_trino({}, trino_stack_dir, "") as connection:
        assert (RAW_SCHEMA, table.name) in iceberg_tables(connection)
        rehearsed = maintain(connection, RAW_SCHEMA, table.name, Retention(0, 0), dry_run=True)
        assert rehearsed.before == rehearsed.after
        assert MARK in parquet_values(folder), "a dry run changes nothing"
        time.sleep(1.1)  # Trino counts ages in whole seconds of the files' own clock
        done = maintain(connection, RAW_SCHEMA, table.name, Retention(0, 0), dry_run=False)

    assert (done.before.snapshots, done.after.snapshots) == (2, 1)
    assert parquet_values(folder) >= {"stays", "stays too"}
    assert MARK not in parquet_values(folder)
    assert not [path for path in folder.rglob("*") if path.is_file() and MARK.encode() in path.read_bytes()]
    with iceberg_loader(IcebergSettings.from_environ({}, trino_stack_dir), {}) as loader:
        manifests = str(loader.catalog.load_table((RAW_SCHEMA, table.name)).inspect.entries().to_pylist())
    assert "stays" in manifests, "they keep the smallest and the largest text of a file"
    assert MARK[:12] not in manifests
    assert query(trino_stack, f"select a_text from {name} order by 1") == [["stays"], ["stays too"]]


@dataclass
class OwnStack:
    """A stack that a test may break."""

    data_dir: Path
    environ: Mapping[str, str]

    def start(self) -> TrinoStack:
        return lifecycle.start(self.data_dir, self.environ, print)

    def kill(self, name: str) -> None:
        [process] = [process for process in lifecycle.status(self.data_dir).processes if process.name == name]
        os.kill(process.pid, signal.SIGKILL)
        while process.is_alive:
            time.sleep(0.05)


def command_lines() -> list[str]:
    shown = subprocess.run(["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True)
    return shown.stdout.splitlines()


@contextmanager
def own_stack(folder: Path, environ: Mapping[str, str]) -> Iterator[OwnStack]:
    stack = OwnStack(folder, environ)
    try:
        yield stack
    finally:
        lifecycle.stop(folder, print)


@pytest.fixture
def reachable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that the unprivileged account of a root's PostgreSQL can enter."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="ol-stack-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_a_stack_that_breaks_publishes_nothing_half_and_starts_again(reachable: Path, zone: LandingZone) -> None:
    """Trino killed in the middle of a build; then the catalogue killed; then everything stopped."""
    table = table_named("raw__x")
    with own_stack(reachable, {**os.environ, **FULL_HEAP}) as own:
        stack = own.start()
        land(zone, table, one=["a"])
        load(reachable, zone, table)
        query(stack, "create schema mart")
        build = (
            "create table mart.big as select x, cast(random() as varchar) y "
            "from unnest(sequence(1, 10000)) a(x), unnest(sequence(1, 5000)) b(z)"
        )
        failed: list[Exception] = []

        def run() -> None:
            try:
                query(stack, build)
            except Exception as error:  # noqa: BLE001 (whatever a client sees when its server dies)
                failed.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        time.sleep(3)
        own.kill("trino")
        thread.join()
        assert failed
        assert not lifecycle.status(reachable).is_running

        stack = own.start()
        assert query(stack, "show tables from mart") == []
        query(stack, build.replace("5000", "5"))
        assert HEAP_MB * 1024**2 < memory_bytes(reachable) < MAX_MEMORY_BYTES
        assert query(stack, "select count(*) from mart.big") == [[50_000]]
        assert query(stack, f"select a_text from {RAW_SCHEMA}.{table.name}") == [["a"]]

        own.kill("postgres")
        with pytest.raises(SourceUnavailable, match=r"catalogue .* does not answer"):
            load(reachable, zone, table)
        assert [process.name for process in lifecycle.status(reachable).processes] == ["trino"]
        stack = own.start()
        assert query(stack, "select count(*) from mart.big") == [[50_000]]

        own.kill("trino")
        assert lifecycle.stop(reachable, print) == 1
    assert read_stack(reachable) is None
    assert not [line for line in command_lines() if str(reachable) in line], "nor a process of PostgreSQL's own"


def test_tables_in_s3(reachable: Path, zone: LandingZone, s3_bucket: str, s3_environ: dict[str, str]) -> None:
    environ = {**os.environ, **s3_environ, "OL_ICEBERG_WAREHOUSE": f"s3://{s3_bucket}/lake"}
    table = table_named("raw__x")
    with own_stack(reachable, environ) as own:
        stack = own.start()
        land(zone, table, one=["a", "b"])
        load(reachable, zone, table, s3_environ)
        query(stack, "create schema mart")
        query(stack, f"create table mart.x as select a_text from {RAW_SCHEMA}.{table.name}")
        assert query(stack, "select * from mart.x order by 1") == [["a"], ["b"]]
        assert not (reachable / "lakehouse").exists()
        assert "testing" not in (reachable / "trino/etc/catalog/ol_data_lake.properties").read_text(), (
            "no key in a file"
        )
