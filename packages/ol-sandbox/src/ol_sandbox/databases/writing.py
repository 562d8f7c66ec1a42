"""Writes a database from rows as mappings: every table of the schema, values in one form per type, nothing unknown."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from ol_sandbox.schema import Table, tables

_AFFINITIES = {"bigint": "INTEGER", "boolean": "INTEGER", "double": "REAL"}
"""Everything else is text: exact decimals, times and JSON must not be turned into numbers."""

_EVERY = 97
"""Every so manieth row of a table that syncs append to is there in an older state too."""

_NAMES = ("name", "profile_name", "full_name", "certificate_name")

type Row = Mapping[str, object]


class Database:
    """One database under construction.

    Attributes:
        name: One of `schema.DATABASES`.
        rows: Rows added to each table, older states not counted.
        repeated: Older states of rows, by table.
        literal_nulls: Fields that say `null`, the text.
        padded_names: Rows with a person's name that has repeated blanks.
    """

    def __init__(self, name: str, connection: sqlite3.Connection, synced_at: datetime) -> None:
        self.name = name
        self.tables: dict[str, Table] = tables(name)
        self.connection = connection
        self.rows: Counter[str] = Counter()
        self.repeated: Counter[str] = Counter()
        self.literal_nulls = 0
        self.padded_names = 0
        self.synced_at = written(synced_at)

    def add(self, table: str, row: Row) -> None:
        """Add one row; columns it leaves out are null.

        Raises:
            ValueError: A column is unknown, or one that is never null has no value.
        """
        known = self.tables[table].columns
        if unknown := row.keys() - known.keys():
            message = f"{self.name}.{table} has no columns {sorted(unknown)}"
            raise ValueError(message)
        values = {name: written(row.get(name)) for name in known}
        if "_airbyte_extracted_at" in values:
            values["_airbyte_extracted_at"] = self.synced_at
        if missing := [name for name, column in known.items() if column.never_null and values[name] is None]:
            message = f"{self.name}.{table} needs {missing}"
            raise ValueError(message)
        marks = ", ".join("?" * len(values))
        self.connection.execute(f'INSERT INTO "{table}" VALUES ({marks})', tuple(values.values()))  # noqa: S608 - names of our schema
        self.rows[table] += 1
        self.literal_nulls += sum(value == "null" for value in row.values())
        self.padded_names += any("   " in str(row.get(name)) for name in _NAMES)

    def add_what_fits(self, table: str, row: Row) -> None:
        """Add a row to a table that this database may lack, without the columns it lacks."""
        if table in self.tables:
            self.add(table, {name: value for name, value in row.items() if name in self.tables[table].columns})

    def repeat_older_states(self) -> None:
        """What appending syncs leave: some rows again, extracted a week earlier, before their last change."""
        for name, table in self.tables.items():
            if table.is_appended and self.rows[name]:
                self.repeated[name] = self._repeat(name, table)

    def _repeat(self, name: str, table: Table) -> int:
        older = {"_airbyte_extracted_at": "datetime(_airbyte_extracted_at, '-7 days') || '.000000'"}
        older |= {column: "created" for column in ("modified",) if column in table.columns}
        selected = ", ".join(older.get(column, f'"{column}"') for column in table.columns)
        statement = f'INSERT INTO "{name}" SELECT {selected} FROM "{name}" WHERE rowid % {_EVERY} = 1 ORDER BY rowid'  # noqa: S608 - names of our schema
        return self.connection.execute(statement).rowcount


@contextmanager
def open_database(name: str, place: Path, synced_at: datetime) -> Iterator[Database]:
    """An empty database with all its tables at a path that does not exist yet; complete when the block ends."""
    connection = sqlite3.connect(place, isolation_level=None)
    try:
        for pragma in ("page_size=4096", "journal_mode=OFF", "synchronous=OFF", "cache_size=-8000"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN")
        for table in tables(name).values():
            connection.execute(_creation(table))
        yield Database(name, connection, synced_at)
        connection.execute("COMMIT")
    finally:
        connection.close()


def _creation(table: Table) -> str:
    columns = ", ".join(f'"{column.name}" {_AFFINITIES.get(column.type, "TEXT")}' for column in table.columns.values())
    return f'CREATE TABLE "{table.name}" ({columns})'


def written(value: object) -> str | int | float | None:
    """A value as every database holds it: times in UTC to the microsecond, JSON compact, truth as 0 and 1."""
    match value:
        case None | str() | float():
            return value
        case int():
            return int(value)
        case datetime():
            return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
        case date():
            return value.isoformat()
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
