"""What is asked for when something has changed, by the conditions of the real definitions; nothing is run."""

import os

import dagster as dg
import pytest

from lakehouse.dbt_models import PUBLISHED_KEY
from lakehouse.definitions import build_definitions
from lakehouse.settings import Settings

LOGS = dg.AssetKey(["ol_warehouse_raw_data", "raw__mitx__openedx__tracking_logs"])
POLICY = dg.AssetKey(["ol_warehouse_raw_data", "raw__mitx__openedx__course_structure__course_policy"])


class World:
    """The location's assets, all made once, and ticks of their automation."""

    def __init__(self, defs: dg.Definitions, instance: dg.DagsterInstance) -> None:
        self.defs = defs
        self.instance = instance
        self.cursor: object = None
        for key in defs.resolve_asset_graph().toposorted_asset_keys:
            self.made(key, "1")

    def made(self, key: dg.AssetKey, version: str) -> None:
        tags = {"dagster/data_version": version}
        self.instance.report_runless_asset_event(dg.AssetMaterialization(key, tags=tags))

    def tick(self) -> set[str]:
        result = dg.evaluate_automation_conditions(
            self.defs,
            self.instance,
            cursor=self.cursor,  # type: ignore[arg-type]
        )
        self.cursor = result.cursor
        return {key.path[-1] for key in self.keys if result.get_num_requested(key)}

    @property
    def keys(self) -> list[dg.AssetKey]:
        graph = self.defs.resolve_asset_graph()
        return [key for key in graph.materializable_asset_keys if graph.get(key).automation_condition]


@pytest.fixture
def world(environ: dict[str, str], instance: dg.DagsterInstance) -> World:
    return World(build_definitions(Settings.from_environ(os.environ)), instance)


def test_nothing_is_asked_for_when_nothing_has_changed(world: World) -> None:
    assert world.tick() == set()
    assert world.tick() == set()


def test_new_rows_rebuild_all_that_stands_on_them_at_once(world: World) -> None:
    world.tick()
    world.made(LOGS, "2")
    asked = world.tick()
    assert {"base_openedx__tracking_logs", "stg_openedx__tracking_logs", "int_activity__events"} <= asked
    assert {"fct_activity__course_day", "fct_activity__video_events", "published_warehouse"} <= asked
    assert not {name for name in asked if "course__" in name}, "courses have not changed"
    assert world.tick() == set()


def test_a_load_that_changed_nothing_asks_for_nothing(world: World) -> None:
    world.tick()
    world.made(LOGS, "1")
    assert world.tick() == set()


def test_a_raw_table_without_models_is_still_published(world: World) -> None:
    world.tick()
    world.made(POLICY, "2")
    assert world.tick() == {"published_warehouse"}


def test_sensors_evaluate_what_they_are_for(world: World) -> None:
    sensors = {sensor.name: sensor for sensor in world.defs.sensors or []}
    assert set(sensors) == {"dbt_automation_sensor", "raw_tables_landing_sensor"}
    automation = sensors["dbt_automation_sensor"]
    assert isinstance(automation, dg.AutomationConditionSensorDefinition)
    assert automation.asset_selection.resolve(world.defs.resolve_asset_graph()) == set(world.keys)
    assert PUBLISHED_KEY in world.keys
