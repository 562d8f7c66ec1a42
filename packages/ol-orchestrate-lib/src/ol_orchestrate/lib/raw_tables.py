"""Landed files into raw tables: what changed is worked out from manifests, and loaded set by set in one transaction.

A ledger in the warehouse says which objects a table holds, and of which content. Loading compares it with what the
manifests say is current, removes the rows of objects that are gone or changed, and reads the new ones. So a load may be
killed anywhere, run twice, or run after any number of missed ones: afterwards the table holds exactly what landed.
"""

# ruff: noqa: S608 (every name in a statement comes from the inventory, which allows nothing but [a-z0-9_])
import glob
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import duckdb

from ol_orchestrate.lib.errors import MalformedInput
from ol_orchestrate.lib.hashing import content_hash
from ol_orchestrate.lib.inventory import RAW_SCHEMA, Column, ColumnType, FileFormat, RawTable
from ol_orchestrate.lib.landing import LandingZone, Manifest
from ol_orchestrate.lib.warehouse import naming_unreadable_files

if TYPE_CHECKING:
    import pyarrow as pa

OBJECT_KEY, PARTITION_KEY, LOADED_AT = "_object_key", "_partition_key", "_loaded_at"

LOADER_COLUMNS = (
    Column(OBJECT_KEY, ColumnType.TEXT, "Key of the landed object the row was read from."),
    Column(PARTITION_KEY, ColumnType.TEXT, "Partition the object was delivered in: a course run, or a day of logs."),
    Column(LOADED_AT, ColumnType.TIMESTAMP, "When the row was loaded, UTC."),
)
"""What the loader adds to every raw table."""

LEDGER = f"{RAW_SCHEMA}._loads"
"""One row per raw table and landed object: its content hash, its row count, and when it was loaded."""

_SQL_TYPES = {
    ColumnType.TEXT: "VARCHAR",
    ColumnType.BIGINT: "BIGINT",
    ColumnType.DOUBLE: "DOUBLE",
    ColumnType.BOOLEAN: "BOOLEAN",
    ColumnType.JSON: "VARCHAR",
    ColumnType.TIMESTAMP: "TIMESTAMP",
}
_LONGEST_JSON_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class LandedFile:
    """One current object of a raw table; `key` and `uri` are its place, `rows` what its manifest counts."""

    key: str
    partition: str
    uri: str
    sha256: str
    rows: int | None


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What one load did, in objects and rows. `read` is what the manifests count, `loaded` what the table now holds."""

    table: str
    added: int
    changed: int
    removed: int
    unchanged: int
    rows_deleted: int
    rows_inserted: int
    read: int
    loaded: int

    @property
    def wrote(self) -> bool:
        """False when the table was already what landed."""
        return bool(self.added or self.changed or self.removed)

    @property
    def is_conserved(self) -> bool:
        """Every row that landed is in the table, and none else."""
        return self.read == self.loaded


def landed_files(zone: LandingZone, table: RawTable) -> tuple[LandedFile, ...]:
    """Every object that is current for a table, by key. Reads each manifest below the table's prefix once.

    Raises:
        MalformedInput: A manifest cannot be read.
    """
    found = (files_of(zone, table, *recorded) for recorded in zone.manifests(table.source.prefix))
    return tuple(chain.from_iterable(found))


def files_of(zone: LandingZone, table: RawTable, directory: str, manifest: Manifest) -> tuple[LandedFile, ...]:
    """The objects that one manifest names for a table."""
    return tuple(
        LandedFile(
            key=str(PurePosixPath(directory, item.key)),
            partition=directory.removeprefix(table.source.prefix).strip("/"),
            uri=str(zone.path(str(PurePosixPath(directory, item.key)))),
            sha256=item.sha256,
            rows=item.rows,
        )
        for item in manifest.objects
    )


def landed_version(files: Iterable[LandedFile]) -> str:
    """The hash of everything that landed for a table: equal exactly when there is nothing new to load."""
    return content_hash({file.key: file.sha256 for file in files})


def loaded_version(connection: duckdb.DuckDBPyConnection, table: str) -> str | None:
    """What `landed_version` was when the table was last loaded; None when it never was."""
    known = "select 1 from information_schema.tables where table_schema || '.' || table_name = ?"
    if not all(connection.execute(known, [name]).fetchone() for name in (LEDGER, f"{RAW_SCHEMA}.{table}")):
        return None
    rows = connection.execute(f"select object_key, sha256 from {LEDGER} where table_name = ?", [table]).fetchall()
    return content_hash(dict(rows))


def register_store(connection: duckdb.DuckDBPyConnection, zone: LandingZone) -> None:
    """Let a connection read `zone` where it is not a local folder, through fsspec instead of a downloaded extension."""
    if isinstance(zone.root, Path) or connection.filesystem_is_registered(zone.root.protocol):
        return
    connection.register_filesystem(zone.root.fs)


def create_table_sql(table: RawTable) -> str:
    """The statement that makes a raw table when it is not there."""
    columns = ",\n".join(f"    {_quoted(column)} {_SQL_TYPES[column.type]}" for column in _all_columns(table))
    columns = columns.replace(f'"{OBJECT_KEY}" VARCHAR', f'"{OBJECT_KEY}" VARCHAR not null')
    return f"create table if not exists {RAW_SCHEMA}.{table.name} (\n{columns}\n)"


def create_raw_table(connection: duckdb.DuckDBPyConnection, table: RawTable) -> None:
    """Make a raw table, and its schema, when it is not there."""
    connection.execute(f"create schema if not exists {RAW_SCHEMA}")
    connection.execute(create_table_sql(table))


def load_table(
    connection: duckdb.DuckDBPyConnection, table: RawTable, landed: Sequence[LandedFile], *, loaded_at: datetime
) -> LoadResult:
    """Make a raw table hold exactly the rows of its landed files. One transaction; nothing is written when it does.

    A table whose columns are not those of the inventory (an older warehouse) is made anew from the files.

    Args:
        connection: A writer's connection; other stores than local folders registered (`register_store`).
        table: What to load.
        landed: Everything that is current for it (`landed_files`).
        loaded_at: The time to record with new rows, aware.

    Raises:
        MalformedInput: A file cannot be read as described, or holds another number of rows than its manifest says.
        UpstreamObjectMissing: A file is not there.
    """
    connection.begin()
    try:
        result = _load(connection, table, landed, loaded_at.astimezone(UTC).replace(tzinfo=None))
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    return result


def _load(
    connection: duckdb.DuckDBPyConnection, table: RawTable, landed: Sequence[LandedFile], loaded_at: datetime
) -> LoadResult:
    _prepare(connection, table)
    _stage_landed(connection, landed)
    removed, changed, added = _compare(connection, table)
    rows_deleted = _delete_stale(connection, table) if removed or changed else 0
    rows_inserted = _insert_fresh(connection, table, loaded_at) if added or changed else 0
    loaded = _scalar(connection, f"select count(*) from {RAW_SCHEMA}.{table.name}")
    read = _scalar(
        connection,
        "select coalesce(sum(coalesce(n.declared_rows, l.row_count)), 0) from _landed n "
        f"join {LEDGER} l on l.object_key = n.object_key and l.table_name = ?",
        table.name,
    )
    return LoadResult(
        table=table.name,
        added=added,
        changed=changed,
        removed=removed,
        unchanged=len(landed) - added - changed,
        rows_deleted=rows_deleted,
        rows_inserted=rows_inserted,
        read=read,
        loaded=loaded,
    )


def _prepare(connection: duckdb.DuckDBPyConnection, table: RawTable) -> None:
    """Make schema, ledger and table; drop a table of other columns together with its part of the ledger."""
    connection.execute(f"create schema if not exists {RAW_SCHEMA}")
    connection.execute(
        f"create table if not exists {LEDGER} "
        "(table_name VARCHAR, object_key VARCHAR, sha256 VARCHAR, row_count BIGINT, loaded_at TIMESTAMP)"
    )
    found = connection.execute(
        "select column_name, data_type from information_schema.columns "
        "where table_schema = ? and table_name = ? order by ordinal_position",
        [RAW_SCHEMA, table.name],
    ).fetchall()
    wanted = [(column.name, _SQL_TYPES[column.type]) for column in _all_columns(table)]
    if found != wanted:
        connection.execute(f"drop table if exists {RAW_SCHEMA}.{table.name}")
        connection.execute(f"delete from {LEDGER} where table_name = ?", [table.name])
    connection.execute(create_table_sql(table))


def _stage_landed(connection: duckdb.DuckDBPyConnection, landed: Sequence[LandedFile]) -> None:
    connection.execute(
        "create or replace temp table _landed as select unnest(?::varchar[]) as object_key, "
        "unnest(?::varchar[]) as partition_key, unnest(?::varchar[]) as uri, unnest(?::varchar[]) as sha256, "
        "unnest(?::bigint[]) as declared_rows",
        [
            [file.key for file in landed],
            [file.partition for file in landed],
            [file.uri for file in landed],
            [file.sha256 for file in landed],
            [file.rows for file in landed],
        ],
    )


def _compare(connection: duckdb.DuckDBPyConnection, table: RawTable) -> tuple[int, int, int]:
    """Mark what differs between ledger and manifests; the counts of removed, changed and added objects."""
    connection.execute(
        "create or replace temp table _changes as "
        "select coalesce(n.object_key, l.object_key) as object_key, "
        "case when n.object_key is null then 'removed' when l.object_key is null then 'added' else 'changed' end kind "
        f"from _landed n full join (select * from {LEDGER} where table_name = ?) l on n.object_key = l.object_key "
        "where n.sha256 is distinct from l.sha256",
        [table.name],
    )
    counts = dict(connection.execute("select kind, count(*) from _changes group by kind").fetchall())
    return counts.get("removed", 0), counts.get("changed", 0), counts.get("added", 0)


def _delete_stale(connection: duckdb.DuckDBPyConnection, table: RawTable) -> int:
    stale = "select object_key from _changes where kind <> 'added'"
    connection.execute(f"delete from {LEDGER} where table_name = ? and object_key in ({stale})", [table.name])
    return _scalar(connection, f"delete from {RAW_SCHEMA}.{table.name} where {OBJECT_KEY} in ({stale})")


def _insert_fresh(connection: duckdb.DuckDBPyConnection, table: RawTable, loaded_at: datetime) -> int:
    connection.execute(
        "create or replace temp table _fresh as select n.* from _landed n join _changes c using (object_key) "
        "where c.kind <> 'removed'"
    )
    uris = _fresh_uris(connection)
    insert = f"insert into {RAW_SCHEMA}.{table.name} by name {_rows_sql(table)}"
    with naming_unreadable_files(table.name, "/".join(table.asset_key)):
        inserted = _scalar(connection, insert, loaded_at, uris)
    _record(connection, table, loaded_at)
    return inserted


def read_rows(
    connection: duckdb.DuckDBPyConnection,
    table: RawTable,
    files: Sequence[LandedFile],
    *,
    loaded_at: datetime,
    batch_rows: int,
) -> "pa.RecordBatchReader":
    """The rows of landed files as a raw table holds them, as a stream of Arrow batches.

    What `load_table` writes and what another engine is given come from one statement, so both hold the same values.
    Errors of a file surface while the stream is read: read it within `naming_unreadable_files`.

    Args:
        connection: An embedded one, with the files' store registered (`register_store`); nothing else is used of it.
        table: What the files are of.
        files: Which ones.
        loaded_at: The time to record, aware.
        batch_rows: Rows of a batch, at most.
    """
    _stage_landed(connection, files)
    connection.execute("create or replace temp table _fresh as select * from _landed")
    parameters = [loaded_at.astimezone(UTC).replace(tzinfo=None), _fresh_uris(connection)]
    return connection.sql(_rows_sql(table), params=parameters).to_arrow_reader(batch_rows)


def _rows_sql(table: RawTable) -> str:
    """Reads the files of `_fresh` into the columns of a table; its parameters are a time and the files' URIs."""
    columns = ", ".join(
        f"cast(r.{_quoted(column)} as {_SQL_TYPES[column.type]}) as {_quoted(column)}" for column in table.columns
    )
    return (
        f"select {columns}, f.object_key as {OBJECT_KEY}, f.partition_key as {PARTITION_KEY}, "
        f"cast(? as timestamp) as {LOADED_AT} from {_reader(table)} r left join _fresh f on r._uri = f.uri"
    )


def _fresh_uris(connection: duckdb.DuckDBPyConnection) -> list[str]:
    return [glob.escape(uri) for (uri,) in connection.execute("select uri from _fresh order by uri").fetchall()]


def _record(connection: duckdb.DuckDBPyConnection, table: RawTable, loaded_at: datetime) -> None:
    """Count what arrived by reading it back, compare it with the manifests, and write the ledger."""
    connection.execute(
        "create or replace temp table _counted as "
        "select f.object_key, f.sha256, f.declared_rows, count(t.object_key) as row_count from _fresh f left join "
        f"(select {OBJECT_KEY} as object_key from {RAW_SCHEMA}.{table.name}) t "
        "on f.object_key = t.object_key group by all"
    )
    wrong = connection.execute(
        "select object_key, declared_rows, row_count from _counted where declared_rows <> row_count order by object_key"
    ).fetchall()
    if wrong:
        raise wrong_row_count(table, *wrong[0], files=len(wrong))
    connection.execute(
        f"insert into {LEDGER} select ?, object_key, sha256, row_count, ? from _counted",
        [table.name, loaded_at],
    )


def wrong_row_count(table: RawTable, key: str, declared: int, counted: int, *, files: int) -> MalformedInput:
    """What is said of an object whose rows are not as many as its manifest counts, one of `files` such."""
    return MalformedInput(
        f"Loading {table.name}: the manifest of {key} counts {declared} rows and the file gave {counted}; "
        f"{files} files differ. Nothing was loaded. Materialize what writes them again.",
        source=key,
        reason="row_count",
    )


def _reader(table: RawTable) -> str:
    """The table function that reads a list of files (its one parameter) with exactly the inventory's columns."""
    match table.source.format:
        case FileFormat.PARQUET:
            return "read_parquet(?, filename = '_uri')"
        case FileFormat.JSONL:
            layout = "newline_delimited"
        case FileFormat.JSON:
            layout = "unstructured"
    types = ", ".join(f"{_quoted(column)}: '{_json_type(column)}'" for column in table.columns)
    return (
        f"read_json(?, columns = {{{types}}}, format = '{layout}', filename = '_uri', "
        f"maximum_object_size = {_LONGEST_JSON_BYTES})"
    )


def _json_type(column: Column) -> str:
    # JSON keeps the quotes of a text, so that the column is valid JSON whatever the value is.
    return "JSON" if column.type is ColumnType.JSON else _SQL_TYPES[column.type]


def _all_columns(table: RawTable) -> tuple[Column, ...]:
    return table.columns + LOADER_COLUMNS


def _quoted(column: Column) -> str:
    return f'"{column.name}"'


def _scalar(connection: duckdb.DuckDBPyConnection, sql: str, *parameters: object) -> int:
    row = connection.execute(sql, list(parameters)).fetchone()
    return int(row[0]) if row else 0
