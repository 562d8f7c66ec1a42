import re
from dataclasses import replace

import duckdb
import pytest
import yaml

from lakehouse.lib.dbt_sources import MACROS_FILE, SOURCES_FILE, generated_files, raw_tables_macros, sources_yaml
from ol_orchestrate.lib.inventory import RawTable, load_inventory
from ol_orchestrate.lib.openedx.deployments import load_deployments


@pytest.fixture
def tables() -> tuple[RawTable, ...]:
    return load_inventory({}, load_deployments({}))


def test_every_raw_table_is_a_table_of_the_one_source(tables: tuple[RawTable, ...]) -> None:
    [source] = yaml.safe_load(sources_yaml(tables))["sources"]
    assert (source["name"], source["schema"]) == ("ol_warehouse_raw_data", "ol_warehouse_raw_data")
    assert [table["name"] for table in source["tables"]] == [table.name for table in tables]


def test_columns_carry_descriptions_and_personal_data(tables: tuple[RawTable, ...]) -> None:
    [source] = yaml.safe_load(sources_yaml(tables))["sources"]
    logs = {column["name"]: column for column in source["tables"][0]["columns"]}
    assert logs["username"]["config"]["meta"] == {"personal_data": "identifier"}
    assert "config" not in logs["host"]
    assert logs["_loaded_at"]["data_type"] == "timestamp"
    assert all(column["description"] for column in logs.values())


def test_freshness_is_the_inventorys(tables: tuple[RawTable, ...]) -> None:
    [source] = yaml.safe_load(sources_yaml(tables))["sources"]
    assert source["config"]["loaded_at_field"] == "_loaded_at"
    assert source["tables"][0]["config"]["freshness"] == {
        "warn_after": {"count": 36, "period": "hour"},
        "error_after": {"count": 96, "period": "hour"},
    }


def test_the_macro_lists_the_platforms_of_an_entity(tables: tuple[RawTable, ...]) -> None:
    text = raw_tables_macros(tables)
    listed = re.search(r"return\((\{.*?\n\})\)", text, re.DOTALL)
    assert listed
    by_entity = yaml.safe_load(listed[1])
    assert [(entry["platform"], entry["name"]) for entry in by_entity["tracking_logs"]] == [
        ("mitx", "raw__mitx__openedx__tracking_logs"),
        ("mitxonline", "raw__mitxonline__openedx__tracking_logs"),
        ("xpro", "raw__xpro__openedx__tracking_logs"),
        ("edxorg", "raw__edxorg__s3__tracking_logs"),
    ]
    assert by_entity["course_outline"][0]["columns"][:2] == ["course_id", "usage_key"]
    assert by_entity["course_outline"][0]["columns"][-1] == "_loaded_at"


def test_the_macro_creates_every_table(tables: tuple[RawTable, ...], connection: duckdb.DuckDBPyConnection) -> None:
    [statements] = re.findall(
        r"duckdb__create_raw_tables\(\) -%\}\n(.*)\{%- endmacro", raw_tables_macros(tables), re.DOTALL
    )
    for _ in range(2):
        connection.execute(statements)
    found = connection.execute("select table_name from information_schema.tables").fetchall()
    assert {name for (name,) in found} == {table.name for table in tables}


def test_another_description_is_another_file(tables: tuple[RawTable, ...]) -> None:
    changed = (replace(tables[0], description="Other events. One row per line."), *tables[1:])
    before, after = generated_files(tables), generated_files(changed)
    assert before[SOURCES_FILE] != after[SOURCES_FILE]
    assert before[MACROS_FILE] == after[MACROS_FILE]


def test_generated_files_say_what_to_change_instead(tables: tuple[RawTable, ...]) -> None:
    assert all("inventory.yaml" in text.splitlines()[0] for text in generated_files(tables).values())
