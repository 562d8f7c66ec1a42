"""Landed files into raw tables of an Iceberg warehouse: the same rows, columns and ledger as `raw_tables` on DuckDB.

One load is one Iceberg transaction: rows of objects that are gone or changed leave, new ones come, and the ledger moves
on in the same commit. Killed anywhere, readers keep the old snapshot, and the next load does it all again; data files
that were written for nothing are removed by maintenance (`iceberg_maintenance`).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import batched
from typing import TYPE_CHECKING, Any, Self, cast

import duckdb

from ol_orchestrate.lib.iceberg_catalog import open_catalog
from ol_orchestrate.lib.iceberg_errors import naming_iceberg_errors
from ol_orchestrate.lib.iceberg_ledger import (
    CURRENT,
    PREVIOUS,
    Ledger,
    LoadedObject,
    ledger_version,
    read_ledger,
    write_ledger,
)
from ol_orchestrate.lib.iceberg_settings import IcebergSettings
from ol_orchestrate.lib.inventory import RAW_SCHEMA, ColumnType, RawTable
from ol_orchestrate.lib.landing import LandingZone
from ol_orchestrate.lib.raw_tables import (
    LOADER_COLUMNS,
    OBJECT_KEY,
    LandedFile,
    LoadResult,
    read_rows,
    register_store,
    wrong_row_count,
)
from ol_orchestrate.lib.warehouse import naming_unreadable_files

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.catalog import Catalog
    from pyiceberg.schema import Schema
    from pyiceberg.table import Table, Transaction
    from pyiceberg.types import PrimitiveType

_BATCH_ROWS = 4096
_FILE_BYTES = 64 << 20
"""Arrow bytes gathered for one data file: what a load holds in memory. Maintenance makes larger files of them."""

_KEYS_PER_FILTER = 200
"""Above this, PyIceberg no longer compares a filter with the statistics of files and reads all of them."""

_PROPERTIES = {
    "format-version": "2",
    "write.target-file-size-bytes": str(_FILE_BYTES),
    # Object keys begin alike, and shortened statistics would not tell files apart when an object is replaced.
    f"write.metadata.metrics.column.{OBJECT_KEY}": "full",
    # A commit on top of somebody else's would append what that one has appended, and record another ledger.
    "commit.retry.num-retries": "0",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
}


@dataclass(frozen=True, slots=True)
class IcebergLoader:
    """Fills the raw tables of one catalogue. Made by `iceberg_loader`."""

    settings: IcebergSettings
    catalog: "Catalog"
    duckdb_config: Mapping[str, str | int]

    def ensure_tables(self, tables: Iterable[RawTable]) -> None:
        """Make the raw tables that are not there, empty: a model finds the tables of a site nothing landed for."""
        with naming_iceberg_errors(self.settings, "make raw tables"):
            for table in tables:
                self._open_or_create(table)

    def load(
        self, table: RawTable, zone: LandingZone, landed: Sequence[LandedFile], *, loaded_at: datetime
    ) -> LoadResult:
        """Make a raw table hold exactly the rows of its landed files, as `raw_tables.load_table` does.

        Memory: a few data files' worth of Arrow batches, however much has landed.

        Raises:
            MalformedInput: A file cannot be read as described, or holds another number of rows than its manifest says.
            UpstreamObjectMissing: A file is not there.
            SourceUnavailable: Catalogue or store did not answer, or somebody else changed the table meanwhile.
            SourceRejected: The catalogue or the store refused.
        """
        with naming_iceberg_errors(self.settings, f"load {table.name}"):
            return self._load(table, zone, landed, loaded_at)

    def loaded_version(self, table: str) -> str | None:
        """What `landed_version` was when the table was last loaded; None when it never was."""
        from pyiceberg.exceptions import NoSuchTableError

        with naming_iceberg_errors(self.settings, f"read the ledger of {table}"):
            try:
                found = self.catalog.load_table((RAW_SCHEMA, table))
            except NoSuchTableError:
                return None
            ledger = read_ledger(found.io, found.properties)
            return None if ledger is None else ledger_version(ledger)

    def _load(
        self, table: RawTable, zone: LandingZone, landed: Sequence[LandedFile], loaded_at: datetime
    ) -> LoadResult:
        target = self._open_or_create(table)
        as_described = _columns(target.schema()) == _columns(_schema(table))
        known = read_ledger(target.io, target.properties) if as_described else None
        held = ledger = known or {}
        changes = _Changes.between(landed, ledger)
        if changes or known is None:
            outdated = target.properties.get(PREVIOUS)
            with target.transaction() as transaction:
                if not as_described:
                    _describe_anew(transaction, table)
                _delete(transaction, changes)
                counted = self._append(transaction, table, zone, changes.fresh, loaded_at)
                held = changes.applied_to(ledger, counted, loaded_at)
                self._record(transaction, target, table, held)
            _remove_ledger(target, outdated)
        return _result(table, landed, changes, ledger, held, target.scan().count())

    def _open_or_create(self, table: RawTable) -> "Table":
        from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError

        identifier = (RAW_SCHEMA, table.name)
        try:
            return self.catalog.load_table(identifier)
        except NoSuchTableError:
            try:
                return self._create(table)
            except NoSuchNamespaceError:  # first the table: who may not make schemas may well fill one that is there
                self.catalog.create_namespace_if_not_exists(RAW_SCHEMA)
                return self._create(table)

    def _create(self, table: RawTable) -> "Table":
        identifier = (RAW_SCHEMA, table.name)
        return self.catalog.create_table_if_not_exists(identifier, schema=_schema(table), properties=_PROPERTIES)

    def _append(
        self,
        transaction: "Transaction",
        table: RawTable,
        zone: LandingZone,
        files: Sequence[LandedFile],
        loaded_at: datetime,
    ) -> Counter[str]:
        """Append the rows of files and count them by object.

        Raises:
            MalformedInput: Another number of rows than the manifests say.
        """
        counted: Counter[str] = Counter()
        if files:
            with duckdb.connect(config=dict(self.duckdb_config)) as connection:
                connection.execute("set TimeZone = 'UTC'; set enable_progress_bar = false")
                register_store(connection, zone)
                with naming_unreadable_files(table.name, "/".join(table.asset_key)):
                    rows = read_rows(connection, table, files, loaded_at=loaded_at, batch_rows=_BATCH_ROWS)
                    transaction.append(_counting(rows, counted))
        wrong = [file for file in files if file.rows is not None and file.rows != counted[file.key]]
        for file in sorted(wrong, key=lambda file: file.key):
            raise wrong_row_count(table, file.key, file.rows or 0, counted[file.key], files=len(wrong))
        return counted

    def _record(self, transaction: "Transaction", target: "Table", table: RawTable, ledger: Ledger) -> None:
        """Write the ledger, and let the commit that brings the rows name it."""
        # Beside the table, not in its folder: maintenance would take the ledger for a file that nobody names.
        folder = f"{target.location().rstrip('/').rpartition('/')[0]}/_ledgers/{table.name}"
        properties: dict[str, Any] = {CURRENT: write_ledger(target.io, folder, ledger.values())}
        if former := target.properties.get(CURRENT):
            properties[PREVIOUS] = former
        transaction.set_properties(**properties)


@dataclass(frozen=True, slots=True)
class _Changes:
    """What differs between the ledger of a table and what is current."""

    added: tuple[LandedFile, ...]
    changed: tuple[LandedFile, ...]
    removed: tuple[str, ...]
    unchanged_count: int

    @classmethod
    def between(cls, landed: Sequence[LandedFile], ledger: Ledger) -> Self:
        """Compares content hashes."""
        current = {file.key for file in landed}
        changed = tuple(file for file in landed if file.key in ledger and ledger[file.key].sha256 != file.sha256)
        added = tuple(file for file in landed if file.key not in ledger)
        return cls(
            added,
            changed,
            removed=tuple(sorted(set(ledger) - current)),
            unchanged_count=len(landed) - len(added) - len(changed),
        )

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)

    @property
    def fresh(self) -> tuple[LandedFile, ...]:
        """The files to read."""
        return self.added + self.changed

    @property
    def stale(self) -> tuple[str, ...]:
        """The objects whose rows leave the table."""
        return self.removed + tuple(file.key for file in self.changed)

    def applied_to(self, ledger: Ledger, counted: Mapping[str, int], loaded_at: datetime) -> Ledger:
        """The ledger afterwards."""
        stale, now = set(self.stale), loaded_at.astimezone(UTC).replace(tzinfo=None)
        kept = {key: item for key, item in ledger.items() if key not in stale}
        return kept | {
            file.key: LoadedObject(file.key, file.sha256, counted.get(file.key, 0), now) for file in self.fresh
        }


@contextmanager
def iceberg_loader(settings: IcebergSettings, duckdb_config: Mapping[str, str | int]) -> Iterator[IcebergLoader]:
    """A loader of one catalogue, closed afterwards.

    Args:
        settings: Which catalogue.
        duckdb_config: Limits of the embedded engine that reads the landed files, such as `memory_limit`.

    Raises:
        ConfigurationError: Its address is none, or there are no AWS credentials.
        SourceUnavailable: The catalogue does not answer.
        SourceRejected: It refuses us.
    """
    with open_catalog(settings) as catalog:
        yield IcebergLoader(settings, catalog, duckdb_config)


def _delete(transaction: "Transaction", changes: _Changes) -> None:
    """Remove the rows of stale objects; all rows at once when no object stays."""
    from pyiceberg.expressions import AlwaysTrue, In

    if transaction.table_metadata.current_snapshot() is None:
        return
    if not changes.unchanged_count:
        transaction.delete(AlwaysTrue())
        return
    for keys in batched(changes.stale, _KEYS_PER_FILTER, strict=False):
        transaction.delete(cast("Any", In)(OBJECT_KEY, keys))  # its declared signature is narrower than what it takes


def _describe_anew(transaction: "Transaction", table: RawTable) -> None:
    """Other columns: old snapshots keep theirs, and what is loaded from now on has the inventory's."""
    with transaction.update_schema() as update:
        for name, _type in _columns(transaction.table_metadata.schema()):
            update.delete_column(name)
    with transaction.update_schema() as update:
        for column in table.columns + LOADER_COLUMNS:
            update.add_column(column.name, _iceberg_type(column.type))


def _counting(rows: "pa.RecordBatchReader", counted: Counter[str]) -> "pa.RecordBatchReader":
    """The same batches; the rows of each object are counted on their way."""
    import pyarrow as pa
    import pyarrow.compute as pc

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in rows:
            for entry in pc.value_counts(batch[OBJECT_KEY]).to_pylist():
                counted[entry["values"]] += entry["counts"]
            yield batch

    return pa.RecordBatchReader.from_batches(rows.schema, batches())


def _result(
    table: RawTable, landed: Sequence[LandedFile], changes: _Changes, before: Ledger, after: Ledger, loaded: int
) -> LoadResult:
    declared = {file.key: file.rows for file in landed}
    return LoadResult(
        table=table.name,
        added=len(changes.added),
        changed=len(changes.changed),
        removed=len(changes.removed),
        unchanged=changes.unchanged_count,
        rows_deleted=sum(before[key].row_count for key in changes.stale),
        rows_inserted=sum(after[file.key].row_count for file in changes.fresh),
        read=sum(item.row_count if (rows := declared[key]) is None else rows for key, item in after.items()),
        loaded=loaded,
    )


def _remove_ledger(target: "Table", uri: str | None) -> None:
    """Remove a ledger nobody reads any more; one that cannot be removed stays, a few kilobytes."""
    if uri:
        with suppress(OSError):
            target.io.delete(uri)


def _schema(table: RawTable) -> "Schema":
    from pyiceberg.schema import Schema
    from pyiceberg.types import NestedField

    columns = enumerate(table.columns + LOADER_COLUMNS, 1)
    return Schema(
        *(NestedField(number, column.name, _iceberg_type(column.type), required=False) for number, column in columns)
    )


def _columns(schema: "Schema") -> list[tuple[str, str]]:
    return [(field.name, str(field.field_type)) for field in schema.fields]


def _iceberg_type(kind: ColumnType) -> "PrimitiveType":
    """Trino shows these as varchar, bigint, double, boolean and timestamp(6)."""
    from pyiceberg import types

    match kind:
        case ColumnType.TEXT | ColumnType.JSON:
            return types.StringType()
        case ColumnType.BIGINT:
            return types.LongType()
        case ColumnType.DOUBLE:
            return types.DoubleType()
        case ColumnType.BOOLEAN:
            return types.BooleanType()
        case ColumnType.TIMESTAMP:
            return types.TimestampType()
