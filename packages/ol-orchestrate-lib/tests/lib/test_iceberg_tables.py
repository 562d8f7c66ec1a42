# ruff: noqa: DTZ001 (Iceberg's times have no zone)
"""The loader on a real catalogue: SQLite stands for the PostgreSQL of the `engines` tests. Files, and S3 by moto.

The other catalogues are in `test_iceberg_catalogs`.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from ol_orchestrate.lib.errors import MalformedInput, SourceRejected, SourceUnavailable, UpstreamObjectMissing
from ol_orchestrate.lib.iceberg_settings import IcebergSettings
from ol_orchestrate.lib.iceberg_tables import IcebergLoader, iceberg_loader
from ol_orchestrate.lib.inventory import RAW_SCHEMA, Column, ColumnType, RawTable
from ol_orchestrate.lib.landing import LandingZone
from ol_orchestrate.lib.raw_loader import DuckDBLoader
from ol_orchestrate.lib.raw_tables import landed_files, landed_version
from ol_orchestrate.lib.warehouse import open_warehouse

from .toy_tables import (
    DAY,
    LOGS,
    NOW,
    PARQUET,
    RUN_LINES,
    events,
    land,
    land_lines,
    land_one_more,
    load,
    overtaken_before,
)


@pytest.fixture
def settings(tmp_path: Path) -> IcebergSettings:
    (tmp_path / "lakehouse").mkdir()
    uri = f"sqlite:///{tmp_path / 'catalogue.db'}"
    return IcebergSettings.of_sql("ol_data_lake", uri, f"file://{tmp_path / 'lakehouse'}", {})


@pytest.fixture
def loader(settings: IcebergSettings) -> Iterator[IcebergLoader]:
    with iceberg_loader(settings, {"threads": 2}) as loader:
        yield loader


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
    land_one_more(loader, zone)
    overtaken_before(monkeypatch, IcebergLoader, "_record", settings, zone)
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
    load(loader, zone, RUN_LINES)
    with duckdb_loader(tmp_path) as connection:
        load(DuckDBLoader(connection), zone, RUN_LINES)
        expected = connection.sql(f"select * from {RAW_SCHEMA}.{RUN_LINES.name}").to_arrow_table().to_pylist()
    assert rows(loader, RUN_LINES) == expected
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


LOADING = """
import resource, sys
from pathlib import Path
import toy_tables
from ol_orchestrate.lib.iceberg_tables import iceberg_loader
from ol_orchestrate.lib.iceberg_settings import IcebergSettings

folder = Path(sys.argv[1])
uri, warehouse = f"sqlite:///{folder / 'catalogue.db'}", f"file://{folder / 'lakehouse'}"
with iceberg_loader(IcebergSettings.of_sql("ol_data_lake", uri, warehouse, {}), {}) as loader:
    toy_tables.load(loader, toy_tables.LandingZone(folder / "landing"))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_what_lands(tmp_path: Path, zone: LandingZone) -> None:
    """200 MB of rows as Arrow pass through while the process grows by less than half of that beside its libraries."""
    text = "x" * 1000
    wide = [{**event, "event": json.dumps(text)} for event in events(*["ann"] * 20_000)]
    land(zone, {f"{number}.parquet": wide for number in range(10)})
    (tmp_path / "lakehouse").mkdir()
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", LOADING, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
        check=True,
    )
    assert int(done.stdout) * 1024 < 900 << 20
    assert time.monotonic() - began < 60


def test_tables_in_s3(s3_bucket: str, s3_environ: dict[str, str], zone: LandingZone, tmp_path: Path) -> None:
    warehouse = f"s3://{s3_bucket}/warehouse"
    uri = f"sqlite:///{tmp_path / 'catalogue.db'}"
    settings = IcebergSettings.of_sql("ol_data_lake", uri, warehouse, s3_environ)
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
