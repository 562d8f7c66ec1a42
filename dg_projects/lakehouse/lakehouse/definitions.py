"""`defs` of the code location `lakehouse`."""

import os

import dagster as dg

from lakehouse.dbt_models import dbt_automation_sensor, dbt_models, dbt_resource, published_warehouse
from lakehouse.raw_tables import landing_sensor, raw_table_asset
from lakehouse.settings import Settings
from ol_orchestrate.composition import common_resources


def build_definitions(settings: Settings) -> dg.Definitions:
    """Everything this location exports; a function of the settings and the manifest alone."""
    models = dbt_models(settings)
    return dg.Definitions(
        assets=[
            *(raw_table_asset(table, settings.storage) for table in settings.raw_tables),
            models,
            published_warehouse(settings, models),
        ],
        jobs=[
            dg.define_asset_job(
                "lakehouse_dbt_job",
                dg.AssetSelection.all(),
                description="Loads what landed, builds and tests every model, and publishes the warehouse.",
            )
        ],
        sensors=[landing_sensor(settings), dbt_automation_sensor(models)],
        resources={**common_resources(settings.storage), "dbt": dbt_resource(settings)},
        # Every op here waits for the one warehouse, so a process for each would only add its start.
        executor=dg.in_process_executor,
    )


defs = build_definitions(Settings.from_environ(os.environ))
