"""Upkeep of Iceberg tables through Trino: small files made large ones, and what nothing refers to any more removed.

Every load and every build leaves a snapshot behind, and with it every file the table had then: deleted rows are on disk
until the snapshots that hold them have expired. So retention is a promise in two directions: readers and loads that are
under way need the last hours, and a row that was deleted has to be gone after the last day.
"""

# ruff: noqa: S608 (names come from Trino's own catalogue and are quoted)
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from ol_orchestrate.lib.errors import ConfigurationError, SourceRejected, SourceUnavailable

if TYPE_CHECKING:
    from trino.dbapi import Connection

SHORTEST_RETENTION_HOURS = 24
"""A load or a query that is under way must not lose the files it reads or is about to name."""

_DEFAULT_RETENTION_HOURS = 7 * 24


@dataclass(frozen=True, slots=True)
class Retention:
    """How long old snapshots, and files that no snapshot names, are kept."""

    snapshots_s: int
    orphans_s: int

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """OL_ICEBERG_SNAPSHOT_HOURS and OL_ICEBERG_ORPHAN_HOURS; a week each without them.

        Raises:
            ConfigurationError: Not a number of hours, or fewer than 24.
        """
        return cls(
            snapshots_s=_hours("OL_ICEBERG_SNAPSHOT_HOURS", environ.get("OL_ICEBERG_SNAPSHOT_HOURS")) * 3600,
            orphans_s=_hours("OL_ICEBERG_ORPHAN_HOURS", environ.get("OL_ICEBERG_ORPHAN_HOURS")) * 3600,
        )


@dataclass(frozen=True, slots=True)
class TableFigures:
    """What a table consists of: the current data files and their bytes, and how many snapshots are kept."""

    files: int
    size_bytes: int
    snapshots: int


@dataclass(frozen=True, slots=True)
class Maintained:
    """One table before and after; the same twice in a dry run."""

    schema: str
    table: str
    before: TableFigures
    after: TableFigures


def iceberg_tables(connection: "Connection") -> list[tuple[str, str]]:
    """Every Iceberg table of the connection's catalogue, schema and name; no view, and nothing of another kind.

    Raises:
        SourceUnavailable: Trino did not answer.
        SourceRejected: Trino refused.
    """
    rows = _query(connection, "select table_schema, table_name from system.iceberg_tables order by 1, 2")
    return [(str(schema), str(table)) for schema, table in rows]


def maintain(connection: "Connection", schema: str, table: str, retention: Retention, *, dry_run: bool) -> Maintained:
    """Compact one table, expire its old snapshots, and remove files that no snapshot names.

    Merges files of up to 100 MB, and with them rows that were deleted without rewriting their file. Readers go on
    meanwhile. A dry run changes nothing.

    Raises:
        SourceUnavailable: Trino did not answer, or its catalogue did not.
        SourceRejected: Trino refused: a right is missing, or the retention is below its own floor.
    """
    before = figures(connection, schema, table)
    if dry_run:
        return Maintained(schema, table, before, before)
    name = _name(schema, table)
    for procedure in (
        "optimize",
        # They keep the smallest and the largest text of a file, and of one just replaced too. Nothing was ever loaded
        # into a table without a snapshot, and Trino's procedure cannot do with that.
        *(["optimize_manifests"] if before.snapshots else []),
        f"expire_snapshots(retention_threshold => '{retention.snapshots_s}s')",
        f"remove_orphan_files(retention_threshold => '{retention.orphans_s}s')",
    ):
        _query(connection, f"alter table {name} execute {procedure}")
    return Maintained(schema, table, before, figures(connection, schema, table))


def figures(connection: "Connection", schema: str, table: str) -> TableFigures:
    """What a table consists of now. Reads metadata alone."""
    [(files, size_bytes)] = _query(
        connection, f"select count(*), coalesce(sum(file_size_in_bytes), 0) from {_name(schema, f'{table}$files')}"
    )
    [(snapshots,)] = _query(connection, f"select count(*) from {_name(schema, f'{table}$snapshots')}")
    return TableFigures(_int(files), _int(size_bytes), _int(snapshots))


def _hours(name: str, text: str | None) -> int:
    if not text:
        return _DEFAULT_RETENTION_HOURS
    if not text.isdecimal() or int(text) < SHORTEST_RETENTION_HOURS:
        raise ConfigurationError(
            f"{name} is {text!r}; it must be a whole number of hours, at least {SHORTEST_RETENTION_HOURS}: "
            "a shorter one could remove files that a load or a query under way still needs."
        )
    return int(text)


def _name(schema: str, table: str) -> str:
    return f"{_quoted(schema)}.{_quoted(table)}"


def _quoted(name: str) -> str:
    if not re.fullmatch(r"[\w$-]+", name):
        raise ConfigurationError(f"{name!r} is no name of a table that the platform made; it is left alone.")
    return f'"{name}"'


def _query(connection: "Connection", statement: str) -> list[Iterable[object]]:
    import trino

    try:
        cursor = connection.cursor()
        cursor.execute(statement)
        return list(cursor.fetchall())
    except trino.exceptions.TrinoUserError as error:
        message = f"Trino refuses `{statement[:200]}`: {error.message}"
        raise SourceRejected(message, system="trino", operation="maintain") from error
    except (trino.exceptions.Error, OSError) as error:
        message = f"Trino could not run `{statement[:200]}`: {error}"
        raise SourceUnavailable(message, system="trino", operation="maintain") from error


def _int(value: object) -> int:
    return int(str(value))
