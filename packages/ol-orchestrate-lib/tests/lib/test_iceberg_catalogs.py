"""The loader on each catalogue, by the settings an operator makes, with the tables in S3.

PostgreSQL is stood for by SQLite, Glue and S3 by moto; the REST catalogue is Apache Iceberg's own (`engines`).
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from ol_orchestrate.lib.errors import SourceUnavailable
from ol_orchestrate.lib.iceberg_settings import IcebergSettings
from ol_orchestrate.lib.iceberg_tables import IcebergLoader, iceberg_loader
from ol_orchestrate.lib.inventory import RAW_SCHEMA, Column, ColumnType
from ol_orchestrate.lib.landing import LandingZone
from ol_orchestrate.lib.raw_tables import LoadResult, landed_files, landed_version

from .toy_tables import LOGS, RUNS, events, land, land_one_more, load, overtaken_before


@pytest.fixture
def settings(catalogue: dict[str, str], tmp_path: Path) -> IcebergSettings:
    return IcebergSettings.from_environ(catalogue, tmp_path)


@pytest.fixture
def loader(settings: IcebergSettings) -> Iterator[IcebergLoader]:
    with iceberg_loader(settings, {"threads": 2}) as loader:
        yield loader


def names(loader: IcebergLoader) -> list[str]:
    rows = loader.catalog.load_table((RAW_SCHEMA, LOGS.name)).scan().to_arrow()
    return sorted(rows["username"].to_pylist())


def objects(settings: IcebergSettings) -> set[str]:
    """Every object below the warehouse."""
    import boto3

    bucket = settings.warehouse_uri.split("/")[2]
    pages = boto3.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return {entry["Key"] for page in pages for entry in page.get("Contents", [])}


def test_rows_arrive_once_and_the_second_load_writes_nothing(
    loader: IcebergLoader, zone: LandingZone, settings: IcebergSettings
) -> None:
    assert loader.loaded_version(LOGS.name) is None
    land(zone, {"a.parquet": events("ann", "bob"), "b.parquet": events("cid")})
    assert load(loader, zone).is_conserved
    before = objects(settings)
    again = load(loader, zone)
    assert (again.wrote, again.unchanged, again.loaded) == (False, 2, 3)
    assert objects(settings) == before
    assert names(loader) == ["ann", "bob", "cid"]
    assert loader.loaded_version(LOGS.name) == landed_version(landed_files(zone, LOGS))


def test_changed_and_vanished_objects_are_replaced_in_one_step(loader: IcebergLoader, zone: LandingZone) -> None:
    land(zone, {"a.parquet": events("ann"), "b.parquet": events("bob"), "c.parquet": events("cid")})
    load(loader, zone)
    before = loader.catalog.load_table((RAW_SCHEMA, LOGS.name))
    land(zone, {"a.parquet": events("eve"), "c.parquet": events("cid")})
    result = load(loader, zone)
    assert (result.changed, result.removed, result.unchanged, result.is_conserved) == (1, 1, 1, True)
    assert names(loader) == ["cid", "eve"]
    assert sorted(before.scan().to_arrow()["username"].to_pylist()) == ["ann", "bob", "cid"], "a reader under way"


def test_other_columns_in_the_inventory_make_the_table_anew(loader: IcebergLoader, zone: LandingZone) -> None:
    land(zone, {"a.parquet": events("ann")})
    load(loader, zone, replace(LOGS, columns=(*LOGS.columns[:3], Column("line_number", ColumnType.TEXT, "Where."))))
    assert load(loader, zone).rows_inserted == 1
    table = loader.catalog.load_table((RAW_SCHEMA, LOGS.name))
    assert table.scan().to_arrow()["line_number"].to_pylist() == [1]


def test_tables_are_made_where_schemas_may_not_be(
    loader: IcebergLoader, monkeypatch: pytest.MonkeyPatch, settings: IcebergSettings
) -> None:
    loader.ensure_tables([LOGS])
    refuse = lambda *_: pytest.fail("the schema is there, and was to be made again")  # noqa: E731
    monkeypatch.setattr(type(loader.catalog), "create_namespace", refuse)
    loader.ensure_tables([LOGS, RUNS])
    assert {name for _, name in loader.catalog.list_tables(RAW_SCHEMA)} == {LOGS.name, RUNS.name}


def test_the_ledger_lies_beside_the_tables_folder_and_not_in_it(
    loader: IcebergLoader, zone: LandingZone, settings: IcebergSettings
) -> None:
    """Maintenance removes what it finds in the folder and in no snapshot."""
    land(zone, {"a.parquet": events("ann")})
    load(loader, zone)
    table = loader.catalog.load_table((RAW_SCHEMA, LOGS.name))
    ledger = table.properties["ol.ledger"]
    assert not ledger.startswith(f"{table.location()}/")
    assert ledger.startswith(settings.warehouse_uri)


def test_a_load_that_is_overtaken_changes_nothing(
    loader: IcebergLoader, zone: LandingZone, settings: IcebergSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one commits after this one has written its files and before it commits."""
    land_one_more(loader, zone)
    overtaken_before(monkeypatch, IcebergLoader, "_record", settings, zone)
    with pytest.raises(SourceUnavailable, match=r"somebody else changed the table.*Nothing was changed by us"):
        load(loader, zone)
    assert names(loader) == ["ann", "bob"]
    assert not load(loader, zone).wrote


def test_loads_at_the_same_moment_load_nothing_twice(
    loader: IcebergLoader, zone: LandingZone, settings: IcebergSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three that have all written their files commit at once: one does, the others say so."""
    land_one_more(loader, zone)
    record, together = IcebergLoader._record, Barrier(3, timeout=60)

    def meet(self: IcebergLoader, *arguments: Any) -> None:
        together.wait()
        record(self, *arguments)

    def attempt(_: int) -> LoadResult | SourceUnavailable:
        try:
            with iceberg_loader(settings, {}) as other:
                return load(other, zone)
        except SourceUnavailable as error:
            return error

    monkeypatch.setattr(IcebergLoader, "_record", meet)
    with ThreadPoolExecutor(3) as pool:
        outcomes = list(pool.map(attempt, range(3)))
    monkeypatch.setattr(IcebergLoader, "_record", record)
    assert [outcome.is_conserved for outcome in outcomes if isinstance(outcome, LoadResult)] == [True]
    assert names(loader) == ["ann", "bob"]
    assert not load(loader, zone).wrote


@pytest.mark.parametrize("catalogue", ["glue"], indirect=True)
def test_glue_refuses_whoever_was_overtaken_at_the_very_last(
    loader: IcebergLoader, zone: LandingZone, settings: IcebergSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between PyIceberg's last look at the table and its update there is only the version that Glue compares."""
    from pyiceberg.catalog.glue import GlueCatalog

    land_one_more(loader, zone)
    overtaken_before(monkeypatch, GlueCatalog, "_update_glue_table", settings, zone)
    with pytest.raises(SourceUnavailable, match="somebody else changed the table"):
        load(loader, zone)
    assert names(loader) == ["ann", "bob"]


KILLED = """
import os, sys
from pathlib import Path
import toy_tables
from ol_orchestrate.lib.iceberg_settings import IcebergSettings
from ol_orchestrate.lib.iceberg_tables import IcebergLoader, iceberg_loader

def hang(self, *arguments):
    print("written", flush=True)
    input()

IcebergLoader._record = hang
folder = Path(sys.argv[1])
with iceberg_loader(IcebergSettings.from_environ(os.environ, folder), {}) as loader:
    toy_tables.load(loader, toy_tables.LandingZone(folder / "landing"))
"""


def test_a_killed_load_leaves_the_old_table_and_can_be_done_again(
    loader: IcebergLoader, zone: LandingZone, catalogue: dict[str, str], tmp_path: Path
) -> None:
    land(zone, {"a.parquet": events("ann"), "b.parquet": events("bob")})
    load(loader, zone)
    land(zone, {"a.parquet": events("eve"), "b.parquet": events("bob")})
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent,
        env={**os.environ, **catalogue},
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "written\n"
        process.send_signal(signal.SIGKILL)
    assert names(loader) == ["ann", "bob"]
    assert load(loader, zone).is_conserved
    assert names(loader) == ["bob", "eve"]
