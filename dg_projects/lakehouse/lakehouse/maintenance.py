"""Upkeep of the warehouse as a job: `warehouse_maintenance_job`, for whichever warehouse the settings name."""

import os
from collections.abc import Iterable
from dataclasses import asdict

import dagster as dg
from pydantic import Field

from lakehouse.settings import WAREHOUSE_POOL, Settings
from ol_orchestrate.failures import reported_failures
from ol_orchestrate.lib.compaction import compact
from ol_orchestrate.lib.iceberg_maintenance import Maintained, Retention, iceberg_tables, maintain
from ol_orchestrate.lib.raw_loader import WarehouseKind
from ol_orchestrate.lib.trino_client import connect_trino


class MaintenanceConfig(dg.Config):
    """How the job runs."""

    dry_run: bool = Field(default=False, description="Only say what there is; change nothing.")


def maintenance_job(settings: Settings) -> dg.JobDefinition:
    """The job of this process's warehouse. It takes the warehouse's pool, so nothing is loaded or built meanwhile."""
    op = _iceberg_op(settings) if settings.warehouse is WarehouseKind.ICEBERG else _duckdb_op(settings)

    @dg.job(
        name="warehouse_maintenance_job",
        description="Gives back the room of what was deleted or replaced; figures before and after in its metadata.",
    )
    def job() -> None:
        op()

    return job


def maintenance_schedule(job: dg.JobDefinition) -> dg.ScheduleDefinition:
    """Sunday nights, once somebody has switched it on."""
    return dg.ScheduleDefinition(
        name="warehouse_maintenance_schedule",
        job=job,
        cron_schedule="0 3 * * 0",
        default_status=dg.DefaultScheduleStatus.STOPPED,
    )


def _duckdb_op(settings: Settings) -> dg.OpDefinition:
    @dg.op(name="compact_warehouse", pool=WAREHOUSE_POOL)
    def compact_warehouse(context: dg.OpExecutionContext, config: MaintenanceConfig) -> None:
        """Writes the warehouse anew without unused blocks, and replaces it in one step."""
        with reported_failures(context):
            done = compact(settings.storage.warehouse_path, dry_run=config.dry_run)
        context.add_output_metadata(
            {
                "dry_run": config.dry_run,
                "size_bytes_before": done.before.size_bytes,
                "size_bytes_after": done.after.size_bytes,
                "free_bytes_before": done.before.free_bytes,
                "free_bytes_after": done.after.free_bytes,
            }
        )

    return compact_warehouse


def _iceberg_op(settings: Settings) -> dg.OpDefinition:
    @dg.op(name="maintain_iceberg_tables", pool=WAREHOUSE_POOL)
    def maintain_iceberg_tables(context: dg.OpExecutionContext, config: MaintenanceConfig) -> None:
        """Per table: optimize, expire snapshots, remove orphan files."""
        with reported_failures(context):
            retention = Retention.from_environ(os.environ)
            with connect_trino(os.environ, settings.storage.data_dir, settings.catalog) as connection:
                done = [
                    maintain(connection, schema, table, retention, dry_run=config.dry_run)
                    for schema, table in iceberg_tables(connection)
                ]
        context.add_output_metadata({"dry_run": config.dry_run, **_totals(done), "tables": _as_table(done)})

    return maintain_iceberg_tables


def _totals(done: Iterable[Maintained]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for item in done:
        for moment, found in (("before", item.before), ("after", item.after)):
            for name, value in asdict(found).items():
                totals[f"{name}_{moment}"] = totals.get(f"{name}_{moment}", 0) + value
    return totals


def _as_table(done: Iterable[Maintained]) -> dg.JsonMetadataValue:
    return dg.MetadataValue.json([asdict(item) for item in done])
