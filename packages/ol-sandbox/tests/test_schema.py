"""The schema files, and the command that makes them."""

import json
from pathlib import Path
from typing import Any

import pytest

from ol_sandbox.schema import DATABASES, extract, tables

TYPES = {"bigint", "boolean", "double", "numeric", "timestamp", "date", "json", "array", "varchar"}


def column(name: str, kind: str, **facts: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **facts}


CATALOGUE = {
    "core_plan": {"core100_raw_tables": ["raw__shop__ecommerce_line"]},
    "sources": [
        {
            "table": "raw__shop__ecommerce_line",
            "airbyte_dedup": {"partition": "id"},
            "columns": [
                column("id", "bigint", staging_tests=["not_null", "unique"]),
                column("order_id", "BIGINT", fk_to="orders_order", staging_tests=["not_null"]),
                column("user_id", "bigint"),
                column("page_id", "bigint", fk_to="a table of another database"),
                column("price", "number"),
                column("state", "varchar", accepted_values=["b", "a", None]),
                column("level", "varchar", accepted_values="{{ var('levels') }}"),
                column("meta", "STRUCT(a BIGINT)"),
                column("seen_at", "timestamp(6) with time zone"),
            ],
        },
        {"table": "raw__shop__ecommerce_order", "columns": [column("id", "bigint")]},
        {"table": "raw__shop__users_user", "columns": [column("id", "bigint")]},
        {"table": "raw__other__t", "columns": []},
    ],
}


def test_facts_are_taken_and_references_found() -> None:
    found = extract.extract(CATALOGUE, "shop")
    line = found["tables"]["ecommerce_line"]
    assert list(found["tables"]) == ["ecommerce_line", "ecommerce_order", "users_user"]
    assert (line["core"], line["appended"]) == (True, True)
    assert line["columns"] == [
        {"name": "id", "type": "bigint", "never_null": True, "unique": True},
        {"name": "order_id", "type": "bigint", "never_null": True, "references": "ecommerce_order.id"},
        {"name": "user_id", "type": "bigint", "references": "users_user.id"},
        {"name": "page_id", "type": "bigint"},
        {"name": "price", "type": "numeric"},
        {"name": "state", "type": "varchar", "values": ["a", "b"]},
        {"name": "level", "type": "varchar"},
        {"name": "meta", "type": "json"},
        {"name": "seen_at", "type": "timestamp"},
        {"name": "_airbyte_extracted_at", "type": "timestamp"},
    ]


def test_every_file_is_json_whatever_its_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "catalogue.json"
    place.write_text(json.dumps(CATALOGUE))
    monkeypatch.setattr(extract, "__file__", str(tmp_path / "extract.py"))
    monkeypatch.setattr(extract, "DATABASES", ("shop",))
    extract.main(str(place))
    assert json.loads((tmp_path / "shop.json").read_text()) == extract.extract(CATALOGUE, "shop")


@pytest.mark.parametrize("name", DATABASES)
def test_what_is_checked_in(name: str) -> None:
    found = tables(name)
    assert any(table.is_core for table in found.values())
    for table in found.values():
        assert table.raw_name == f"raw__{name}__{table.name}"
        assert {column.type for column in table.columns.values()} <= TYPES
        assert not table.is_appended or "_airbyte_extracted_at" in table.columns
        for known in table.columns.values():
            if known.references:
                target, key = known.references.split(".")
                assert key in found[target].columns


def test_the_core_reads_58_tables_of_databases() -> None:
    assert sum(table.is_core for name in DATABASES for table in tables(name).values()) == 58
