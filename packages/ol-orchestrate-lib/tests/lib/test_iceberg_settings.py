from pathlib import Path

import pytest

from ol_orchestrate.lib.errors import ConfigurationError
from ol_orchestrate.lib.iceberg_settings import CatalogKind, IcebergSettings
from ol_orchestrate.lib.trino_stack import TrinoStack
from ol_orchestrate.lib.trino_stack.facts import write_stack

S3 = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_ACCESS_KEY_ID": "id",
    "AWS_SECRET_ACCESS_KEY": "hidden",  # pragma: allowlist secret
    "OL_ICEBERG_WAREHOUSE": "s3://lake/x",
}


def settings(tmp_path: Path, **environ: str) -> IcebergSettings:
    return IcebergSettings.from_environ(environ, tmp_path)


def test_without_settings_it_is_the_running_stacks(tmp_path: Path) -> None:
    write_stack(tmp_path, TrinoStack("127.0.0.1", 1, "lake", "file:///lake", "postgresql+psycopg2://x"))
    found = settings(tmp_path)
    assert (found.name, found.kind, found.warehouse_uri) == ("lake", CatalogKind.SQL, "file:///lake")
    assert found.properties == {"uri": "postgresql+psycopg2://x"}


def test_without_either_it_says_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"bin/trino start.*OL_ICEBERG_CATALOG"):
        settings(tmp_path)


def test_a_postgresql_elsewhere_with_tables_in_s3(tmp_path: Path) -> None:
    found = settings(tmp_path, OL_ICEBERG_CATALOG="sql", OL_ICEBERG_CATALOG_URI="postgresql+psycopg2://db/x", **S3)
    assert found.properties["uri"] == "postgresql+psycopg2://db/x"
    assert found.properties["s3.endpoint"] == "http://127.0.0.1:9"
    assert found.properties["s3.region"] == "us-east-1"
    assert "hidden" not in repr(found)
    assert "db/x" not in repr(found)


def test_rest_takes_a_token_and_glue_needs_no_address(tmp_path: Path) -> None:
    rest = settings(
        tmp_path,
        OL_ICEBERG_CATALOG="rest",
        OL_ICEBERG_CATALOG_URI="https://catalogue",
        OL_ICEBERG_CATALOG_TOKEN="t",
        OL_ICEBERG_CATALOG_NAME="lake",
        **S3,
    )
    assert (rest.name, rest.kind, rest.properties["token"]) == ("lake", CatalogKind.REST, "t")
    glue = settings(tmp_path, OL_ICEBERG_CATALOG="glue", AWS_DEFAULT_REGION="eu-central-1", **S3)
    assert (glue.kind, glue.properties["glue.region"]) == (CatalogKind.GLUE, "eu-central-1")


def test_a_rest_catalogue_may_have_a_name_of_its_own_for_the_warehouse(tmp_path: Path) -> None:
    rest = {"OL_ICEBERG_CATALOG": "rest", "OL_ICEBERG_CATALOG_URI": "https://catalogue"}
    found = settings(tmp_path, **{**S3, **rest, "OL_ICEBERG_WAREHOUSE": "lake"})
    assert found.warehouse_uri == "lake"
    assert found.properties["s3.endpoint"] == "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"OL_ICEBERG_CATALOG": "hive"}, "OL_ICEBERG_CATALOG is 'hive'"),
        ({"OL_ICEBERG_CATALOG": "glue"}, "OL_ICEBERG_WAREHOUSE"),
        ({"OL_ICEBERG_CATALOG": "rest", "OL_ICEBERG_WAREHOUSE": "s3://x"}, "OL_ICEBERG_CATALOG_URI"),
        ({"OL_ICEBERG_CATALOG": "glue", "OL_ICEBERG_WAREHOUSE": "lake"}, "OL_ICEBERG_WAREHOUSE is 'lake'"),
    ],
)
def test_what_is_missing_is_named(environ: dict[str, str], named: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=named):
        settings(tmp_path, **environ)
