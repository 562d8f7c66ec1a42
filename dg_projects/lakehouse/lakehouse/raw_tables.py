"""The raw tables as assets: one per table of the inventory, and a sensor that sees what has landed."""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache

import dagster as dg

from lakehouse.loaders import loaded_versions, raw_table_loader
from lakehouse.settings import OWNERS, WAREHOUSE_POOL, Settings
from ol_orchestrate.failures import reported_failures
from ol_orchestrate.lib.environment import Storage
from ol_orchestrate.lib.errors import SourceUnavailable
from ol_orchestrate.lib.hashing import content_hash
from ol_orchestrate.lib.inventory import RawTable
from ol_orchestrate.lib.landing import LandingZone
from ol_orchestrate.lib.landing_watch import LandingWatch
from ol_orchestrate.lib.raw_loader import WarehouseKind
from ol_orchestrate.lib.raw_tables import LoadResult, landed_files, landed_version
from ol_orchestrate.resources.duckdb import BoundedDuckDBResource

CHECK = "every_landed_row_loaded"

_INTERVAL_S = 60
_BUDGET_S = 40.0
"""Seconds a tick may look at manifests; Dagster gives up on one after 60."""


def raw_table_asset(
    table: RawTable, storage: Storage, warehouse: WarehouseKind = WarehouseKind.DUCKDB
) -> dg.AssetsDefinition:
    """The asset of one raw table; materializing it loads what has landed since."""
    key = dg.AssetKey(table.asset_key)

    @dg.asset(
        key=key,
        deps=[dg.AssetKey(table.upstream_asset_key)] if table.upstream_asset_key else [],
        group_name=table.group,
        kinds={warehouse.value, table.source.format.value},
        owners=OWNERS,
        description=_description(table),
        metadata={"dagster/column_schema": _column_schema(table), "dagster/table_name": ".".join(table.asset_key)},
        tags={"platform": table.platform},
        pool=WAREHOUSE_POOL,
        check_specs=[dg.AssetCheckSpec(CHECK, asset=key, description="read = loaded")],
    )
    def raw_table(context: dg.AssetExecutionContext, duckdb: BoundedDuckDBResource) -> dg.MaterializeResult:  # type: ignore[type-arg] # Dagster counts its arguments as outputs
        with reported_failures(context):
            zone = LandingZone(table.source.root_uri(storage))
            landed = landed_files(zone, table)
            with raw_table_loader(warehouse, storage, duckdb) as loader:
                result = loader.load(table, zone, landed, loaded_at=datetime.now(UTC))
        return dg.MaterializeResult(
            data_version=dg.DataVersion(landed_version(landed)),
            metadata=_metadata(result),
            check_results=[_conservation(result)],
        )

    return raw_table


def landing_sensor(settings: Settings) -> dg.SensorDefinition:
    """Asks for a load of the tables whose landed files are not what readers have."""

    @cache
    def watch(table: RawTable) -> LandingWatch:
        return LandingWatch(LandingZone(table.source.root_uri(settings.storage)), table)

    @dg.sensor(
        name="raw_tables_landing_sensor",
        asset_selection=[dg.AssetKey(table.asset_key) for table in settings.raw_tables],
        minimum_interval_seconds=_INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        """Compares manifests with the ledger readers have, starting after the table the last tick came to.

        One state of the landing zone is asked for once: a load that failed for good is not repeated until something
        else lands, and one that may still be running is not overtaken.
        """
        start = int(context.cursor or 0) % len(settings.raw_tables)
        try:
            loaded = loaded_versions(settings)
        except SourceUnavailable as error:
            return dg.SkipReason(error.message)
        landed, reached = _landed_versions(settings.raw_tables, start, watch, context.log)
        due = {name: version for name, version in landed.items() if version != loaded.get(name)}
        if not due:
            return dg.SensorResult(skip_reason=f"{len(landed)} tables hold what landed.", cursor=str(reached))
        known = {name: loaded.get(name) or "" for name in due}
        request = dg.RunRequest(
            run_key=content_hash({"landed": due, "loaded": known}),
            asset_selection=[dg.AssetKey(table.asset_key) for table in settings.raw_tables if table.name in due],
        )
        return dg.SensorResult(run_requests=[request], cursor=str(reached))

    return sensor


def _landed_versions(
    tables: Sequence[RawTable], start: int, watch: Callable[[RawTable], LandingWatch], log: logging.Logger
) -> tuple[dict[str, str], int]:
    """What landed for each table, from number `start` on, until the time is up; and where the next tick starts.

    Every table has its turn. One that the time runs out on is the first of the next tick; if it was the first of this
    one, the others come first, and it goes on from where it is at its next turn.
    """
    found: dict[str, str] = {}
    deadline = time.monotonic() + _BUDGET_S
    for step in range(len(tables)):
        place = (start + step) % len(tables)
        table = tables[place]
        if step and time.monotonic() > deadline:
            return found, place
        version = watch(table).version(deadline)
        if version is not None:
            found[table.name] = version
        elif step:
            return found, place
        else:
            log.info("%s: %d manifests read so far, the rest at a next tick.", table.name, watch(table).manifests)
    return found, start


def _description(table: RawTable) -> str:
    personal = ", ".join(f"`{name}` ({kind})" for name, kind in table.personal_data.items()) or "none"
    return f"{table.description}\n\nPlatform: {table.platform}. Personal data: {personal}."


def _column_schema(table: RawTable) -> dg.TableSchema:
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                column.type.value,
                column.description,
                tags={"personal_data": column.personal.value} if column.personal else {},
            )
            for column in table.columns
        ]
    )


def _metadata(result: LoadResult) -> dict[str, int | bool]:
    return {
        "dagster/row_count": result.loaded,
        "objects_added": result.added,
        "objects_changed": result.changed,
        "objects_removed": result.removed,
        "objects_unchanged": result.unchanged,
        "rows_inserted": result.rows_inserted,
        "rows_deleted": result.rows_deleted,
    }


def _conservation(result: LoadResult) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=CHECK,
        passed=result.is_conserved,
        metadata={"rows_landed": result.read, "rows_loaded": result.loaded},
    )
