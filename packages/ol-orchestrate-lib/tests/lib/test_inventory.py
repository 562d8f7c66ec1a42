import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from ol_orchestrate.lib.environment import Environment, Storage
from ol_orchestrate.lib.errors import ConfigurationError
from ol_orchestrate.lib.inventory import (
    ColumnType,
    FileFormat,
    PersonalData,
    RawTable,
    load_inventory,
    read_inventory,
)
from ol_orchestrate.lib.openedx.deployments import Deployments, load_deployments, read_deployments
from ol_orchestrate.lib.openedx.olx import Noun, extract_course

SITES = ("mitx", "mitxonline", "xpro")
COURSE_ENTITIES = (
    "course_certificate_signatory",
    "course_grading_policy",
    "course_metadata",
    "course_outline",
    "course_policy",
    "course_video",
)

ENTRY: dict[str, Any] = {
    "name": "{raw_prefix}__grades",
    "for_each": "site",
    "entity": "grades",
    "group": "openedx",
    "engine": "files",
    "source": {"prefix": "{site}/grades", "format": "jsonl"},
    "keys": ["user_id"],
    "freshness": {"warn_after_hours": 1, "error_after_hours": 2},
    "description": "Grades. One row per learner.",
    "columns": [
        {"name": "user_id", "type": "bigint", "description": "Who.", "personal": "identifier"},
        {"name": "grade", "type": "double", "description": "How well.", "personal": "attribute"},
        {"name": "seen", "type": "timestamp", "description": "When."},
    ],
}


@pytest.fixture
def deployments() -> Deployments:
    return load_deployments({})


@pytest.fixture
def tables(deployments: Deployments) -> dict[str, RawTable]:
    return {table.name: table for table in load_inventory({}, deployments)}


def inventory(folder: Path, *entries: dict[str, Any]) -> Path:
    path = folder / "inventory.yaml"
    path.write_text(yaml.safe_dump({"tables": list(entries)}))
    return path


def test_every_site_has_its_tracking_logs_and_so_has_edxorg(tables: dict[str, RawTable]) -> None:
    platforms = {table.name: table.platform for table in tables.values() if table.entity == "tracking_logs"}
    assert platforms == {
        "raw__mitx__openedx__tracking_logs": "mitx",
        "raw__mitxonline__openedx__tracking_logs": "mitxonline",
        "raw__xpro__openedx__tracking_logs": "xpro",
        "raw__edxorg__s3__tracking_logs": "edxorg",
    }


def test_every_site_has_the_tables_of_its_courses(tables: dict[str, RawTable]) -> None:
    expected = {f"raw__{site}__openedx__course_structure__{entity}" for site in SITES for entity in COURSE_ENTITIES}
    expected |= {f"raw__{site}__openedx__course_xml_blocks" for site in SITES}
    assert {name for name in tables if "course" in name} == expected


def test_tracking_logs_of_a_site_are_read_from_beside_the_raw_ones(tables: dict[str, RawTable]) -> None:
    table = tables["raw__mitxonline__openedx__tracking_logs"]
    dev, production = (Storage(env, Path("/data")) for env in (Environment.DEV, Environment.PRODUCTION))
    assert table.source.prefix == "valid"
    assert table.source.root_uri(dev) == "file:///data/sources/mitxonline-qa-edxapp-tracking"
    assert table.source.root_uri(production) == "s3://mitxonline-production-edxapp-tracking"
    assert table.upstream_asset_key is None


def test_what_an_asset_wrote_is_read_from_the_landing_zone(tables: dict[str, RawTable]) -> None:
    table = tables["raw__edxorg__s3__tracking_logs"]
    assert table.upstream_asset_key == ("edxorg", "raw_data", "tracking_logs")
    assert table.source.root_uri(Storage(Environment.DEV, Path("/data"))) == "file:///data/landing"
    assert table.asset_key == ("ol_warehouse_raw_data", "raw__edxorg__s3__tracking_logs")


def test_tracking_columns_are_those_the_reader_writes(tables: dict[str, RawTable]) -> None:
    from ol_orchestrate.lib.openedx.tracking_chunks import SCHEMA

    for name in ("raw__mitx__openedx__tracking_logs", "raw__edxorg__s3__tracking_logs"):
        assert [column.name for column in tables[name].columns] == SCHEMA.names


def test_course_columns_are_those_the_parser_writes(tables: dict[str, RawTable], tmp_path: Path) -> None:
    extract = extract_course(course_archive(tmp_path), tmp_path, source_system="mitx")
    for noun, output in extract.outputs.items():
        first = json.loads(output.path.read_text().splitlines()[0])
        [table] = [table for table in tables.values() if (table.entity, table.platform) == (noun, "mitx")]
        columns = {column.name for column in table.columns}
        assert set(first) <= columns, noun
        # Each signatory has the keys its course gave it.
        assert set(first) == columns or noun is Noun.COURSE_CERTIFICATE_SIGNATORY, noun


def course_archive(folder: Path) -> Path:
    """A course with a row in every output."""
    policy = {
        "course/1T": {
            "display_name": "Toy",
            "certificates": {"certificates": [{"id": 1, "signatories": [{"id": 2, "name": "Ada"}]}]},
        }
    }
    members = {
        "course.xml": '<course url_name="1T" org="MITx" course="Toy"/>',
        "course/1T.xml": '<course><chapter url_name="c"/></course>',
        "chapter/c.xml": '<chapter><video url_name="v"/></chapter>',
        "video/v.xml": '<video display_name="V"/>',
        "policies/1T/policy.json": json.dumps(policy),
        "policies/1T/grading_policy.json": '{"GRADER": [], "GRADE_CUTOFFS": {"Pass": 0.5}}',
    }
    path = folder / "course.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, text in members.items():
            member = tarfile.TarInfo(f"course/{name}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return path


def test_personal_data_is_marked(tables: dict[str, RawTable]) -> None:
    marked = tables["raw__mitx__openedx__tracking_logs"].personal_data
    assert {name for name, kind in marked.items() if kind is PersonalData.IDENTIFIER} == {"username", "session", "ip"}
    assert {"event", "context", "extra", "agent"} <= set(marked)
    assert "host" not in marked


def test_every_description_ends_with_the_grain(tables: dict[str, RawTable]) -> None:
    assert all(table.description.rpartition(". ")[2].startswith("One row per ") for table in tables.values())


def test_an_entry_becomes_one_table_per_site(tmp_path: Path, deployments: Deployments) -> None:
    found = read_inventory(inventory(tmp_path, ENTRY), deployments)
    assert [(table.name, table.platform, table.source.prefix) for table in found] == [
        (f"raw__{site}__openedx__grades", site, f"{site}/grades") for site in SITES
    ]
    assert found[0].source.format is FileFormat.JSONL
    assert [column.type for column in found[0].columns] == [
        ColumnType.BIGINT,
        ColumnType.DOUBLE,
        ColumnType.TIMESTAMP,
    ]


def test_a_fourth_site_needs_one_entry_in_the_list_of_sites(tmp_path: Path, repo_root: Path) -> None:
    document = yaml.safe_load((repo_root / "dg_deployments" / "openedx.yaml").read_text())
    document["deployments"]["bootcamps"] = document["deployments"]["xpro"] | {"raw_prefix": "raw__bootcamps__openedx"}
    path = tmp_path / "openedx.yaml"
    path.write_text(yaml.safe_dump(document))
    found = {table.name for table in load_inventory({}, read_deployments(path))}
    assert {"raw__bootcamps__openedx__tracking_logs", "raw__bootcamps__openedx__course_xml_blocks"} <= found


def test_a_table_without_a_site_names_its_platform(tmp_path: Path, deployments: Deployments) -> None:
    entry = ENTRY | {
        "name": "raw__edxorg__s3__grades",
        "platform": "edxorg",
        "source": {**ENTRY["source"], "prefix": "a/b"},
    }
    del entry["for_each"]
    [table] = read_inventory(inventory(tmp_path, entry), deployments)
    assert (table.name, table.platform) == ("raw__edxorg__s3__grades", "edxorg")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"description": "Grades."}, "One row per"),
        ({"columns": []}, "columns"),
        ({"keys": ["email"]}, "keys are not among the columns: email"),
        ({"name": "raw__grades"}, "must hold {raw_prefix} or {site}"),
        ({"name": "{raw_prefix}__{tabel}"}, "unknown placeholders: tabel"),
        ({"name": "Grades {raw_prefix}"}, "is not a name"),
        ({"platform": "edxorg"}, "either `for_each: site` or a `platform`"),
        ({"engine": "fivetran"}, "engine"),
        ({"colums": []}, "colums"),
        ({"source": {"prefix": "/grades", "format": "jsonl"}}, "prefix"),
        ({"source": {"prefix": "{site}", "format": "csv"}}, "format"),
        ({"columns": [ENTRY["columns"][0], ENTRY["columns"][0]]}, "columns are there twice: user_id"),
        ({"columns": [ENTRY["columns"][0] | {"type": "uuid"}]}, "columns.0.type"),
        ({"freshness": {"warn_after_hours": 0, "error_after_hours": 2}}, "warn_after_hours"),
    ],
)
def test_a_wrong_entry_is_refused_by_name(
    change: dict[str, Any], complaint: str, tmp_path: Path, deployments: Deployments
) -> None:
    path = inventory(tmp_path, ENTRY | change)
    with pytest.raises(ConfigurationError) as caught:
        read_inventory(path, deployments)
    assert str(path) in caught.value.message
    assert "tables.0" in caught.value.message
    assert complaint in caught.value.message


def test_two_entries_of_one_name_are_refused(tmp_path: Path, deployments: Deployments) -> None:
    with pytest.raises(ConfigurationError, match="raw__mitx__openedx__grades twice"):
        read_inventory(inventory(tmp_path, ENTRY, ENTRY), deployments)


def test_a_missing_file_is_named(tmp_path: Path, deployments: Deployments) -> None:
    with pytest.raises(ConfigurationError, match=r"inventory\.yaml cannot be read"):
        read_inventory(tmp_path / "inventory.yaml", deployments)


def test_what_is_not_yaml_is_refused(tmp_path: Path, deployments: Deployments) -> None:
    path = tmp_path / "inventory.yaml"
    path.write_text("tables: [")
    with pytest.raises(ConfigurationError, match="is not YAML"):
        read_inventory(path, deployments)
