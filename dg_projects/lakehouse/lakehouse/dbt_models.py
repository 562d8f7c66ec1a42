"""The dbt models as assets, and the copy of the warehouse that readers get after them."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, override

import dagster as dg
from dagster import AutomationCondition as When

from lakehouse.dbt_library import (
    DagsterDbtCliRuntimeError,
    DagsterDbtTranslator,
    DbtCliInvocation,
    DbtProgram,
    dbt_assets,
)
from lakehouse.lib.relations import Relation, relations
from lakehouse.loaders import raw_table_loader
from lakehouse.manifest import all_raw_tables, dbt_executable
from lakehouse.settings import OWNERS, WAREHOUSE_POOL, Settings
from ol_orchestrate.automation import AssetCondition, automation_sensor, on_new_version
from ol_orchestrate.failures import reported_failures
from ol_orchestrate.lib.errors import ConfigurationError
from ol_orchestrate.lib.raw_loader import WarehouseKind
from ol_orchestrate.lib.trino_stack import read_stack
from ol_orchestrate.lib.warehouse import publish
from ol_orchestrate.resources.duckdb import BoundedDuckDBResource

PUBLISHED_KEY = dg.AssetKey(["lakehouse", "published_warehouse"])

ENGINE_TESTS = "path:tests/cross_db"
"""Truth tables of the macros: they test the code against an engine and say nothing of the data."""


class ModelTranslator(DagsterDbtTranslator):
    """Keys `[schema, model]` and `[source, table]`, groups by layer, and made again when what is below has changed."""

    @override
    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """Schema and model, or source and table."""
        if dbt_resource_props["resource_type"] == "source":
            return dg.AssetKey([dbt_resource_props["source_name"], dbt_resource_props["name"]])
        return dg.AssetKey([dbt_resource_props["schema"], dbt_resource_props["name"]])

    @override
    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """The layer: the model's schema."""
        return str(dbt_resource_props["schema"])

    @override
    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str]:
        """One team owns them all."""
        return OWNERS

    @override
    def get_automation_condition(self, dbt_resource_props: Mapping[str, Any]) -> AssetCondition:
        """A change below rebuilds every model above it in one run, not one layer at each tick."""
        return with_what_is_below()


def with_what_is_below() -> AssetCondition:
    """As `on_new_version`, and in the same run as a dependency that is about to be made."""
    follows = When.any_deps_match(When.will_be_requested()) & ~When.in_progress()
    return (on_new_version() | follows).with_label("with_what_is_below")


def dbt_models(settings: Settings) -> dg.AssetsDefinition:
    """Every model of the project, each an asset, built and tested by one `dbt build`.

    Raises:
        ConfigurationError: There is no manifest.
    """

    @dbt_assets(
        manifest=_manifest(settings),
        name="full_dbt_project",
        dagster_dbt_translator=ModelTranslator(),
        pool=WAREHOUSE_POOL,
    )
    def full_dbt_project(
        context: dg.AssetExecutionContext, dbt: DbtProgram, duckdb: BoundedDuckDBResource
    ) -> Iterator[Any]:
        command = ["build", "--exclude", ENGINE_TESTS, "--target", settings.dbt_target]
        target_path = settings.storage.data_dir / "dbt"
        with reported_failures(context):
            if settings.warehouse is WarehouseKind.ICEBERG:
                with raw_table_loader(settings.warehouse, settings.storage, duckdb) as loader:
                    loader.ensure_tables(all_raw_tables(os.environ))  # on DuckDB, dbt does it at its start
                with stack_variables(settings):
                    yield from dbt.cli(command, context=context, target_path=target_path).stream()
                return
            with duckdb.get_connection():
                pass  # dbt's own words for a busy warehouse reach nobody: ask first, and say who holds it
            yield from _described(dbt.cli(command, context=context, target_path=target_path), duckdb)

    return full_dbt_project


@contextmanager
def stack_variables(settings: Settings) -> Iterator[None]:
    """Where the Trino of this machine is, for the dbt that runs in the block; in qa and production it is set outside.

    Raises:
        ConfigurationError: Nothing says where Trino is, and none runs here.
    """
    if settings.dbt_target != "dev_trino" or os.environ.get("DBT_TRINO_PORT"):
        yield
        return
    stack = read_stack(settings.storage.data_dir)
    if stack is None:
        raise ConfigurationError("OL_WAREHOUSE is 'iceberg', and Trino does not run. Type `bin/trino start`.")
    os.environ.update({"DBT_TRINO_HOST": stack.host, "DBT_TRINO_PORT": str(stack.port)})
    try:
        yield
    finally:
        del os.environ["DBT_TRINO_HOST"], os.environ["DBT_TRINO_PORT"]


def published_warehouse(settings: Settings, models: dg.AssetsDefinition) -> dg.AssetsDefinition:
    """The readers' copy, replaced when models or raw tables have changed."""
    raw_keys = [dg.AssetKey(table.asset_key) for table in settings.raw_tables]

    @dg.asset(
        key=PUBLISHED_KEY,
        deps=[*models.keys, *raw_keys],
        group_name="lakehouse",
        kinds={"duckdb"},
        owners=OWNERS,
        automation_condition=with_what_is_below(),
        pool=WAREHOUSE_POOL,
    )
    def published(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg] # Dagster counts its arguments as outputs
        """The whole warehouse as it was after the last build that passed its tests; open it read-only.

        Grain: one file with every schema. Replaced in one step: a reader never misses a table, and keeps the copy it
        has open. Personal data: all that the raw tables hold.
        """
        with reported_failures(context):
            copy = publish(settings.storage.warehouse_path, settings.storage.published_path)
        return dg.MaterializeResult(
            metadata={"path": str(copy.path), "size_bytes": copy.size_bytes, "relations": copy.relation_count}
        )

    return published


def dbt_resource(settings: Settings) -> DbtProgram:
    """The dbt of this project; the profile finds the warehouse by itself."""
    project = str(settings.dbt_project_dir)
    return DbtProgram(
        project_dir=project,
        profiles_dir=project,
        dbt_executable=dbt_executable(),
        global_config_flags=["--no-use-colors"],
    )


def dbt_automation_sensor(built: Sequence[dg.AssetsDefinition]) -> dg.SensorDefinition:
    """Builds and publishes what raw tables have changed below."""
    return automation_sensor("dbt_automation_sensor", dg.AssetSelection.assets(*built), interval_s=60)


def _manifest(settings: Settings) -> Mapping[str, Any]:
    try:
        manifest: Mapping[str, Any] = json.loads(settings.manifest_path.read_bytes())
    except FileNotFoundError as error:
        raise ConfigurationError(f"There is no {settings.manifest_path} yet. Run `bin/build-manifest`.") from error
    except json.JSONDecodeError as error:
        raise ConfigurationError(f"{settings.manifest_path} is damaged. Run `bin/build-manifest` again.") from error
    return manifest


def _described(invocation: DbtCliInvocation, duckdb: BoundedDuckDBResource) -> Iterator[Any]:
    """The events of a dbt that has ended, with rows and columns of what it made; then its failure, if it failed.

    dbt holds the warehouse until it ends, so nothing is yielded before.
    """
    events: list[Any] = []
    failure: DagsterDbtCliRuntimeError | None = None
    try:
        events.extend(invocation.stream())
    except DagsterDbtCliRuntimeError as error:
        failure = error
    with duckdb.get_connection() as connection:
        made = relations(connection)
    for event in events:
        yield _with_relation(event, invocation.manifest["nodes"], made)
    if failure:
        raise failure


def _with_relation(event: Any, nodes: Mapping[str, Mapping[str, str]], made: Mapping[tuple[str, str], Relation]) -> Any:
    if not isinstance(event, dg.Output | dg.AssetMaterialization):
        return event
    node = nodes[str(event.metadata["unique_id"].value)]
    relation = made.get((node["schema"], node["alias"]))
    return event.with_metadata({**event.metadata, **_metadata(relation)}) if relation else event


def _metadata(relation: Relation) -> dict[str, dg.TableSchema | int]:
    columns = [dg.TableColumn(name, data_type) for name, data_type in relation.columns]
    described: dict[str, dg.TableSchema | int] = {"dagster/column_schema": dg.TableSchema(columns=columns)}
    if relation.row_count is not None:
        described["dagster/row_count"] = relation.row_count
    return described
