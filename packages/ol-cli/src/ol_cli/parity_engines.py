"""The two warehouses as the comparison sees them: columns, row counts, and sorted rows in Arrow batches."""

# ruff: noqa: S608 (schemas and tables come from dbt's manifest, columns from the warehouse itself; all are quoted)
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import duckdb
import pyarrow as pa

from ol_cli.parity_models import Model
from ol_cli.parity_types import DUCKDB, TRINO, CommonType, common_type
from ol_orchestrate.lib.errors import OLDataError, SourceRejected, SourceUnavailable
from ol_orchestrate.lib.files import scratch_directory
from ol_orchestrate.lib.trino_stack import TrinoStack
from ol_orchestrate.lib.warehouse import open_warehouse

BATCH_ROWS = 4096
_SORT_MEMORY = "1GB"
"""What DuckDB may take to sort one model; it goes on in files beyond that, some 120,000 rows at a time.

Those have to fit, and once for each of its threads, so it has one.
"""

type Columns = Mapping[str, str]
"""The columns of a relation in their order, and the type each is declared with."""


class Engine(Protocol):
    """A warehouse that holds models. `name` is what a report calls it, and `dialect` whose types it has."""

    name: str
    dialect: str
    version: str

    def columns(self, model: Model) -> Columns | None:
        """Columns and types of a model; None when it was not built."""
        ...

    def row_count(self, model: Model) -> int:
        """How many rows a model has."""
        ...

    def rows(self, model: Model, columns: Mapping[str, CommonType], order: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The rows of a model, sorted, in batches of their common types."""
        ...


class DuckDBEngine:
    """The embedded warehouse, through an open connection."""

    dialect = DUCKDB

    def __init__(self, connection: duckdb.DuckDBPyConnection, name: str) -> None:
        self.name, self._connection = name, connection
        self.version = duckdb.__version__

    def columns(self, model: Model) -> Columns | None:
        """As the catalogue says."""
        sql = _COLUMNS.format(schema=_text(model.schema), table=_text(model.name))
        return dict(self._connection.execute(sql).fetchall()) or None

    def row_count(self, model: Model) -> int:
        """By counting."""
        return int(self._connection.execute(f"select count(*) from {_relation(model)}").fetchall()[0][0])

    def rows(self, model: Model, columns: Mapping[str, CommonType], order: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Streamed by DuckDB as Arrow.

        Raises:
            OLDataError: The rows are too wide to be sorted in the memory there is for it.
        """
        # A cursor of its own: a comparison that has seen enough leaves its stream unfinished.
        with self._connection.cursor() as cursor, _naming_short_memory(model):
            relation = cursor.sql(_select(model, columns, order))
            for batch in relation.to_arrow_reader(BATCH_ROWS):
                yield batch.cast(_schema(columns))


@contextmanager
def open_duckdb(path: Path, name: str = DUCKDB) -> Iterator[DuckDBEngine]:
    """The warehouse at a path, for reading; what it sorts beyond its memory goes to a folder that is removed.

    Raises:
        WarehouseBusy: Somebody is writing it.
        ConfigurationError: It is not there.
    """
    with scratch_directory() as scratch:
        config: dict[str, str | int] = {"memory_limit": _SORT_MEMORY, "temp_directory": str(scratch), "threads": 1}
        with open_warehouse(path, read_only=True, config=config) as connection:
            yield DuckDBEngine(connection, name)


@contextmanager
def _naming_short_memory(model: Model) -> Iterator[None]:
    try:
        yield
    except (duckdb.OutOfMemoryException, OSError) as error:  # Arrow makes an OSError of what DuckDB raises in a stream
        if "Out of Memory" not in str(error):
            raise
        message = (
            f"DuckDB could not sort {_relation(model)} in {_SORT_MEMORY}: its rows are too wide ({error}). "
            "The other models can be compared with `olp parity --models`."
        )
        raise OLDataError(message) from error


class TrinoEngine:
    """A Trino, through an open connection of its Python client."""

    name = dialect = TRINO

    def __init__(self, connection: Any, url: str) -> None:
        self._connection, self._url = connection, url
        self.version = str(next(self._fetched("select version()"))[0][0])

    def columns(self, model: Model) -> Columns | None:
        """As the catalogue says."""
        sql = _COLUMNS.format(schema=_text(model.schema), table=_text(model.name))
        return {name: declared for rows in self._fetched(sql) for name, declared in rows} or None

    def row_count(self, model: Model) -> int:
        """By counting."""
        return int(next(self._fetched(f"select count(*) from {_relation(model)}"))[0][0])

    def rows(self, model: Model, columns: Mapping[str, CommonType], order: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Fetched by rows, which is what Trino's protocol has, and made Arrow batches at once."""
        schema = _schema(columns)
        for rows in self._fetched(_select(model, columns, order)):
            values = zip(zip(*rows, strict=True), schema, strict=True)
            yield pa.RecordBatch.from_arrays([pa.array(column, field.type) for column, field in values], schema=schema)

    def _fetched(self, sql: str) -> Iterator[list[list[Any]]]:
        from trino.exceptions import Error, HttpError, TrinoConnectionError, TrinoQueryError

        cursor = self._connection.cursor()
        try:
            cursor.execute(sql)
            while rows := cursor.fetchmany(BATCH_ROWS):
                yield rows
        except TrinoQueryError as error:
            if error.error_type == "USER_ERROR":
                raise SourceRejected(
                    f"Trino at {self._url} refused a query: {error.message}\n{sql}",
                    system=TRINO, operation="query", url=self._url,
                ) from error  # fmt: skip
            if error.error_type == "INSUFFICIENT_RESOURCES":
                raise OLDataError(f"Trino at {self._url} lacks what a query needs: {error.message}\n{sql}") from error
            raise _unavailable(self._url, error) from error
        except (TrinoConnectionError, HttpError, OSError) as error:  # what the HTTP client raises is an OSError
            raise _unavailable(self._url, error) from error
        except Error as error:
            raise OLDataError(f"Trino at {self._url} could not answer: {error}") from error
        finally:
            cursor.close()


@contextmanager
def open_trino(stack: TrinoStack) -> Iterator[TrinoEngine]:
    """A running stack.

    Raises:
        SourceUnavailable: It does not answer.
    """
    from trino.dbapi import connect

    connection = connect(
        host=stack.host, port=stack.port, user=stack.user, catalog=stack.catalog,
        http_scheme="http", timezone="UTC", source="olp parity",
    )  # fmt: skip
    try:
        yield TrinoEngine(connection, stack.url)
    finally:
        connection.close()


def common_types(engine: Engine, columns: Columns) -> dict[str, CommonType | None]:
    """The common type of each column of an engine."""
    return {name: common_type(engine.dialect, declared) for name, declared in columns.items()}


_COLUMNS = (
    "select column_name, data_type from information_schema.columns "
    "where table_schema = {schema} and table_name = {table} order by ordinal_position"
)


def _select(model: Model, columns: Iterable[str], order: Sequence[str]) -> str:
    ordered = ", ".join(f"{_quoted(name)} nulls last" for name in order)
    selected = f"select {', '.join(map(_quoted, columns))} from {_relation(model)}"
    return f"{selected} order by {ordered}" if ordered else selected


def _relation(model: Model) -> str:
    return f"{_quoted(model.schema)}.{_quoted(model.name)}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _schema(columns: Mapping[str, CommonType]) -> pa.Schema:
    return pa.schema([(name, common.arrow) for name, common in columns.items()])


def _unavailable(url: str, error: Exception) -> SourceUnavailable:
    return SourceUnavailable(
        f"Trino at {url} does not answer ({type(error).__name__}: {error}). `bin/trino status` says what is wrong.",
        system=TRINO, operation="query", url=url,
    )  # fmt: skip
