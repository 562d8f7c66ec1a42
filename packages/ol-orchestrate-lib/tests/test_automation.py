"""Every test drives real runs on an instance and real evaluations of the condition, tick by tick."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import dagster as dg
import pytest

from ol_orchestrate.automation import automation_sensor, on_new_version
from ol_orchestrate.failures import reported_failures
from ol_orchestrate.lib.errors import OLDataError, SourceRejected, SourceUnavailable

COURSES = dg.StaticPartitionsDefinition(["one", "two"])


def gone() -> OLDataError:
    return SourceRejected("405", system="learn", operation="announce")


def down() -> OLDataError:
    return SourceUnavailable("503", system="learn", operation="announce", retry_after_s=1e6)


@dataclass
class World:
    """One upstream, one downstream under the condition, and what the downstream does when it runs."""

    instance: dg.DagsterInstance
    partition: str | None
    code_version: str = "1"
    fails_with: Callable[[], OLDataError] | None = None
    while_running: Callable[[], object] = lambda: None
    emits: bool = True
    runs: list[str | None] = field(default_factory=list)
    cursor: object = None

    def assets(self) -> list[dg.AssetsDefinition | dg.AssetSpec]:
        partitions = COURSES if self.partition else None
        upstream = dg.AssetSpec("upstream", partitions_def=partitions)

        @dg.asset(
            deps=[upstream],
            partitions_def=partitions,
            code_version=self.code_version,
            output_required=False,
            automation_condition=on_new_version(),
        )
        def downstream(context: dg.AssetExecutionContext) -> Iterator[dg.Output[None]]:
            self.runs.append(context.partition_key if context.has_partition_key else None)
            self.while_running()
            with reported_failures(context):
                if self.fails_with:
                    raise self.fails_with()
            if self.emits:
                yield dg.Output(None)

        return [upstream, downstream]

    def upstream_is(self, version: str) -> None:
        self.instance.report_runless_asset_event(
            dg.AssetObservation("upstream", partition=self.partition, tags={"dagster/data_version": version})
        )
        self.instance.report_runless_asset_event(
            dg.AssetMaterialization("upstream", partition=self.partition, tags={"dagster/data_version": version})
        )

    def evaluate(self) -> int:
        """One tick that launches nothing, as while a run is under way."""
        result = dg.evaluate_automation_conditions(self.assets(), self.instance, cursor=self.cursor)
        self.cursor = result.cursor
        self.requested = sorted(result.get_requested_partitions(dg.AssetKey("downstream")), key=str)
        return len(self.requested)

    def tick(self) -> int:
        """One tick, and the runs it asks for, to their end. Returns how many it asked for."""
        count = self.evaluate()
        for partition in self.requested:
            self.run(partition)
        return count

    def run(self, partition: str | None = None) -> None:
        dg.materialize(
            self.assets(),
            selection=["downstream"],
            partition_key=partition,
            instance=self.instance,
            raise_on_error=False,
        )

    def settle(self) -> None:
        """Bring everything up to date, and let the condition see that."""
        self.upstream_is("v0")
        self.run(self.partition)
        if self.partition:
            self.run("two")
            self.instance.report_runless_asset_event(dg.AssetMaterialization("upstream", partition="two"))
        for _ in range(3):
            self.evaluate()
        self.runs.clear()

    def ticks(self, count: int = 6) -> list[int]:
        return [self.tick() for _ in range(count)]


@pytest.fixture(params=[None, "one"], ids=["unpartitioned", "partitioned"])
def world(request: pytest.FixtureRequest) -> World:
    return World(dg.DagsterInstance.ephemeral(), request.param)


def test_nothing_new_asks_for_nothing(world: World):
    world.settle()

    assert world.ticks() == [0] * 6


def test_a_new_version_upstream_asks_for_exactly_one_run(world: World):
    world.settle()
    world.upstream_is("v1")

    assert sum(world.ticks()) == 1
    assert world.runs == [world.partition]


def test_the_same_version_again_asks_for_nothing(world: World):
    world.settle()
    world.upstream_is("v0")

    assert sum(world.ticks()) == 0


def test_a_new_code_version_asks_for_every_partition_once(world: World):
    world.settle()
    world.code_version = "2"

    assert sum(world.ticks()) == (2 if world.partition else 1)


def test_what_is_missing_is_made_once_its_dependency_is_there(world: World):
    assert world.ticks(3) == [0, 0, 0], "the dependency is missing too"
    world.upstream_is("v0")

    assert sum(world.ticks()) == 1
    assert world.runs == [world.partition]


def test_a_run_that_emits_nothing_is_not_asked_for_again(world: World):
    world.settle()
    world.emits = False
    world.upstream_is("v1")

    assert sum(world.ticks()) == 1


def test_a_failure_that_may_pass_is_tried_exactly_once_more(world: World):
    world.settle()
    world.fails_with = down
    world.upstream_is("v1")

    assert sum(world.ticks(10)) == 2


def test_one_more_try_also_when_every_tick_sees_the_run_under_way(world: World):
    world.settle()
    world.fails_with = down
    world.while_running = world.evaluate
    world.upstream_is("v1")

    assert sum(world.ticks(10)) == 2


def test_after_a_success_the_next_failure_has_its_own_retry(world: World):
    world.settle()
    world.fails_with = down
    world.upstream_is("v1")
    world.ticks()
    world.fails_with = None
    world.upstream_is("v2")
    assert sum(world.ticks()) == 1

    world.fails_with = down
    world.upstream_is("v3")
    assert sum(world.ticks(10)) == 2


def test_a_permanent_failure_is_not_tried_again(world: World):
    world.settle()
    world.fails_with = gone
    world.upstream_is("v1")

    assert sum(world.ticks(10)) == 1


def test_a_permanent_failure_is_tried_again_after_the_next_change(world: World):
    world.settle()
    world.fails_with = gone
    world.upstream_is("v1")
    world.ticks()
    world.upstream_is("v2")

    assert sum(world.ticks(10)) == 1


def test_what_had_failed_before_the_first_evaluation_is_left_alone(world: World):
    world.upstream_is("v0")
    world.run(world.partition)
    world.fails_with = down
    world.run(world.partition)

    assert sum(world.ticks()) == 0


def test_a_change_during_a_run_is_not_lost(world: World):
    world.settle()
    changes = iter(["v2"])

    def change_and_tick() -> None:
        for version in changes:
            world.upstream_is(version)
            assert world.evaluate() == 0, "never two runs of one thing at a time"

    world.while_running = change_and_tick
    world.upstream_is("v1")

    assert sum(world.ticks()) == 2


def test_a_change_between_the_request_and_the_next_tick_is_not_lost(world: World):
    world.settle()
    world.upstream_is("v1")
    assert world.evaluate() == 1
    world.run(world.partition)
    world.upstream_is("v2")

    assert sum(world.ticks()) == 1


def test_one_course_is_not_made_again_because_of_another():
    world = World(dg.DagsterInstance.ephemeral(), "one")
    world.settle()
    world.upstream_is("v1")
    world.ticks()

    assert world.runs == ["one"]


def test_making_the_sensor_warns_about_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        automation_sensor("quiet", dg.AssetSelection.all())


def test_the_sensor_evaluates_our_condition_in_the_code_location():
    world = World(dg.DagsterInstance.ephemeral(), None)
    world.upstream_is("v0")
    sensor = automation_sensor("mitx_openedx_automation_sensor", dg.AssetSelection.all())
    defs = dg.Definitions(assets=world.assets(), sensors=[sensor])
    context = dg.build_sensor_context(instance=world.instance, repository_def=defs.get_repository_def())

    tick = sensor.evaluate_tick(context)

    assert sensor.minimum_interval_seconds == 300
    assert [request.asset_selection for request in tick.run_requests] == [[dg.AssetKey("downstream")]]
