"""Tables and columns of the source databases: data checked in as JSON, one file per database.

`python -m ol_sandbox.schema.extract CATALOGUE` makes the files anew.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        type: bigint, boolean, double, numeric, timestamp, date, json, array or varchar.
        references: `table.column` of the same database that a value must be found in, or empty.
        values: The only values there are; empty for any.
    """

    name: str
    type: str
    never_null: bool = False
    unique: bool = False
    references: str = ""
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a database.

    Attributes:
        raw_name: The warehouse's table it becomes.
        is_core: Whether the core of the models reads it.
        is_appended: Whether a sync appends rows, so that older states of a row stay; unique then holds for the newest.
    """

    name: str
    raw_name: str
    is_core: bool
    is_appended: bool
    columns: dict[str, Column]


DATABASES = (
    "mitxonline__app__postgres",
    "xpro__app__postgres",
    "micromasters__app__postgres",
    "bootcamps__app__postgres",
    "mitlearn__app__postgres",
    "ocw__studio__postgres",
    "mitxonline__openedx__mysql",
    "xpro__openedx__mysql",
    "mitx__openedx__mysql",
    "irx__edxorg__bigquery",
)
"""The raw table of a table is `raw__<database>__<table>`."""


@cache
def tables(database: str) -> dict[str, Table]:
    """The tables of one of the `DATABASES`, by name."""
    content = json.loads(files("ol_sandbox.schema").joinpath(f"{database}.json").read_text(encoding="utf-8"))
    return {name: _table(database, name, entry) for name, entry in content["tables"].items()}


def _table(database: str, name: str, entry: dict[str, object]) -> Table:
    found = entry["columns"]
    assert isinstance(found, list)  # noqa: S101 - our own file
    columns = [Column(**{**column, "values": tuple(column.get("values", ()))}) for column in found]
    return Table(
        name=name,
        raw_name=f"raw__{database}__{name}",
        is_core=bool(entry["core"]),
        is_appended=bool(entry["appended"]),
        columns={column.name: column for column in columns},
    )
