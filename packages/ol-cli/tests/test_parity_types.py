"""The written mapping of types."""

import pyarrow as pa
import pytest

from ol_cli.parity_types import DUCKDB, TRINO, common_type, comparable


@pytest.mark.parametrize(
    ("duckdb", "trino"),
    [
        ("VARCHAR", "varchar"),
        ("VARCHAR", "varchar(12)"),
        ("JSON", "json"),
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
        ("VARCHAR", "json"),
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
        (DUCKDB, "VARCHAR[]"),
        (DUCKDB, "TIMESTAMP_NS"),
        (DUCKDB, '"NULL"'),
        (TRINO, "timestamp(3)"),
        (TRINO, "array(varchar)"),
        (TRINO, "real"),
        (TRINO, "unknown"),
    ],
)
def test_types_that_only_one_engine_has_are_none(engine: str, declared: str) -> None:
    assert common_type(engine, declared) is None


def test_json_is_compared_by_what_it_says() -> None:
    json = common_type(DUCKDB, "JSON")
    assert json
    texts = pa.array(['{"b": 1, "a": "\\u00fc"}', None, "not json"])
    assert comparable(texts, json).to_pylist() == ['{"a": "ü", "b": 1}', None, "not json"]


def test_values_get_the_arrow_type_of_the_mapping() -> None:
    text, decimal = common_type(DUCKDB, "VARCHAR"), common_type(TRINO, "decimal(9,2)")
    assert text
    assert decimal
    assert comparable(pa.array(["a", None]), text) == pa.array(["a", None], pa.large_string())
    assert comparable(pa.array([], pa.null()), decimal).type == pa.decimal128(9, 2)
