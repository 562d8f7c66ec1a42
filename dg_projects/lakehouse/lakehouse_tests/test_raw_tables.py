"""The raw-table assets and their sensor, on files the tests write."""

import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest

from lakehouse import raw_tables
from lakehouse.raw_tables import CHECK, landing_sensor, raw_table_asset
from lakehouse.settings import WAREHOUSE_POOL, Settings
from ol_orchestrate.composition import common_resources
from ol_orchestrate.lib.warehouse import publish

LOGS = "raw__mitx__openedx__tracking_logs"
type Event = Callable[..., dict[str, Any]]


@pytest.fixture
def settings(lake: Any) -> Settings:
    return Settings.from_environ(os.environ)


def asset(settings: Settings, name: str = LOGS) -> dg.AssetsDefinition:
    [table] = [table for table in settings.raw_tables if table.name == name]
    return raw_table_asset(table, settings.storage)


def load(settings: Settings, instance: dg.DagsterInstance, *, fails: bool = False) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [asset(settings)],
        resources=common_resources(settings.storage),
        instance=instance,
        raise_on_error=not fails,
    )


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    [materialization] = result.asset_materializations_for_node(result.all_node_events[0].node_name)
    return {name: value.value for name, value in materialization.metadata.items()}


def test_an_asset_says_what_it_holds(settings: Settings) -> None:
    definition = asset(settings)
    [spec] = definition.specs
    assert spec.key == dg.AssetKey(["ol_warehouse_raw_data", LOGS])
    assert spec.group_name == "openedx"
    assert spec.kinds == {"duckdb", "parquet"}
    assert spec.owners
    assert "One row per accepted line" in (spec.description or "")
    assert "`username` (identifier)" in (spec.description or "")
    assert definition.op.pool == WAREHOUSE_POOL


def test_what_an_asset_writes_is_upstream_of_its_raw_table(settings: Settings) -> None:
    [spec] = asset(settings, "raw__edxorg__s3__tracking_logs").specs
    assert [dep.asset_key for dep in spec.deps] == [dg.AssetKey(["edxorg", "raw_data", "tracking_logs"])]


def test_landed_files_are_loaded_once(
    settings: Settings, lake: Any, event: Event, instance: dg.DagsterInstance
) -> None:
    lake.land_logs("mitx", "2024-03-01", {"a.parquet": [event("one"), event("two")]})
    first, second = load(settings, instance), load(settings, instance)
    assert (metadata(first)["dagster/row_count"], metadata(first)["objects_added"]) == (2, 1)
    assert (metadata(second)["dagster/row_count"], metadata(second)["objects_unchanged"]) == (2, 1)
    assert (metadata(second)["rows_inserted"], metadata(second)["rows_deleted"]) == (0, 0)
    [check] = second.get_asset_check_evaluations()
    assert (check.check_name, check.passed) == (CHECK, True)
    assert {name: value.value for name, value in check.metadata.items()} == {"rows_landed": 2, "rows_loaded": 2}


def test_the_data_version_is_that_of_what_landed(
    settings: Settings, lake: Any, event: Event, instance: dg.DagsterInstance
) -> None:
    def version() -> str:
        [event] = load(settings, instance).get_asset_materialization_events()
        return (event.materialization.tags or {})["dagster/data_version"]

    lake.land_logs("mitx", "2024-03-01", {"a.parquet": [event("one")]})
    first, again = version(), version()
    lake.land_logs("mitx", "2024-03-01", {"a.parquet": [event("two")]})
    assert first == again != version()


def test_a_changed_day_replaces_its_rows(
    settings: Settings, lake: Any, event: Event, instance: dg.DagsterInstance
) -> None:
    lake.land_logs("mitx", "2024-03-01", {"a.parquet": [event("one")], "b.parquet": [event("two")]})
    load(settings, instance)
    lake.land_logs("mitx", "2024-03-01", {"a.parquet": [event("three")]})
    found = metadata(load(settings, instance))
    assert (found["objects_changed"], found["objects_removed"], found["dagster/row_count"]) == (1, 1, 1)


def test_rows_that_do_not_add_up_fail_the_run_for_good(
    settings: Settings, lake: Any, event: Event, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.land_logs("mitx", "2024-03-01", {"a.parquet": [event("one")]})
    path = lake.data_dir / "sources/mitx-qa-edxapp-tracking/valid/2024-03-01/manifest.json"
    path.write_text(path.read_text().replace('"rows":1', '"rows":2'))
    result = load(settings, instance, fails=True)
    [failure] = result.filter_events(lambda event: event.is_step_failure)
    assert "counts 2 rows and the file gave 1" in str(failure.step_failure_data.user_failure_data)
    run = instance.get_run_by_id(result.run_id)
    assert run
    assert run.tags["ol/permanent_failure"] == "MalformedInput"


def test_a_busy_warehouse_is_waited_for_and_its_holder_named(settings: Settings, lake: Any) -> None:
    lake.warehouse.parent.mkdir(parents=True)
    with lake.held_by_another_process() as holder, pytest.raises(dg.RetryRequested) as caught:
        asset(settings)(dg.build_asset_context(), duckdb=common_resources(settings.storage)["duckdb"])
    assert caught.value.seconds_to_wait
    assert f"process {holder.pid} " in str(caught.value.__cause__)


def tick(settings: Settings, instance: dg.DagsterInstance, cursor: str | None = None) -> dg.SensorResult:
    context = dg.build_sensor_context(instance=instance, cursor=cursor)
    return landing_sensor(settings)(context)  # type: ignore[return-value]


def asked_for(result: dg.SensorResult) -> set[str]:
    return {key.path[-1] for request in result.run_requests or [] for key in request.asset_selection or []}


def test_at_first_every_table_is_asked_for(settings: Settings, instance: dg.DagsterInstance) -> None:
    assert asked_for(tick(settings, instance)) == {table.name for table in settings.raw_tables}


def published_with_everything_loaded(settings: Settings, instance: dg.DagsterInstance) -> None:
    dg.materialize(
        [raw_table_asset(table, settings.storage) for table in settings.raw_tables],
        resources=common_resources(settings.storage),
        instance=instance,
    )
    publish(settings.storage.warehouse_path, settings.storage.published_path)


def test_only_tables_something_new_landed_for_are_asked_for(
    settings: Settings, lake: Any, event: Event, instance: dg.DagsterInstance
) -> None:
    published_with_everything_loaded(settings, instance)
    quiet = tick(settings, instance)
    assert asked_for(quiet) == set()
    assert quiet.skip_reason
    lake.land_logs("mitx", "2024-03-01", {"a.parquet": [event("one")]})
    first, second = tick(settings, instance), tick(settings, instance)
    assert asked_for(first) == {LOGS}
    assert first.run_requests
    assert second.run_requests
    assert first.run_requests[0].run_key == second.run_requests[0].run_key, "one state is asked for once"
    lake.land_logs("mitx", "2024-03-01", {"a.parquet": [event("two")]})
    third = tick(settings, instance)
    assert third.run_requests
    assert third.run_requests[0].run_key != first.run_requests[0].run_key


def test_a_tick_that_runs_out_of_time_goes_on_where_it_stopped(
    settings: Settings, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw_tables, "_BUDGET_S", 0.0)
    seen, cursor = set(), None
    for _ in settings.raw_tables:
        result = tick(settings, instance, cursor)
        assert len(asked_for(result)) == 1
        seen |= asked_for(result)
        cursor = result.cursor
    assert seen == {table.name for table in settings.raw_tables}


def test_a_table_that_takes_many_ticks_does_not_keep_the_others_waiting(
    settings: Settings, lake: Any, event: Event, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in ("2024-03-01", "2024-03-02", "2024-03-03"):
        lake.land_logs("mitx", day, {"a.parquet": [event(day)]})
    monkeypatch.setattr(raw_tables, "_BUDGET_S", 0.0)
    sensor, cursor = landing_sensor(settings), None
    asked: list[str] = []
    for _ in range(3 * len(settings.raw_tables)):
        result: dg.SensorResult = sensor(dg.build_sensor_context(instance=instance, cursor=cursor))  # type: ignore[assignment]
        asked += asked_for(result)
        cursor = result.cursor
    asked_of = Counter(asked)
    assert asked_of.pop(LOGS) == 1, "two turns to read two manifests, and the third reads the last"
    assert set(asked_of) == {table.name for table in settings.raw_tables} - {LOGS}
    assert set(asked_of.values()) == {3}
