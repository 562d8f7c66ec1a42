"""The tables of a package: tab-separated text with backslash escapes, no quoting, and `NULL` for nothing."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import IO

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def write_table(file: IO[bytes], columns: Iterable[str], rows: Iterable[Mapping[str, object]]) -> int:
    """Write the header and the rows, and say how many rows; keys that are no column are left out."""
    names, count = tuple(columns), 0
    file.write("\t".join(names).encode() + b"\n")
    for row in rows:
        file.write("\t".join(field(row.get(name)) for name in names).encode() + b"\n")
        count += 1
    return count


def field(value: object) -> str:
    """A value as it stands between two tabs."""
    match value:
        case None:
            return "NULL"
        case bool():
            return str(int(value))
        case datetime():
            return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ")
        case date():
            return value.isoformat()
    return str(value).translate(_ESCAPES)
