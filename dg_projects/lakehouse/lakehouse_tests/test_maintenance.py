"""The maintenance job of either warehouse."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from lakehouse.maintenance import MaintenanceConfig, maintenance_job
from lakehouse.raw_tables import raw_table_asset
from lakehouse.settings import WAREHOUSE_POOL, Settings
from ol_orchestrate.composition import common_resources
from ol_orchestrate.lib.raw_loader import WarehouseKind

LOGS = "raw__mitx__openedx__tracking_logs"


def run(settings: Settings, *, dry_run: bool = False) -> dict[str, Any]:
    job = maintenance_job(settings)
    [node] = job.nodes
    config = dg.RunConfig(ops={node.name: MaintenanceConfig(dry_run=dry_run)})
    result = job.execute_in_process(run_config=config)
    [output] = [event for event in result.all_events if event.is_successful_output]
    return {name: value.value for name, value in output.step_output_data.metadata.items()}


def test_the_embedded_warehouse_is_compacted_with_figures(lake: Any) -> None:
    from ol_orchestrate.lib.warehouse import open_warehouse

    with open_warehouse(lake.warehouse) as connection:
        connection.execute("create table x as select range i, random() r from range(200000)")
        connection.execute("force checkpoint")
        connection.execute("delete from x where i > 1")
    settings = Settings.from_environ(os.environ)
    rehearsed = run(settings, dry_run=True)
    assert rehearsed["size_bytes_after"] == rehearsed["size_bytes_before"]
    done = run(settings)
    assert done["size_bytes_after"] < done["size_bytes_before"] / 2
    assert lake.query("select count(*) from x", lake.warehouse) == [(2,)]


def test_it_waits_for_whoever_writes(lake: Any) -> None:
    [node] = maintenance_job(Settings.from_environ(os.environ)).nodes
    assert node.definition.pool == WAREHOUSE_POOL  # type: ignore[attr-defined]


@pytest.mark.engines
def test_raw_tables_are_loaded_into_iceberg_and_maintained(
    lake: Any, event: Callable[..., dict[str, Any]], trino_stack_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The asset by the setting alone; then the job, over every table of the catalogue."""
    import shutil

    monkeypatch.setenv("OL_WAREHOUSE", "iceberg")
    (lake.data_dir / "trino").mkdir(parents=True)
    shutil.copy(trino_stack_dir / "trino" / "stack.json", lake.data_dir / "trino")
    settings = Settings.from_environ(os.environ)
    assert settings.warehouse is WarehouseKind.ICEBERG
    lake.land_logs("mitx", "2024-03-01", {"a.parquet": [event("one"), event("two")]})
    [table] = [table for table in settings.raw_tables if table.name == LOGS]
    asset = raw_table_asset(table, settings.storage, settings.warehouse)
    assert next(iter(asset.specs)).kinds == {"iceberg", "parquet"}
    result = dg.materialize([asset], resources=common_resources(settings.storage))
    [check] = result.get_asset_check_evaluations()
    assert check.passed
    found = run(settings, dry_run=True)
    assert found["files_before"] == found["files_after"] > 0
    assert LOGS in {entry["table"] for entry in found["tables"]}
    assert run(settings)["snapshots_after"] > 0
