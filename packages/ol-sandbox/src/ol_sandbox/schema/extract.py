"""Makes the schema files from a catalogue of raw tables: `python -m ol_sandbox.schema.extract CATALOGUE.json`.

Only facts are taken: tables, columns, types, keys, closed sets of values. Where the catalogue names a referenced table
by what a model calls it, it is looked up here; a reference to a table that is not in the same database is dropped.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from ol_sandbox.schema import DATABASES

EXTRACTED_AT = "_airbyte_extracted_at"

_TYPES = {
    "number": "numeric",
    "real": "double",
    "integer": "bigint",
    "timestamp with time zone": "timestamp",
}
_KNOWN = {"bigint", "boolean", "double", "numeric", "timestamp", "date", "json", "array", "varchar"}
_CORRECTED = {("websites_websitecontent", "website_id"): "varchar"}
"""Declared as a number, but it refers to a UUID."""

_REFERENCES = {("courseware_studentmodule", "student_id"): "auth_user.id"}

_ALIASES = {
    "order": "ecommerce_order",
    "orders_order": "ecommerce_order",
    "ecommerce_orders": "ecommerce_order",
    "ecommerce_payment": "ecommerce_couponpayment",
    "ecommerce_paymentversion": "ecommerce_couponpaymentversion",
    "django_contenttype": "django_content_type",
    "bootcampapplication": "applications_bootcampapplication",
    "applicationstep": "applications_applicationstep",
}
_BY_NAME = {
    "user_id": ("users_user", "auth_user"),
    "purchaser_id": ("users_user",),
    "owner_id": ("users_user",),
    "course_id": ("courses_course",),
    "course_run_id": ("courses_courserun",),
    "run_id": ("courses_courserun",),
    "bootcamp_run_id": ("klasses_bootcamprun",),
    "program_id": ("courses_program",),
    "order_id": ("ecommerce_order",),
    "product_id": ("ecommerce_product",),
    "content_type_id": ("django_content_type",),
    "revision_id": ("reversion_revision",),
    "platform_id": ("courses_platform",),
    "role_id": ("django_comment_client_role",),
    "course_user_group_id": ("course_groups_courseusergroup",),
}


def extract(catalogue: dict[str, Any], database: str) -> dict[str, Any]:
    """The tables of one database, as its file holds them."""
    prefix = f"raw__{database}__"
    sources = {
        source["table"].removeprefix(prefix): source
        for source in catalogue["sources"]
        if source["table"].startswith(prefix)
    }
    core = set(catalogue["core_plan"]["core100_raw_tables"])
    return {
        "database": database,
        "tables": {
            name: {
                "core": source["table"] in core,
                "appended": bool(source.get("airbyte_dedup")),
                "columns": _columns(name, source, sources),
            }
            for name, source in sorted(sources.items())
        },
    }


def _columns(table: str, source: dict[str, Any], sources: dict[str, Any]) -> list[dict[str, Any]]:
    columns = [_column(table, column, sources) for column in source["columns"]]
    if source.get("airbyte_dedup") and EXTRACTED_AT not in {column["name"] for column in columns}:
        columns.append({"name": EXTRACTED_AT, "type": "timestamp"})
    return columns


def _column(table: str, column: dict[str, Any], sources: dict[str, Any]) -> dict[str, Any]:
    tests = column.get("staging_tests") or ()
    values = column.get("accepted_values")
    name, kind = column["name"], _type(table, column)
    found: dict[str, Any] = {"name": name, "type": kind}
    if "not_null" in tests:
        found["never_null"] = True
    if "unique" in tests:
        found["unique"] = True
    if reference := _REFERENCES.get((table, name)) or _reference(name, kind, column.get("fk_to") or "", sources):
        found["references"] = reference
    if isinstance(values, list) and values:
        found["values"] = sorted({value for value in values if value is not None})
    return found


def _type(table: str, column: dict[str, Any]) -> str:
    told = str(column["type"]).lower()
    known = _TYPES.get(told, re.sub(r"\(.*", "", told))
    return _CORRECTED.get((table, column["name"]), known if known in _KNOWN else "json")


def _reference(name: str, kind: str, told: str, sources: dict[str, Any]) -> str:
    candidates = (_ALIASES.get(told, told), *_BY_NAME.get(name, ()))
    for candidate in candidates:
        if candidate in sources and (told or kind == "bigint"):
            key = "uuid" if candidate == "websites_website" else "id"
            if key in {column["name"] for column in sources[candidate]["columns"]}:
                return f"{candidate}.{key}"
    return ""


def main(path: str) -> None:
    """Write every file beside this module."""
    catalogue = json.loads(Path(path).read_text(encoding="utf-8"))
    for database in DATABASES:
        text = json.dumps(extract(catalogue, database), indent=None, separators=(",", ":"))
        text = (
            text.replace('{"name"', '\n   {"name"')
            .replace('"],"columns"', '"],\n  "columns"')
            .replace('}]},"', '}]},\n "')
        )
        Path(__file__).with_name(f"{database}.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
