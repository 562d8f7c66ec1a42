import duckdb

from lakehouse.lib.relations import Relation, relations


def test_tables_have_rows_and_views_only_columns(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create schema mart")
    connection.execute('create table mart."odd \'name" as select range as id from range(3)')
    connection.execute("create view mart.seen as select error('nobody looks') as id")
    found = relations(connection)
    assert found["mart", "odd 'name"] == Relation((("id", "BIGINT"),), 3)
    assert found["mart", "seen"].row_count is None


def test_an_empty_warehouse_has_none(connection: duckdb.DuckDBPyConnection) -> None:
    assert relations(connection) == {}
