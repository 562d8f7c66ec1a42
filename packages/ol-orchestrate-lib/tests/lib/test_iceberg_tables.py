# ruff: noqa: DTZ001 (Iceberg's times have no zone)
"""The loader on a real catalogue: SQLite stands for the PostgreSQL of the `engines` tests. Files, and S3 by moto."""

import hashlib
import json
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ol_orchestrate.lib.errors import MalformedInput, SourceRejected, SourceUnavailable, UpstreamObjectMissing
from ol_orchestrate.lib.iceberg_catalog import CatalogKind, IcebergSettings, s3_properties
from ol_orchestrate.lib.iceberg_tables import IcebergLoader, iceberg_loader
from ol_orchestrate.lib.inventory import RAW_SCHEMA, Column, ColumnType, FileFormat, FileSource, Freshness, RawTable
from ol_orchestrate.lib.landing import LandedObject, LandingZone, Manifest
from ol_orchestrate.lib.raw_loader import DuckDBLoader, RawTableLoader
from ol_orchestrate.lib.raw_tables import LoadResult, landed_files, landed_version
from ol_orchestrate.lib.warehouse import open_warehouse

NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)
DAY = "valid/2024-03-01"
LOGS = RawTable(
    name="raw__mitx__openedx__tracking_logs",
    platform="mitx",
    entity="tracking_logs",
    group="openedx",
    engine="files",
    source=FileSource("valid", FileFormat.PARQUET),
    keys=("line_number",),
    freshness=Freshness(1, 2),
    description="Events. One row per line.",
    columns=(
        Column("username", ColumnType.TEXT, "Who."),
        Column("event", ColumnType.JSON, "What."),
        Column("time", ColumnType.TIMESTAMP, "When."),
        Column("line_number", ColumnType.BIGINT, "Where."),
    ),
)
RUNS = replace(
    LOGS,
    name="raw__mitx__openedx__course_structure__course_metadata",
    source=FileSource("runs", FileFormat.JSONL),
    columns=(
        Column("course_id", ColumnType.TEXT, "Run."),
        Column("tabs", ColumnType.JSON, "Tabs."),
        Column("self_paced", ColumnType.BOOLEAN, "Pace."),
        Column("weight", ColumnType.DOUBLE, "Weight."),
        Column("position", ColumnType.BIGINT, "Place."),
        Column("start", ColumnType.TIMESTAMP, "Start."),
    ),
)
PARQUET = pa.schema(
    {"username": pa.string(), "event": pa.string(), "time": pa.timestamp("us", tz="UTC"), "line_number": pa.int64()}
)

type Rows = Sequence[Mapping[str, Any]]


@pytest.fixture
def zone(tmp_path: Path) -> LandingZone:
    return LandingZone(tmp_path / "landing")


@pytest.fixture
def settings(tmp_path: Path) -> IcebergSettings:
    (tmp_path / "lakehouse").mkdir()
    uri = f"sqlite:///{tmp_path / 'catalogue.db'}"
    return IcebergSettings.of_sql("ol_data_lake", uri, f"file://{tmp_path / 'lakehouse'}", {})


@pytest.fixture
def loader(settings: IcebergSettings) -> Iterator[IcebergLoader]:
    with iceberg_loader(settings, {"threads": 2}) as loader:
        yield loader


def events(*names: str | None, start: int = 1) -> Rows:
    return [
        {"username": name, "event": '{"id": 1}', "time": NOW + timedelta(seconds=line), "line_number": line}
        for line, name in enumerate(names, start)
    ]


def land(zone: LandingZone, files: Mapping[str, Rows], *, schema: pa.Schema = PARQUET, counted: int = 0) -> None:
    """Make `files` the current objects of the day; `counted` is added to the row counts of the manifest."""
    folder = Path(str(zone.root)) / DAY
    folder.mkdir(parents=True, exist_ok=True)
    objects = []
    for key, rows in files.items():
        pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), folder / key)
        objects.append(described(key, (folder / key).read_bytes(), len(rows) + counted))
    zone.write_manifest(DAY, Manifest(tuple(objects)))


def land_lines(zone: LandingZone, *lines: object) -> None:
    path = Path(str(zone.root)) / "runs/a/rows.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line if isinstance(line, str) else f"{json.dumps(line)}\n" for line in lines))
    zone.write_manifest("runs/a", Manifest((described(path.name, path.read_bytes(), len(lines)),)))


def described(key: str, content: bytes, rows: int | None) -> LandedObject:
    digest = hashlib.sha256(content).hexdigest()
    return LandedObject(key, digest, len(content), digest, rows)


def load(loader: RawTableLoader, zone: LandingZone, table: RawTable = LOGS) -> LoadResult:
    return loader.load(table, zone, landed_files(zone, table), loaded_at=NOW)


def rows(loader: IcebergLoader, table: RawTable = LOGS) -> list[dict[str, Any]]:
    return loader.catalog.load_table((RAW_SCHEMA, table.name)).scan().to_arrow().to_pylist()


def names(loader: IcebergLoader) -> list[str]:
    return sorted(row["username"] for row in rows(loader))


def test_rows_arrive_with_the_loaders_columns(loader: IcebergLoader, zone: LandingZone) -> None:
    land(zone, {"a.parquet": events("ann", None)})
    result = load(loader, zone)
    assert (result.added, result.rows_inserted, result.read, result.loaded) == (1, 2, 2, 2)
    assert rows(loader)[1] == {
        "username": None,
        "event": '{"id": 1}',
        "time": datetime(2024, 3, 1, 12, 0, 2),
        "line_number": 2,
        "_object_key": f"{DAY}/a.parquet",
        "_partition_key": "2024-03-01",
        "_loaded_at": datetime(2024, 3, 1, 12),
    }


def test_the_second_load_of_the_same_writes_nothing(
    loader: IcebergLoader, zone: LandingZone, settings: IcebergSettings
) -> None:
    land(zone, {"a.parquet": events("ann"), "b.parquet": events("bob")})
    load(loader, zone)
    before = all_files(settings)
    again = load(loader, zone)
    assert (again.unchanged, again.wrote, again.loaded) == (2, False, 2)
    assert all_files(settings) == before


def all_files(settings: IcebergSettings) -> set[Path]:
    return set(Path(settings.warehouse_uri.removeprefix("file://")).rglob("*"))


def test_changed_and_vanished_objects_replace_their_rows_and_others_stay(
    loader: IcebergLoader, zone: LandingZone
) -> None:
    land(zone, {"a.parquet": events("ann", "bob"), "b.parquet": events("cid"), "c.parquet": events("dan")})
    load(loader, zone)
    land(zone, {"a.parquet": events("eve"), "c.parquet": events("dan")})
    result = load(loader, zone)
    assert (result.changed, result.removed, result.unchanged) == (1, 1, 1)
    assert (result.rows_deleted, result.rows_inserted, result.loaded) == (3, 1, 2)
    assert names(loader) == ["dan", "eve"]


def test_many_objects_change_at_once(loader: IcebergLoader, zone: LandingZone) -> None:
    land(zone, {f"{number:03}.parquet": events(f"old{number}") for number in range(250)})
    load(loader, zone)
    land(zone, {f"{number:03}.parquet": events(f"{'new' if number else 'old'}{number}") for number in range(250)})
    result = load(loader, zone)
    assert (result.changed, result.unchanged, result.loaded) == (249, 1, 250)
    assert {name[:3] for name in names(loader)[:249]} == {"new"}


def test_a_load_is_one_step_for_readers(loader: IcebergLoader, zone: LandingZone) -> None:
    land(zone, {"a.parquet": events("ann"), "b.parquet": events("bob")})
    load(loader, zone)
    land(zone, {"a.parquet": events("eve")})
    load(loader, zone)
    table = loader.catalog.load_table((RAW_SCHEMA, LOGS.name))
    contents = [
        sorted(table.scan(snapshot_id=entry.snapshot_id).to_arrow()["username"].to_pylist())
        for entry in table.history()
    ]
    assert contents[0] == ["ann", "bob"]
    assert contents[-1] == ["eve"]
    assert table.metadata.metadata_log[-1].metadata_file != table.metadata_location
    assert len({entry.timestamp_ms for entry in table.metadata.metadata_log}) <= 3, (
        "one commit each, and the empty table"
    )


def test_the_ledger_knows_what_the_table_holds(loader: IcebergLoader, zone: LandingZone) -> None:
    assert loader.loaded_version(LOGS.name) is None
    loader.ensure_tables([LOGS])
    assert loader.loaded_version(LOGS.name) is None
    land(zone, {"a.parquet": events("ann")})
    load(loader, zone)
    assert loader.loaded_version(LOGS.name) == landed_version(landed_files(zone, LOGS))


def test_old_ledgers_do_not_pile_up(loader: IcebergLoader, zone: LandingZone, settings: IcebergSettings) -> None:
    for name in ("ann", "bob", "cid", "dan"):
        land(zone, {"a.parquet": events(name)})
        load(loader, zone)
    assert len([path for path in all_files(settings) if path.parent.parent.name == "_ledgers"]) == 2


def test_a_lost_ledger_loads_everything_again(
    loader: IcebergLoader, zone: LandingZone, settings: IcebergSettings
) -> None:
    land(zone, {"a.parquet": events("ann", "bob")})
    load(loader, zone)
    for path in all_files(settings):
        if path.parent.parent.name == "_ledgers":
            path.unlink()
    assert load(loader, zone).loaded == 2
    assert names(loader) == ["ann", "bob"]


def test_rows_removed_by_somebody_else_are_noticed(loader: IcebergLoader, zone: LandingZone) -> None:
    land(zone, {"a.parquet": events("ann", "bob")})
    load(loader, zone)
    loader.catalog.load_table((RAW_SCHEMA, LOGS.name)).delete("username = 'bob'")
    result = load(loader, zone)
    assert (result.read, result.loaded, result.is_conserved) == (2, 1, False)


def test_a_table_changed_by_somebody_else_meanwhile_is_left_as_it_is(
    loader: IcebergLoader, zone: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(zone, {"a.parquet": events("ann", "bob")})
    load(loader, zone)
    land(zone, {"a.parquet": events("eve")})
    record = IcebergLoader._record

    def changed_just_before(self: IcebergLoader, *arguments: Any) -> None:
        self.catalog.load_table((RAW_SCHEMA, LOGS.name)).delete("username = 'bob'")
        record(self, *arguments)

    monkeypatch.setattr(IcebergLoader, "_record", changed_just_before)
    with pytest.raises(SourceUnavailable, match="somebody else changed the table"):
        load(loader, zone)
    assert names(loader) == ["ann"]
    monkeypatch.undo()
    assert load(loader, zone).is_conserved
    assert names(loader) == ["eve"]


def test_two_loads_at_once_do_not_load_anything_twice(
    loader: IcebergLoader, zone: LandingZone, settings: IcebergSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(zone, {"a.parquet": events("ann")})
    load(loader, zone)
    land(zone, {"a.parquet": events("ann"), "b.parquet": events("bob")})
    record = IcebergLoader._record

    def overtaken(self: IcebergLoader, *arguments: Any) -> None:
        monkeypatch.undo()
        with iceberg_loader(settings, {}) as other:
            load(other, zone)
        record(self, *arguments)

    monkeypatch.setattr(IcebergLoader, "_record", overtaken)
    with pytest.raises(SourceUnavailable, match="somebody else changed the table"):
        load(loader, zone)
    assert load(loader, zone).is_conserved
    assert names(loader) == ["ann", "bob"]


def test_other_columns_in_the_inventory_make_the_table_anew(loader: IcebergLoader, zone: LandingZone) -> None:
    old = replace(LOGS, columns=(*LOGS.columns[:3], Column("line_number", ColumnType.TEXT, "Where.")))
    land(zone, {"a.parquet": events("ann")})
    load(loader, zone, old)
    assert rows(loader)[0]["line_number"] == "1"
    assert load(loader, zone).rows_inserted == 1
    assert rows(loader)[0]["line_number"] == 1
    table = loader.catalog.load_table((RAW_SCHEMA, LOGS.name))
    first = table.scan(snapshot_id=table.history()[0].snapshot_id).to_arrow()
    assert first["line_number"].to_pylist() == ["1"], "the old snapshot is as it was"


def test_a_column_retyped_at_the_source_leaves_the_old_rows_readable(loader: IcebergLoader, zone: LandingZone) -> None:
    land(zone, {"a.parquet": events("ann")})
    load(loader, zone)
    retyped = PARQUET.set(3, pa.field("line_number", pa.string()))
    land(zone, {"a.parquet": [{**events("bob")[0], "line_number": "first"}]}, schema=retyped)
    with pytest.raises(MalformedInput, match="first"):
        load(loader, zone)
    assert names(loader) == ["ann"]


def test_another_number_of_rows_than_the_manifest_says_loads_nothing(loader: IcebergLoader, zone: LandingZone) -> None:
    land(zone, {"a.parquet": events("ann")}, counted=1)
    with pytest.raises(MalformedInput, match="counts 2 rows and the file gave 1"):
        load(loader, zone)
    assert rows(loader) == []


def test_a_file_that_is_not_there_loads_nothing(loader: IcebergLoader, zone: LandingZone) -> None:
    land(zone, {"a.parquet": events("ann")})
    Path(str(zone.path(f"{DAY}/a.parquet"))).unlink()
    with pytest.raises(UpstreamObjectMissing):
        load(loader, zone)


LINES: list[object] = [
    {
        "course_id": "a",
        "tabs": [{"é": "x"}],
        "self_paced": True,
        "weight": 0.1,
        "position": -3,
        "start": NOW.isoformat(),
    },
    {"course_id": "", "tabs": "text", "self_paced": False, "weight": 1e300, "position": 2**62},
    {"course_id": None, "tabs": None, "self_paced": None, "weight": None, "position": None, "start": None},
    {"course_id": 7, "tabs": {}, "weight": 3, "start": "2024-03-01T00:30:00+05:30"},
    {},
]


def duckdb_loader(path: Path) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
    return open_warehouse(path / "warehouse.duckdb")


def test_json_lines_give_the_same_values_as_on_duckdb(loader: IcebergLoader, zone: LandingZone, tmp_path: Path) -> None:
    land_lines(zone, *LINES)
    load(loader, zone, RUNS)
    with duckdb_loader(tmp_path) as connection:
        load(DuckDBLoader(connection), zone, RUNS)
        expected = connection.sql(f"select * from {RAW_SCHEMA}.{RUNS.name}").to_arrow_table().to_pylist()
    assert rows(loader, RUNS) == expected
    assert len(expected) == len(LINES)


def test_times_of_any_zone_are_utc(loader: IcebergLoader, zone: LandingZone) -> None:
    eastern = PARQUET.set(2, pa.field("time", pa.timestamp("us", tz="America/New_York")))
    edge = datetime(2024, 2, 29, 19, tzinfo=timezone(timedelta(hours=-5)))
    land(zone, {"a.parquet": [{**events("ann")[0], "time": edge}]}, schema=eastern)
    load(loader, zone)
    assert rows(loader)[0]["time"] == datetime(2024, 3, 1)


def test_a_store_that_refuses_a_write_is_said_so(
    loader: IcebergLoader, zone: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyiceberg.io.pyarrow import PyArrowFile

    land(zone, {"a.parquet": events("ann")})
    load(loader, zone)
    land(zone, {"a.parquet": events("bob")})

    def refuse(self: PyArrowFile, **_: object) -> None:
        raise PermissionError(13, "Permission denied", self.location)

    monkeypatch.setattr(PyArrowFile, "create", refuse)
    with pytest.raises(SourceRejected, match="refused to be written"):
        load(loader, zone)
    monkeypatch.undo()
    assert names(loader) == ["ann"]


def test_a_catalogue_that_is_down_is_said_so(tmp_path: Path) -> None:
    uri = "postgresql+psycopg2://ol:x@127.0.0.1:9/iceberg"
    settings = IcebergSettings.of_sql("ol_data_lake", uri, f"file://{tmp_path}", {})
    with pytest.raises(SourceUnavailable, match=r"does not answer[\s\S]*bin/trino start"), iceberg_loader(settings, {}):
        pass


KILLED = """
import sys
from datetime import UTC, datetime
from pathlib import Path
import test_iceberg_tables as t
from ol_orchestrate.lib.iceberg_tables import IcebergLoader, iceberg_loader
from ol_orchestrate.lib.iceberg_catalog import IcebergSettings

folder = Path(sys.argv[1])
uri, warehouse = f"sqlite:///{folder / 'catalogue.db'}", f"file://{folder / 'lakehouse'}"
settings = IcebergSettings.of_sql("ol_data_lake", uri, warehouse, {})

def hang(self, *arguments):
    print("written", flush=True)
    input()

IcebergLoader._record = hang
with iceberg_loader(settings, {}) as loader:
    t.load(loader, t.LandingZone(folder / "landing"))
"""


def test_a_killed_load_leaves_the_old_table_and_can_be_done_again(
    loader: IcebergLoader, zone: LandingZone, tmp_path: Path
) -> None:
    land(zone, {"a.parquet": events("ann"), "b.parquet": events("bob")})
    load(loader, zone)
    land(zone, {"a.parquet": events("eve"), "b.parquet": events("bob")})
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "written\n"
        process.send_signal(signal.SIGKILL)
    assert names(loader) == ["ann", "bob"]
    assert load(loader, zone).is_conserved
    assert names(loader) == ["bob", "eve"]


def test_memory_does_not_grow_with_what_lands(tmp_path: Path, zone: LandingZone) -> None:
    """200 MB of rows as Arrow pass through while the process grows by less than half of that beside its libraries."""
    text = "x" * 1000
    wide = [{**event, "event": json.dumps(text)} for event in events(*["ann"] * 20_000)]
    land(zone, {f"{number}.parquet": wide for number in range(10)})
    code = textwrap.dedent(KILLED.replace("IcebergLoader._record = hang", "")) + textwrap.dedent(
        """
        import resource
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        """
    )
    (tmp_path / "lakehouse").mkdir()
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
        check=True,
    )
    assert int(done.stdout.split()[-1]) * 1024 < 900 << 20
    assert time.monotonic() - began < 60


def test_tables_in_s3(s3_bucket: str, s3_environ: dict[str, str], zone: LandingZone, tmp_path: Path) -> None:
    warehouse = f"s3://{s3_bucket}/warehouse"
    uri = f"sqlite:///{tmp_path / 'catalogue.db'}"
    settings = IcebergSettings(
        "ol_data_lake", CatalogKind.SQL, warehouse, {"uri": uri, **s3_properties(warehouse, s3_environ)}
    )
    land(zone, {"a.parquet": events("ann"), "b.parquet": events("bob")})
    with iceberg_loader(settings, {}) as loader:
        load(loader, zone)
        land(zone, {"a.parquet": events("eve"), "b.parquet": events("bob")})
        assert load(loader, zone).is_conserved
        assert names(loader) == ["bob", "eve"]
        assert loader.loaded_version(LOGS.name) == landed_version(landed_files(zone, LOGS))


def test_a_bucket_that_is_not_there_is_said_so(s3_environ: dict[str, str], zone: LandingZone, tmp_path: Path) -> None:
    settings = IcebergSettings.of_sql("ol_data_lake", f"sqlite:///{tmp_path / 'c.db'}", "s3://nowhere/x", s3_environ)
    land(zone, {"a.parquet": events("ann")})
    with (
        iceberg_loader(settings, {}) as loader,
        pytest.raises((SourceRejected, SourceUnavailable), match="s3://nowhere"),
    ):
        load(loader, zone)
