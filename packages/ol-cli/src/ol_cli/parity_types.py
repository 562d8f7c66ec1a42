"""Which type of one engine is which type of the other, and what its values are compared as.

This is the whole mapping. A type that is not in it, or another one on the other engine, is a difference: a sum that is
a HUGEINT here and a bigint there says so before any value is looked at. JSON is text, and compared as text: Iceberg has
no type for it.
"""

import re
from dataclasses import dataclass

import pyarrow as pa

DUCKDB, TRINO = "duckdb", "trino"


@dataclass(frozen=True, slots=True)
class CommonType:
    """A type both engines have; `arrow` is what its values travel and are compared as."""

    name: str
    arrow: pa.DataType


@dataclass(frozen=True, slots=True)
class _Pair:
    common: CommonType
    patterns: dict[str, str]


_PAIRS = (
    _Pair(CommonType("text", pa.large_string()), {DUCKDB: "VARCHAR", TRINO: r"varchar(\(\d+\))?"}),
    _Pair(CommonType("boolean", pa.bool_()), {DUCKDB: "BOOLEAN", TRINO: "boolean"}),
    _Pair(CommonType("integer", pa.int32()), {DUCKDB: "INTEGER", TRINO: "integer"}),
    _Pair(CommonType("bigint", pa.int64()), {DUCKDB: "BIGINT", TRINO: "bigint"}),
    _Pair(CommonType("double", pa.float64()), {DUCKDB: "DOUBLE", TRINO: "double"}),
    _Pair(CommonType("date", pa.date32()), {DUCKDB: "DATE", TRINO: "date"}),
    _Pair(CommonType("timestamp", pa.timestamp("us")), {DUCKDB: "TIMESTAMP", TRINO: r"timestamp\(6\)"}),
    _Pair(
        CommonType("timestamp with time zone", pa.timestamp("us", tz="UTC")),
        {DUCKDB: "TIMESTAMP WITH TIME ZONE", TRINO: r"timestamp\(6\) with time zone"},
    ),
    _Pair(CommonType("bytes", pa.large_binary()), {DUCKDB: "BLOB", TRINO: "varbinary"}),
)
_DECIMAL = re.compile(r"decimal\((\d+), ?(\d+)\)", re.IGNORECASE)


def common_type(engine: str, declared: str) -> CommonType | None:
    """The common type of what an engine declares; None for one that no other engine is known to have."""
    if decimal := _DECIMAL.fullmatch(declared):
        precision, scale = int(decimal[1]), int(decimal[2])
        return CommonType(f"decimal({precision},{scale})", pa.decimal128(precision, scale))
    return next((pair.common for pair in _PAIRS if re.fullmatch(pair.patterns[engine], declared)), None)
