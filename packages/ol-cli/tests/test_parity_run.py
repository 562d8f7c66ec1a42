"""One model on two engines; two DuckDB files stand in for the engines."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import duckdb
import pytest

from ol_cli.parity_compare import Difference
from ol_cli.parity_engines import open_duckdb
from ol_cli.parity_models import Model
from ol_cli.parity_report import ModelReport
from ol_cli.parity_run import SHOWN_DIFFERENCES, compare_model

TABLE = """
    select
        i as id, i * 1.5::double as ratio, (i * 1.25)::decimal(9, 2) as price, 'name ' || i as name,
        timestamp '2024-03-31 02:30:00' + to_seconds(i) as seen_at, date '2024-02-29' as day, i % 2 = 0 as even,
        case when i % 3 = 0 then 'set' end as maybe, ('{"n": ' || i || ', "t": "x"}') as settings,
        now()::timestamp as _loaded_at
    from range(10000) r(i)
"""
MODEL = Model("things", "mart", ("id",))

type Compare = Callable[..., ModelReport]


@pytest.fixture
def compare(tmp_path: Path) -> Iterator[Compare]:
    """Makes the table twice, changes the second, and compares."""
    with ExitStack() as stack:

        def run(change: str = "", model: Model = MODEL) -> ModelReport:
            engines = []
            for name, statements in (("one", ""), ("other", change)):
                path = tmp_path / f"{name}.duckdb"
                with duckdb.connect(path) as connection:
                    connection.execute(f"create schema mart; create table mart.things as {TABLE}; {statements}")
                engines.append(stack.enter_context(open_duckdb(path, name)))
            return compare_model(model, (engines[0], engines[1]))

        yield run


def test_equal_tables(compare: Compare) -> None:
    report = compare()
    assert report.equal
    assert report.columns == 10
    assert set(report.rows.values()) == {10000}


PLANTED = {
    "number": ("id", "update mart.things set id = 20000 where id = 5000"),
    "double": ("ratio", "update mart.things set ratio = ratio + 0.001 where id = 5000"),
    "decimal": ("price", "update mart.things set price = price + 0.01 where id = 5000"),
    "text": ("name", "update mart.things set name = name || ' ' where id = 5000"),
    "timestamp": ("seen_at", "update mart.things set seen_at = seen_at + to_microseconds(1) where id = 5000"),
    "date": ("day", "update mart.things set day = day + 1 where id = 5000"),
    "boolean": ("even", "update mart.things set even = not even where id = 5000"),
    "null": ("maybe", "update mart.things set maybe = '' where id = 5000"),
    "json": ("settings", """update mart.things set settings = '{"n": 5000, "t": null}' where id = 5000"""),
}


@pytest.mark.parametrize("kind", [kind for kind in PLANTED if kind != "number"])
def test_a_planted_difference_is_reported_with_its_key(compare: Compare, kind: str) -> None:
    column, change = PLANTED[kind]
    report = compare(change)
    assert not report.equal
    assert [(found.kind, found.column, found.key) for found in report.differences] == [("value", column, {"id": 5000})]


def test_a_changed_key_is_a_row_missing_on_either_side(compare: Compare) -> None:
    found = compare(PLANTED["number"][1]).differences
    assert [(difference.kind, difference.key) for difference in found] == [
        ("missing_row", {"id": 5000}),
        ("missing_row", {"id": 20000}),
    ]


def test_a_number_outside_of_the_key(compare: Compare) -> None:
    keyed_by_name = Model("things", "mart", ("name",))
    found = compare(PLANTED["number"][1], keyed_by_name).differences
    assert [(difference.column, difference.key) for difference in found] == [("id", {"name": "name 5000"})]


def test_when_it_was_loaded_is_not_compared_but_its_type_is(compare: Compare) -> None:
    assert compare("update mart.things set _loaded_at = timestamp '2000-01-01'").equal


def test_other_columns_types_and_counts_are_differences(compare: Compare) -> None:
    report = compare(
        "alter table mart.things drop column maybe; alter table mart.things alter even type varchar; "
        "alter table mart.things alter ratio type hugeint; delete from mart.things where id >= 9000"
    )
    kinds = [difference.kind for difference in report.differences]
    assert kinds[:1] == ["columns"]
    assert {difference.column for difference in report.differences if difference.kind == "type"} == {"even", "ratio"}
    assert "row_count" in kinds
    assert kinds.count("missing_row") == SHOWN_DIFFERENCES


def test_columns_in_another_order_are_a_difference(compare: Compare) -> None:
    report = compare(
        "create table mart.other as select name, * exclude (name) from mart.things; "
        "drop table mart.things; alter table mart.other rename to things"
    )
    assert [difference.kind for difference in report.differences] == ["columns"]


def test_a_model_without_rows_proves_nothing(tmp_path: Path) -> None:
    with ExitStack() as stack:
        engines = []
        for name in ("one", "other"):
            with duckdb.connect(tmp_path / name) as connection:
                connection.execute(f"create schema mart; create table mart.things as {TABLE} limit 0")
            engines.append(stack.enter_context(open_duckdb(tmp_path / name, name)))
        found = compare_model(MODEL, (engines[0], engines[1]))
    assert not found.equal
    assert found.differences == (Difference("no_rows", {"one": 0, "other": 0}),)


def test_a_model_that_was_not_built_is_a_difference(compare: Compare) -> None:
    report = compare("drop table mart.things")
    assert report.differences[0].kind == "missing_relation"


def test_a_model_without_a_key_is_compared_by_whole_rows(compare: Compare) -> None:
    report = compare(PLANTED["text"][1], Model("things", "mart", ()))
    assert [difference.kind for difference in report.differences] == ["missing_row", "missing_row"]


def test_duplicates_are_counted(compare: Compare) -> None:
    report = compare("insert into mart.things from mart.things where id = 7", Model("things", "mart", ()))
    assert [difference.kind for difference in report.differences] == ["row_count", "missing_row"]
    assert isinstance(report.differences[1], Difference)
