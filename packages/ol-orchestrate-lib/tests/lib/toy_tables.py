"""Two small raw tables and what lands for them, for the tests of every loader."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ol_orchestrate.lib.iceberg_settings import IcebergSettings
from ol_orchestrate.lib.iceberg_tables import iceberg_loader
from ol_orchestrate.lib.inventory import Column, ColumnType, FileFormat, FileSource, Freshness, RawTable
from ol_orchestrate.lib.landing import LandedObject, LandingZone, Manifest
from ol_orchestrate.lib.raw_loader import RawTableLoader
from ol_orchestrate.lib.raw_tables import LoadResult, landed_files

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
    source=FileSource("course_metadata", FileFormat.JSON),
    columns=(
        Column("course_id", ColumnType.TEXT, "Run."),
        Column("tabs", ColumnType.JSON, "Tabs."),
        Column("self_paced", ColumnType.BOOLEAN, "Pace."),
        Column("weight", ColumnType.DOUBLE, "Weight."),
        Column("position", ColumnType.BIGINT, "Place."),
        Column("start", ColumnType.TIMESTAMP, "Start."),
    ),
)
RUN_LINES = replace(RUNS, source=FileSource("course_metadata", FileFormat.JSONL))
"""The same from JSON lines."""

PARQUET = pa.schema(
    {"username": pa.string(), "event": pa.string(), "time": pa.timestamp("us", tz="UTC"), "line_number": pa.int64()}
)
"""What the files of LOGS hold."""

type Rows = Sequence[Mapping[str, Any]]


def events(*names: str | None, start: int = 1) -> Rows:
    """One row of LOGS a name, a second apart."""
    return [
        {"username": name, "event": '{"id": 1}', "time": NOW + timedelta(seconds=line), "line_number": line}
        for line, name in enumerate(names, start)
    ]


def land(
    zone: LandingZone, files: Mapping[str, Rows], directory: str = DAY, *, schema: pa.Schema = PARQUET, counted: int = 0
) -> None:
    """Make `files` the current objects of a directory; `counted` is added to the row counts of the manifest."""
    objects = []
    for key, rows in files.items():
        path = Path(str(zone.root)) / directory / key
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), path)
        objects.append(described(key, path.read_bytes(), len(rows) + counted))
    zone.write_manifest(directory, Manifest(tuple(objects)))


def land_text(zone: LandingZone, directory: str, key: str, text: str, rows: int | None) -> None:
    """Make one text the current object of a directory."""
    path = Path(str(zone.root)) / directory / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    zone.write_manifest(directory, Manifest((described(key, text.encode(), rows),)))


def land_lines(zone: LandingZone, *documents: object) -> None:
    """Make JSON lines the one object of RUN_LINES."""
    text = "".join(f"{json.dumps(document)}\n" for document in documents)
    land_text(zone, "course_metadata/a", "rows.jsonl", text, len(documents))


def land_one_more(loader: RawTableLoader, zone: LandingZone) -> None:
    """Load an object of ann, and land one of bob beside it that is not loaded yet."""
    land(zone, {"a.parquet": events("ann")})
    load(loader, zone)
    land(zone, {"a.parquet": events("ann"), "b.parquet": events("bob")})


def overtaken_before(
    monkeypatch: pytest.MonkeyPatch, owner: type, method: str, settings: IcebergSettings, zone: LandingZone
) -> None:
    """Let another load commit just before the next call of a method."""
    original = getattr(owner, method)

    def overtaken(self: object, *arguments: object, **more: object) -> None:
        monkeypatch.setattr(owner, method, original)
        with iceberg_loader(settings, {}) as other:
            load(other, zone)
        original(self, *arguments, **more)

    monkeypatch.setattr(owner, method, overtaken)


def described(key: str, content: bytes, rows: int | None) -> LandedObject:
    digest = hashlib.sha256(content).hexdigest()
    return LandedObject(key, digest, len(content), digest, rows)


def load(loader: RawTableLoader, zone: LandingZone, table: RawTable = LOGS) -> LoadResult:
    """Load what is current for a table."""
    return loader.load(table, zone, landed_files(zone, table), loaded_at=NOW)
