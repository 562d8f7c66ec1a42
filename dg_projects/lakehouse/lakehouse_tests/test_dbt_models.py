"""The toy university through the location's own job: raw tables, dbt, the published copy. Runs dbt three times."""

import json
from datetime import date, datetime
from typing import Any

import dagster as dg
import pytest

from lakehouse.dbt_models import PUBLISHED_KEY

RUN = "course-v1:MITx+Toy+1T"
MARTS = [
    "dim_course__content",
    "dim_course__run",
    "fct_activity__course_day",
    "fct_activity__discussion_events",
    "fct_activity__navigation_events",
    "fct_activity__problem_events",
    "fct_activity__video_events",
]


@pytest.fixture(scope="module")
def lake(built: Any) -> Any:
    assert built.result.success, [event.message for event in built.result.all_events if event.is_failure]
    return built.lake


def node(built: Any, *key: str) -> Any:
    return built.defs.resolve_asset_graph().get(dg.AssetKey(key))


def test_the_job_makes_everything_and_every_check_passes(built: Any, lake: Any) -> None:
    made = {event.asset_key for event in built.result.get_asset_materialization_events()}
    assert made == set(built.defs.resolve_asset_graph().materializable_asset_keys)
    checks = built.result.get_asset_check_evaluations()
    assert len(checks) > 100
    assert [check.check_name for check in checks if not check.passed] == []


def test_models_are_assets_by_schema_and_name(built: Any) -> None:
    staging = node(built, "staging", "stg_openedx__tracking_logs")
    assert staging.group_name == "staging"
    assert staging.owners == ["team:data-platform"]
    assert staging.automation_condition
    assert "One row per event and platform" in staging.description
    assert {key.to_user_string() for key in node(built, "staging", "base_openedx__tracking_logs").parent_keys} == {
        "ol_warehouse_raw_data/raw__mitx__openedx__tracking_logs",
        "ol_warehouse_raw_data/raw__mitxonline__openedx__tracking_logs",
        "ol_warehouse_raw_data/raw__xpro__openedx__tracking_logs",
        "ol_warehouse_raw_data/raw__edxorg__s3__tracking_logs",
    }
    assert all(node(built, "mart", name).group_name == "mart" for name in MARTS)


def test_every_op_waits_for_the_one_warehouse(built: Any) -> None:
    definitions = built.defs.resolve_asset_graph().assets_defs
    assert {definition.op.pool for definition in definitions if definition.is_executable} == {"warehouse"}
    assert "full_dbt_project" in {definition.op.name for definition in definitions if definition.is_executable}


def test_a_materialized_model_tells_its_rows_and_columns(built: Any, lake: Any) -> None:
    metadata = {
        event.asset_key.path[-1]: event.materialization.metadata
        for event in built.result.get_asset_materialization_events()
    }
    fact = metadata["fct_activity__course_day"]
    assert fact["dagster/row_count"].value == 4
    columns = {column.name: column.type for column in fact["dagster/column_schema"].value.columns}
    assert columns["event_count"] == "BIGINT"
    assert columns["first_event_at"] == "TIMESTAMP"
    assert "dagster/row_count" not in metadata["int_activity__events"], "a view is not run to be counted"


def test_overlapping_files_give_each_event_once(lake: Any) -> None:
    assert lake.query(
        "select platform, count(*), sum(delivered_count) from staging.stg_openedx__tracking_logs group by 1 order by 1"
    ) == [("edxorg", 1, 1), ("mitx", 8, 9), ("xpro", 1, 1)]


def test_blank_usernames_are_counted_and_left_out(lake: Any) -> None:
    assert lake.query("from intermediate.int_activity__filtered_events") == [
        ("mitx", date(2024, 3, 1), "blank_username", 2)
    ]


def test_days_count_events_by_learner_and_run(lake: Any) -> None:
    assert lake.query(
        "select platform, username, course_run_id, event_date, event_count, video_event_count, problem_event_count, "
        "discussion_event_count, navigation_event_count from mart.fct_activity__course_day order by all"
    ) == [
        ("edxorg", "ada", "MITx/Old/2012", date(2024, 3, 1), 1, 0, 0, 0, 1),
        ("mitx", "ada", RUN, date(2024, 3, 1), 4, 1, 1, 1, 1),
        ("mitx", "bob", RUN, date(2024, 3, 1), 1, 1, 0, 0, 0),
        ("xpro", "ada", RUN, date(2024, 3, 1), 1, 1, 0, 0, 0),
    ]


def test_facts_know_the_blocks_of_the_course(lake: Any) -> None:
    assert lake.query(
        "select fact.event_name, fact.success, content.sequential_title, content.chapter_title, content.max_attempts "
        "from mart.fct_activity__problem_events as fact join mart.dim_course__content as content "
        "on (fact.platform, fact.course_run_id, fact.problem_block_id) "
        "= (content.platform, content.course_run_id, content.block_id)"
    ) == [("problem_check", "correct", "Lesson", "Week 1", 3)]


def test_old_names_of_events_are_canonical(lake: Any) -> None:
    assert lake.query("select platform, event_name from mart.fct_activity__navigation_events order by all") == [
        ("edxorg", "edx.ui.lms.sequence.tab_selected"),
        ("mitx", "edx.ui.lms.sequence.next_selected"),
    ]


def test_a_run_is_described_by_its_archive(lake: Any) -> None:
    assert lake.query(
        "select platform, course_run_id, title, starts_at, block_count, problem_count from mart.dim_course__run"
    ) == [("mitx", RUN, "Toy", datetime(2024, 2, 1), 4, 1)]  # noqa: DTZ001


def test_everything_published_can_be_read(lake: Any) -> None:
    relations = lake.query("select table_schema, table_name from information_schema.tables")
    assert {name for schema, name in relations if schema == "mart"} == set(MARTS)
    for schema, name in relations:
        lake.query(f"select count(*) from {schema}.{name}")


def test_raw_tables_of_every_site_are_there_when_nothing_landed(lake: Any) -> None:
    assert lake.query("select count(*) from ol_warehouse_raw_data.raw__mitxonline__openedx__tracking_logs") == [(0,)]


def test_a_second_run_gives_the_same_and_a_failed_one_publishes_nothing(built: Any, lake: Any) -> None:
    before = {name: lake.query(f"from mart.{name} order by all") for name in MARTS}
    assert built.run().success
    assert {name: lake.query(f"from mart.{name} order by all") for name in MARTS} == before

    outline = {"course_id": RUN, "usage_key": "twice", "position": 0, "depth": 0, "type": "course"}
    lake.land_extract("xpro", "course_outline", RUN, [outline, outline])
    failed = built.run()
    assert not failed.success
    checks = {check.check_name for check in failed.get_asset_check_evaluations() if not check.passed}
    assert "unique_combination_stg_openedx__course_outline_platform__course_run_id__usage_key" in checks
    assert PUBLISHED_KEY not in {event.asset_key for event in failed.get_asset_materialization_events()}
    assert lake.query("select count(*) from ol_warehouse_raw_data._loads where object_key like 'xpro%'") == [(0,)]


def test_a_failing_test_says_what_failed(built: Any, lake: Any) -> None:
    results = json.loads((lake.data_dir / "dbt" / "run_results.json").read_text())
    [failed] = [result for result in results["results"] if result["status"] == "fail"]
    assert failed["message"].startswith("Got 1 result")
