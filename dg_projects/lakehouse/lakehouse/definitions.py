"""`defs` of the code location `lakehouse`."""

import os

import dagster as dg

from lakehouse.dbt_models import dbt_automation_sensor, dbt_models, dbt_resource, published_warehouse
from lakehouse.maintenance import maintenance_job, maintenance_schedule
from lakehouse.raw_tables import landing_sensor, raw_table_asset
from lakehouse.settings import Settings
from ol_orchestrate.composition import common_resources
from ol_orchestrate.lib.raw_loader import WarehouseKind


def build_definitions(settings: Settings) -> dg.Definitions:
    """Everything this location exports; a function of the settings and the manifest alone."""
    models, maintenance = dbt_models(settings), maintenance_job(settings)
    built = [models]
    if settings.warehouse is WarehouseKind.DUCKDB:
        # Iceberg's readers see each table as it was before or after a change; they need no copy.
        built.append(published_warehouse(settings, models))
    return dg.Definitions(
        assets=[
            *(raw_table_asset(table, settings.storage, settings.warehouse) for table in settings.raw_tables),
            *built,
        ],
        jobs=[
            dg.define_asset_job(
                "lakehouse_dbt_job",
                dg.AssetSelection.all(),
                description="Loads what landed, builds and tests every model, and publishes the warehouse.",
            ),
            maintenance,
        ],
        schedules=[maintenance_schedule(maintenance)],
        sensors=[landing_sensor(settings), dbt_automation_sensor(built)],
        resources={**common_resources(settings.storage), "dbt": dbt_resource(settings)},
        # Every op here waits for the one warehouse, so a process for each would only add its start.
        executor=dg.in_process_executor,
    )


defs = build_definitions(Settings.from_environ(os.environ))
