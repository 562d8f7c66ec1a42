"""Which landed objects an Iceberg raw table holds, recorded in one step with its rows.

Two Iceberg tables cannot change in one transaction, so the ledger is no table of its own. It is a Parquet file beside
the tables, written before the rows are committed; the commit itself sets the table property that names it. Killed in
between, the file is one that nobody names. The last ledger but one is removed after a load, so a reader that has just
read its name still finds it.
"""

import io
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from ol_orchestrate.lib.hashing import content_hash

if TYPE_CHECKING:
    from pyiceberg.io import FileIO

CURRENT, PREVIOUS = "ol.ledger", "ol.ledger.previous"
"""Table properties that name ledger files."""


@dataclass(frozen=True, slots=True)
class LoadedObject:
    """One object a table holds, of which content, with how many rows, and since when (naive, UTC)."""

    key: str
    sha256: str
    row_count: int
    loaded_at: datetime


type Ledger = Mapping[str, LoadedObject]


def read_ledger(files: "FileIO", properties: Mapping[str, str]) -> Ledger | None:
    """What a table with these properties holds, by object key; None when it was never loaded, or the file was lost."""
    import pyarrow.parquet as pq

    uri = properties.get(CURRENT)
    if not uri:
        return None
    try:
        with files.new_input(uri).open() as stream:
            rows = pq.read_table(io.BytesIO(stream.read())).to_pylist()
    except FileNotFoundError:
        return None
    return {row["key"]: LoadedObject(**row) for row in rows}


def write_ledger(files: "FileIO", folder: str, objects: Iterable[LoadedObject]) -> str:
    """Write a new ledger file below `folder`; returns its URI, for the property `CURRENT`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        {"key": pa.string(), "sha256": pa.string(), "row_count": pa.int64(), "loaded_at": pa.timestamp("us")}
    )
    entries = sorted(objects, key=lambda item: item.key)
    columns = {name: [getattr(item, name) for item in entries] for name in schema.names}
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns, schema=schema), buffer)
    uri = f"{folder}/{uuid.uuid4().hex}.parquet"
    with files.new_output(uri).create() as stream:
        stream.write(buffer.getvalue())
    return uri


def ledger_version(ledger: Ledger) -> str:
    """The hash of what a table holds: `raw_tables.landed_version` of the same objects."""
    return content_hash({key: item.sha256 for key, item in ledger.items()})
