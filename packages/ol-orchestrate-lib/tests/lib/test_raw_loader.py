import pytest

from ol_orchestrate.lib.errors import ConfigurationError
from ol_orchestrate.lib.raw_loader import WarehouseKind


@pytest.mark.parametrize(
    ("environ", "kind"),
    [
        ({}, "duckdb"),
        ({"DAGSTER_ENV": "ci"}, "duckdb"),
        ({"DAGSTER_ENV": "qa"}, "iceberg"),
        ({"DAGSTER_ENV": "production"}, "iceberg"),
        ({"OL_WAREHOUSE": "iceberg"}, "iceberg"),
        ({"OL_WAREHOUSE": "duckdb", "DAGSTER_ENV": "production"}, "duckdb"),
        ({"OL_WAREHOUSE": ""}, "duckdb"),
    ],
)
def test_the_setting_chooses_and_the_environment_by_default(environ: dict[str, str], kind: str) -> None:
    assert WarehouseKind.from_environ(environ) == kind


def test_an_unknown_warehouse_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="OL_WAREHOUSE is 'snowflake'; it must be one of duckdb, iceberg"):
        WarehouseKind.from_environ({"OL_WAREHOUSE": "snowflake"})
