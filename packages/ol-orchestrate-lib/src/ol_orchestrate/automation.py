"""When an asset is made again by itself, and when it is left alone."""

import warnings
from typing import Any, override

import dagster as dg
from dagster import AutomationCondition as When

from ol_orchestrate.failures import PERMANENT_FAILURE_TAG

type AssetCondition = dg.AutomationCondition[Any]


class FailedForGood(dg.AutomationCondition[dg.AssetKey]):
    """True for candidates whose latest run carries the mark of a permanent failure. One run look-up each."""

    @property
    @override
    def description(self) -> str:
        return "The latest run failed in a way no retry can help"

    @override
    def evaluate(self, context: dg.AutomationContext[dg.AssetKey]) -> dg.AutomationResult[dg.AssetKey]:
        candidates = context.candidate_subset
        if not candidates.is_partitioned:
            found = not candidates.is_empty and _failed_for_good(context, None)
            return dg.AutomationResult(context, candidates if found else context.get_empty_subset())
        keys = {key for key in candidates.expensively_compute_partition_keys() if _failed_for_good(context, key)}
        return dg.AutomationResult(context, candidates.compute_intersection_with_partition_keys(keys))


def _failed_for_good(context: dg.AutomationContext[dg.AssetKey], partition: str | None) -> bool:
    instance = context.asset_graph_view.instance
    planned = instance.get_latest_planned_materialization_info(context.key, partition)
    run = instance.get_run_by_id(planned.run_id) if planned else None
    return run is not None and PERMANENT_FAILURE_TAG in run.tags


def on_new_version() -> AssetCondition:
    """Make the asset when something it is made from has another data version, or its own code version changed.

    Also once when it is missing, and once more after a failure that may pass. What was noticed is remembered until it
    is acted on: a change that arrives while a run is under way, while a dependency is missing, or whose run fails, is
    not lost. A failure marked permanent is not tried again before the next change.

    A sensor that evaluates this needs `automation_sensor`: the condition is ours, so the daemon cannot evaluate it.
    """
    return (
        (_upstream_changed() | _code_changed() | _went_missing() | _may_work_this_time())
        & ~When.in_progress()
        & ~When.any_deps_in_progress()
        & ~When.any_deps_missing()
    ).with_label("on_new_version")


def automation_sensor(name: str, target: dg.AssetSelection, *, interval_s: int = 300) -> dg.SensorDefinition:
    """The sensor that acts on `on_new_version` for the assets of `target`, RUNNING from the start.

    Five minutes by default: each link of a chain takes one tick.
    """
    with warnings.catch_warnings():
        # Dagster calls `use_user_code_server` beta at every import; the lock pins the version our tests ran with.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return dg.AutomationConditionSensorDefinition(
            name=name,
            target=target,
            minimum_interval_seconds=interval_s,
            default_status=dg.DefaultSensorStatus.RUNNING,
            use_user_code_server=True,
        )


def _dependency_changed() -> AssetCondition:
    return When.any_deps_match(When.data_version_changed())


def _upstream_changed() -> AssetCondition:
    # A change seen in the same tick as our own request may have come after the requested run read its input, so it has
    # to outlive the reset. At worst that is one run more than needed.
    acted_on = When.newly_requested() & ~_dependency_changed()
    return _dependency_changed().since(acted_on | When.initial_evaluation()).with_label("upstream changed")


def _code_changed() -> AssetCondition:
    return When.code_version_changed().since(When.newly_requested()).with_label("code changed")


def _went_missing() -> AssetCondition:
    return When.newly_missing().since(When.newly_requested()).with_label("went missing")


def _may_work_this_time() -> AssetCondition:
    # An unpartitioned asset stops being "failed" while its retry runs, so every failed retry is an edge of its own.
    # Only the first edge since the last success or change counts, or one broken asset would ask for runs for ever.
    settled = When.newly_updated() | _dependency_changed() | When.code_version_changed() | When.initial_evaluation()
    first_edge = When.execution_failed().newly_true().since(settled).newly_true()
    acted_on = When.newly_requested() & ~first_edge
    return (
        (first_edge & ~FailedForGood())
        .since(acted_on | When.initial_evaluation())
        .with_label("failed once, worth another try")
    )
