"""What a warehouse holds: the columns of every table and view, and the rows of every table."""

# ruff: noqa: S608 (schemas and tables are quoted names that the warehouse itself listed)
from collections.abc import Mapping
from dataclasses import dataclass

import duckdb


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or a view; `columns` are name and type in order, `row_count` is None for a view."""

    columns: tuple[tuple[str, str], ...]
    row_count: int | None


def relations(connection: duckdb.DuckDBPyConnection) -> Mapping[tuple[str, str], Relation]:
    """Every table and view by schema and name. Views are not run, and tables know their size: a few milliseconds."""
    columns: dict[tuple[str, str], list[tuple[str, str]]] = {}
    listed = connection.execute(
        "select table_schema, table_name, column_name, data_type from information_schema.columns "
        "order by table_schema, table_name, ordinal_position"
    ).fetchall()
    for schema, name, column, data_type in listed:
        columns.setdefault((schema, name), []).append((column, data_type))
    counts = _row_counts(connection)
    return {key: Relation(tuple(found), counts.get(key)) for key, found in columns.items()}


def _row_counts(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], int]:
    tables = connection.execute(
        "select table_schema, table_name from information_schema.tables where table_type = 'BASE TABLE'"
    ).fetchall()
    if not tables:
        return {}
    counts = " union all ".join(
        f'select {number}, count(*) from "{schema}"."{name}"' for number, (schema, name) in enumerate(tables)
    )
    return {tables[number]: count for number, count in connection.execute(counts).fetchall()}
