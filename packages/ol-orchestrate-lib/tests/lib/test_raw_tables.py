# ruff: noqa: S311, DTZ001 (statements of the test's own names; seeded chance; DuckDB's times have no zone)
import json
import pickle
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import duckdb
import pytest

from ol_orchestrate.lib.errors import MalformedInput, UpstreamObjectMissing
from ol_orchestrate.lib.inventory import Column, ColumnType, RawTable
from ol_orchestrate.lib.landing import LandingZone
from ol_orchestrate.lib.raw_tables import (
    LEDGER,
    LoadResult,
    create_table_sql,
    landed_files,
    landed_version,
    load_table,
    loaded_version,
    register_store,
)
from ol_orchestrate.lib.warehouse import open_warehouse

from .toy_tables import DAY, LOGS, NOW, RUN_LINES, RUNS, events, land, land_text

QUALIFIED = f"ol_warehouse_raw_data.{LOGS.name}"


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_warehouse(tmp_path / "warehouse.duckdb") as connection:
        yield connection


def load(
    connection: duckdb.DuckDBPyConnection, zone: LandingZone, table: RawTable = LOGS, loaded_at: datetime = NOW
) -> LoadResult:
    return load_table(connection, table, landed_files(zone, table), loaded_at=loaded_at)


def names(connection: duckdb.DuckDBPyConnection) -> list[str]:
    return [name for (name,) in connection.execute(f"select username from {QUALIFIED} order by 1").fetchall()]


def test_landed_files_are_loaded_with_what_they_came_from(
    connection: duckdb.DuckDBPyConnection, zone: LandingZone
) -> None:
    land(zone, {"host/tracking.log.0.parquet": events("ada", "bob")})
    result = load(connection, zone)
    assert (result.added, result.rows_inserted, result.read, result.loaded) == (1, 2, 2, 2)
    assert result.is_conserved
    assert connection.execute(f"select * from {QUALIFIED} order by line_number").fetchall() == [
        (
            name,
            '{"id": 1}',
            datetime(2024, 3, 1, 12, 0, line),
            line,
            f"{DAY}/host/tracking.log.0.parquet",
            "2024-03-01",
            datetime(2024, 3, 1, 12),
        )
        for line, name in enumerate(("ada", "bob"), 1)
    ]


def test_a_second_load_writes_nothing(connection: duckdb.DuckDBPyConnection, zone: LandingZone) -> None:
    land(zone, {"a.parquet": events("ada")})
    load(connection, zone)
    result = load(connection, zone, loaded_at=NOW + timedelta(days=1))
    assert not result.wrote
    assert (result.unchanged, result.rows_inserted, result.loaded) == (1, 0, 1)
    assert connection.execute(f"select distinct _loaded_at from {QUALIFIED}").fetchall() == [
        (datetime(2024, 3, 1, 12),)
    ]


def test_a_changed_file_replaces_its_rows_and_no_others(
    connection: duckdb.DuckDBPyConnection, zone: LandingZone
) -> None:
    land(zone, {"a.parquet": events("ada", "bob"), "b.parquet": events("cy")})
    load(connection, zone)
    land(zone, {"a.parquet": events("dee"), "b.parquet": events("cy")})
    result = load(connection, zone)
    assert (result.changed, result.unchanged, result.rows_deleted, result.rows_inserted) == (1, 1, 2, 1)
    assert names(connection) == ["cy", "dee"]


def test_a_file_that_is_no_longer_current_is_taken_out(
    connection: duckdb.DuckDBPyConnection, zone: LandingZone
) -> None:
    land(zone, {"a.parquet": events("ada"), "b.parquet": events("bob")})
    load(connection, zone)
    land(zone, {"b.parquet": events("bob")})
    result = load(connection, zone)
    assert (result.removed, result.rows_deleted) == (1, 1)
    assert names(connection) == ["bob"]


def test_a_table_nothing_has_landed_for_is_there_and_typed(
    connection: duckdb.DuckDBPyConnection, zone: LandingZone
) -> None:
    result = load(connection, zone)
    assert (result.read, result.loaded, result.wrote) == (0, 0, False)
    described = connection.execute(f"describe {QUALIFIED}").fetchall()
    assert {name: data_type for name, data_type, *_ in described} == {
        "username": "VARCHAR",
        "event": "VARCHAR",
        "time": "TIMESTAMP",
        "line_number": "BIGINT",
        "_object_key": "VARCHAR",
        "_partition_key": "VARCHAR",
        "_loaded_at": "TIMESTAMP",
    }


def test_an_empty_file_is_known_to_be_empty(connection: duckdb.DuckDBPyConnection, zone: LandingZone) -> None:
    land(zone, {"a.parquet": []})
    assert load(connection, zone).added == 1
    assert load(connection, zone).unchanged == 1


def test_tables_keep_to_their_own_files(connection: duckdb.DuckDBPyConnection, zone: LandingZone) -> None:
    other = replace(LOGS, name="raw__xpro__openedx__tracking_logs")
    land(zone, {"a.parquet": events("ada")})
    load(connection, zone)
    load(connection, zone, other)
    land(zone, {"b.parquet": events("bob")})
    load(connection, zone)
    assert names(connection) == ["bob"]
    assert connection.execute(f"select username from ol_warehouse_raw_data.{other.name}").fetchall() == [("ada",)]


@pytest.mark.parametrize("key", ["a[1].parquet", "a*?.parquet", "course-v1:MITx+6.00+1T/x.parquet", "ü'\" x.parquet"])
def test_any_file_name_is_only_a_name(key: str, connection: duckdb.DuckDBPyConnection, zone: LandingZone) -> None:
    land(zone, {key: events("ada"), "a1.parquet": events("bob")})
    assert load(connection, zone).rows_inserted == 2
    assert connection.execute(f"select _object_key from {QUALIFIED} where username = 'ada'").fetchall() == [
        (f"{DAY}/{key}",)
    ]


def test_times_are_utc_whatever_the_process_thinks(
    zone: LandingZone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    try:
        land(zone, {"a.parquet": events("ada", start=0)})
        with open_warehouse(tmp_path / "warehouse.duckdb") as connection:
            load(connection, zone, loaded_at=NOW.astimezone(timezone(timedelta(hours=5))))
            found = connection.execute(f"select time, _loaded_at from {QUALIFIED}").fetchall()
    finally:
        monkeypatch.undo()
        time.tzset()
    assert found == [(datetime(2024, 3, 1, 12), datetime(2024, 3, 1, 12))]


def test_json_documents_keep_their_json(connection: duckdb.DuckDBPyConnection, zone: LandingZone) -> None:
    document = {"course_id": "A/B/C", "tabs": [{"name": "Wiki"}], "self_paced": False, "new": 1, "weight": 0.5}
    land_text(zone, "course_metadata/A+B+C", "x.json", json.dumps(document, indent=2), 1)
    load(connection, zone, RUNS)
    assert connection.execute(
        f"select course_id, tabs, self_paced, weight, _partition_key from ol_warehouse_raw_data.{RUNS.name}"
    ).fetchall() == [("A/B/C", '[{"name":"Wiki"}]', False, 0.5, "A+B+C")]


def test_json_lines_keep_text_apart_from_json(connection: duckdb.DuckDBPyConnection, zone: LandingZone) -> None:
    lines = ['{"course_id": 7, "tabs": "text"}', '{"course_id": null, "tabs": null}', '{"course_id": "x", "tabs": {}}']
    land_text(zone, "course_metadata/run", "x.jsonl", "\n".join(lines) + "\n", 3)
    load(connection, zone, RUN_LINES)
    assert connection.execute(
        f"select course_id, tabs from ol_warehouse_raw_data.{RUNS.name} order by tabs nulls first"
    ).fetchall() == [(None, None), ("7", '"text"'), ("x", "{}")]


def test_a_long_line_is_read(connection: duckdb.DuckDBPyConnection, zone: LandingZone) -> None:
    land_text(zone, "course_metadata/run", "x.jsonl", json.dumps({"course_id": "x" * (20 << 20)}) + "\n", 1)
    assert load(connection, zone, RUN_LINES).loaded == 1


def test_other_counts_than_the_manifests_load_nothing(connection: duckdb.DuckDBPyConnection, zone: LandingZone) -> None:
    land(zone, {"a.parquet": events("ada")})
    load(connection, zone)
    land(zone, {"b.parquet": events("bob", "cy")}, counted=1)
    with pytest.raises(MalformedInput, match="counts 3 rows and the file gave 2") as caught:
        load(connection, zone)
    assert (caught.value.source, caught.value.reason) == (f"{DAY}/b.parquet", "row_count")
    assert names(connection) == ["ada"]


def test_a_manifest_without_counts_is_taken_at_its_files(
    connection: duckdb.DuckDBPyConnection, zone: LandingZone
) -> None:
    land_text(zone, "course_metadata/run", "x.json", '{"course_id": "x"}', None)
    result = load(connection, zone, RUNS)
    assert (result.read, result.loaded) == (1, 1)
    assert result.is_conserved


def test_a_missing_file_is_named_and_nothing_is_lost(connection: duckdb.DuckDBPyConnection, zone: LandingZone) -> None:
    land(zone, {"a.parquet": events("ada")})
    load(connection, zone)
    land(zone, {"b.parquet": events("bob")})
    zone.remove(f"{DAY}/b.parquet")
    with pytest.raises(UpstreamObjectMissing) as caught:
        load(connection, zone)
    assert caught.value.uri.endswith(f"{DAY}/b.parquet")
    assert caught.value.asset_key == f"ol_warehouse_raw_data/{LOGS.name}"
    assert names(connection) == ["ada"]


@pytest.mark.parametrize(
    ("table", "text"),
    [
        (LOGS, "this is not Parquet" * 10),
        (RUNS, '{"course_id": "x", '),
        (RUNS, '{"weight": "heavy"}'),
    ],
)
def test_a_file_that_is_not_what_it_says_is_named(
    table: RawTable, text: str, connection: duckdb.DuckDBPyConnection, zone: LandingZone
) -> None:
    land_text(zone, f"{table.source.prefix}/x", "bad.file", text, 1)
    with pytest.raises(MalformedInput, match=r"bad\.file"):
        load(connection, zone, table)
    # The transaction is over, and the connection can be used.
    assert connection.execute("select 1").fetchall() == [(1,)]


def test_a_file_without_a_column_is_refused(connection: duckdb.DuckDBPyConnection, zone: LandingZone) -> None:
    land(zone, {"a.parquet": events("ada")})
    wider = replace(LOGS, columns=(*LOGS.columns, Column("page", ColumnType.TEXT, "Page.")))
    with pytest.raises(MalformedInput, match="page"):
        load(connection, zone, wider)


def test_a_warehouse_of_an_older_inventory_is_loaded_anew(
    connection: duckdb.DuckDBPyConnection, zone: LandingZone
) -> None:
    narrow = replace(LOGS, columns=LOGS.columns[:3])
    land(zone, {"a.parquet": events("ada")})
    load(connection, zone, narrow)
    result = load(connection, zone)
    assert (result.added, result.loaded) == (1, 1)
    assert connection.execute(f"select line_number from {QUALIFIED}").fetchall() == [(1,)]
    assert connection.execute(f"select count(*) from {LEDGER}").fetchall() == [(1,)]


def test_the_published_statement_makes_the_same_table(connection: duckdb.DuckDBPyConnection, zone: LandingZone) -> None:
    connection.execute("create schema ol_warehouse_raw_data")
    connection.execute(create_table_sql(LOGS))
    land(zone, {"a.parquet": events("ada")})
    assert load(connection, zone).loaded == 1


def test_versions_say_whether_there_is_something_to_load(
    connection: duckdb.DuckDBPyConnection, zone: LandingZone
) -> None:
    assert loaded_version(connection, LOGS.name) is None
    load(connection, zone)
    assert loaded_version(connection, LOGS.name) == landed_version(landed_files(zone, LOGS)) == landed_version([])
    land(zone, {"a.parquet": events("ada")})
    assert loaded_version(connection, LOGS.name) != landed_version(landed_files(zone, LOGS))
    load(connection, zone)
    assert loaded_version(connection, LOGS.name) == landed_version(landed_files(zone, LOGS))


def test_a_killed_load_leaves_the_table_as_it_was(zone: LandingZone, tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    land(zone, {"a.parquet": events("ada")})
    with open_warehouse(path) as connection:
        load(connection, zone)
    land(zone, {"a.parquet": events("bob", "cy")})

    code = """
    import os, pickle, signal, sys
    from ol_orchestrate.lib import raw_tables, warehouse
    path, zone, table, loaded_at = pickle.loads(sys.stdin.buffer.read())
    raw_tables._record = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    with warehouse.open_warehouse(path) as connection:
        raw_tables.load_table(connection, table, raw_tables.landed_files(zone, table), loaded_at=loaded_at)
    """
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], input=pickle.dumps((path, zone, LOGS, NOW)), check=False
    )
    assert killed.returncode == -signal.SIGKILL

    with open_warehouse(path) as connection:
        assert names(connection) == ["ada"]
        load(connection, zone)
        assert names(connection) == ["bob", "cy"]


def test_an_object_store_is_read_without_an_extension(
    connection: duckdb.DuckDBPyConnection, zone: LandingZone, s3_bucket: str
) -> None:
    land(zone, {"host/a[1].parquet": events("ada")})
    remote = LandingZone(f"s3://{s3_bucket}/landing")
    remote.publish(Path(str(zone.root)) / DAY / "host/a[1].parquet", f"{DAY}/host/a[1].parquet")
    manifest = zone.read_manifest(DAY)
    assert manifest
    remote.write_manifest(DAY, manifest)
    register_store(connection, remote)
    register_store(connection, remote)
    result = load(connection, remote)
    assert (result.rows_inserted, result.is_conserved) == (1, True)
    assert not load(connection, remote).wrote


def test_importing_the_loader_reads_nothing() -> None:
    code = "import sys, ol_orchestrate.lib.raw_tables; assert not {'dagster', 's3fs', 'boto3'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("seed", range(12))
def test_after_any_history_the_table_holds_what_is_current(seed: int, tmp_path: Path) -> None:
    """Landings come and go, and only some of them are followed by a load; the last one is."""
    chance = random.Random(seed)
    keys = ("a.parquet", "b/c.parquet", "d.parquet")
    history = [
        ({key: chance.randrange(4) for key in chance.sample(keys, chance.randrange(4))}, chance.random() < 0.5)
        for _ in range(chance.randint(1, 5))
    ]
    found, is_conserved = replayed(history, tmp_path)
    final = len(history) - 1
    assert found == sorted(f"{final}-{key}" for key, count in history[-1][0].items() for _ in range(count))
    assert is_conserved


def replayed(history: list[tuple[dict[str, int], bool]], folder: Path) -> tuple[list[str], bool]:
    zone = LandingZone(folder / "landing")
    with open_warehouse(folder / "warehouse.duckdb") as connection:
        for step, (files, is_loaded) in enumerate(history):
            land(zone, {key: events(*[f"{step}-{key}"] * count) for key, count in files.items()})
            if is_loaded:
                load(connection, zone)
        is_conserved = load(connection, zone).is_conserved
        return names(connection), is_conserved
