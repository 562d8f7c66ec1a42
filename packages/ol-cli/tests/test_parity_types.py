"""The written mapping of types."""

import pytest

from ol_cli.parity_types import DUCKDB, TRINO, common_type


@pytest.mark.parametrize(
    ("duckdb", "trino"),
    [
        ("VARCHAR", "varchar"),
        ("VARCHAR", "varchar(12)"),
        ("BOOLEAN", "boolean"),
        ("INTEGER", "integer"),
        ("BIGINT", "bigint"),
        ("DOUBLE", "double"),
        ("DECIMAL(9,2)", "decimal(9,2)"),
        ("DATE", "date"),
        ("TIMESTAMP", "timestamp(6)"),
        ("TIMESTAMP WITH TIME ZONE", "timestamp(6) with time zone"),
        ("BLOB", "varbinary"),
    ],
)
def test_types_that_are_the_same(duckdb: str, trino: str) -> None:
    assert common_type(DUCKDB, duckdb) == common_type(TRINO, trino) is not None


@pytest.mark.parametrize(
    ("duckdb", "trino"),
    [
        ("BIGINT", "integer"),
        ("VARCHAR", "varbinary"),
        ("DECIMAL(9,2)", "decimal(9,3)"),
        ("DECIMAL(9,2)", "decimal(10,2)"),
        ("TIMESTAMP", "timestamp(6) with time zone"),
        ("TIMESTAMP", "date"),
        ("DOUBLE", "decimal(9,2)"),
    ],
)
def test_types_that_are_not(duckdb: str, trino: str) -> None:
    assert common_type(DUCKDB, duckdb) != common_type(TRINO, trino)


@pytest.mark.parametrize(
    ("engine", "declared"),
    [
        (DUCKDB, "HUGEINT"),
        (DUCKDB, "JSON"),
        (DUCKDB, "VARCHAR[]"),
        (DUCKDB, "TIMESTAMP_NS"),
        (DUCKDB, '"NULL"'),
        (TRINO, "timestamp(3)"),
        (TRINO, "json"),
        (TRINO, "array(varchar)"),
        (TRINO, "real"),
        (TRINO, "unknown"),
    ],
)
def test_types_that_only_one_engine_has_are_none(engine: str, declared: str) -> None:
    assert common_type(engine, declared) is None
