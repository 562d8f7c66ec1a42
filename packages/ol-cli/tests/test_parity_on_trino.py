"""Parity on the real stack: every model of the slice, and a difference of every type planted in Iceberg."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from lakehouse.manifest import dbt_project_dir
from ol_cli.parity_build import run_dbt
from ol_cli.parity_built import Built
from ol_cli.parity_compare import Difference
from ol_cli.parity_engines import TrinoEngine, open_duckdb, open_trino
from ol_cli.parity_models import Model
from ol_cli.parity_run import compare_model
from ol_orchestrate.lib.errors import SourceRejected, SourceUnavailable
from ol_orchestrate.lib.trino_stack import TrinoStack, read_stack

pytestmark = [pytest.mark.engines, pytest.mark.timeout(900)]


class Lake:
    """`olp` on the data directory of the stack."""

    def __init__(self, data_dir: Path) -> None:
        ours = ("DAGSTER_", "OPENEDX_", "DBT_")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        self.data_dir = data_dir
        self.environ = {**clean, "OL_DATA_DIR": str(data_dir)}

    def olp(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("olp")), *arguments]
        return subprocess.run(command, env=self.environ, capture_output=True, text=True, check=False)

    def parity(self, *arguments: str) -> tuple[int, Mapping[str, Any]]:
        shown = self.olp("parity", "--json", *arguments)
        assert shown.stdout, shown.stderr
        return shown.returncode, json.loads(shown.stdout)


@pytest.fixture(scope="module")
def lake(trino_stack_dir: Path) -> Lake:
    """The tiny university, landed and loaded on DuckDB by the demo; Trino is filled by the first `olp parity`."""
    lake = Lake(trino_stack_dir)
    demo = lake.olp("demo", "--size", "tiny")
    assert demo.returncode == 0, demo.stdout + demo.stderr
    return lake


@pytest.fixture(scope="module")
def whole(lake: Lake) -> tuple[int, Mapping[str, Any]]:
    return lake.parity()


@pytest.fixture
def trino(trino_stack: TrinoStack) -> Iterator[TrinoEngine]:
    with open_trino(trino_stack) as engine:
        yield engine


def execute(trino: TrinoEngine, *statements: str) -> None:
    for statement in statements:
        trino._connection.cursor().execute(statement).fetchall()


def test_every_model_has_rows_and_is_equal(whole: tuple[int, Mapping[str, Any]], repo_root: Path) -> None:
    code, report = whole
    assert [model for model in report["models"] if not model["equal"]] == []
    assert code == 0
    files = (repo_root / "src" / "ol_dbt" / "models").rglob("*.sql")
    assert [model["model"] for model in report["models"]] == sorted(file.stem for file in files)
    assert all(set(model["rows"]) == {"duckdb", "trino"} for model in report["models"])
    assert all(count > 0 for model in report["models"] for count in model["rows"].values())
    assert report["engines"] == {"duckdb": duckdb.__version__, "trino": report["engines"]["trino"]}
    assert "compare" in report["seconds"]


@pytest.mark.usefixtures("whole")
def test_what_is_there_is_taken_and_not_built_again(lake: Lake) -> None:
    code, report = lake.parity("--models", "dim_course__run fct_activity__course_day+")
    assert code == 0
    assert [model["model"] for model in report["models"]] == ["dim_course__run", "fct_activity__course_day"]
    assert list(report["seconds"]) == ["compare"]


@pytest.mark.usefixtures("whole")
def test_every_test_of_the_project_passes_on_trino_too(trino_stack: TrinoStack) -> None:
    """Truth tables, unit tests, data tests and contracts."""
    run_dbt(["build", "--target", "dev_trino"], dbt_project_dir(os.environ), None, trino_stack)


@pytest.mark.usefixtures("whole")
def test_a_model_that_differs_is_exit_1_and_shown(lake: Lake, trino: TrinoEngine, trino_stack: TrinoStack) -> None:
    execute(trino, "update mart.dim_course__run set title = title || ' ' where title is not null")
    code, report = lake.parity("--models", "dim_course__run")
    assert code == 1
    (model,) = report["models"]
    assert not model["equal"]
    assert {found["column"] for found in model["differences"]} == {"title"}
    assert all(set(found["key"]) == {"platform", "course_run_id"} for found in model["differences"])
    again = ["run", "--target", "dev_trino", "--select", "dim_course__run"]
    run_dbt(again, dbt_project_dir(os.environ), None, trino_stack)
    assert lake.parity("--models", "dim_course__run")[0] == 0


@pytest.mark.usefixtures("whole")
def test_a_model_whose_sql_has_changed_since_is_built_again_and_no_other(lake: Lake, trino: TrinoEngine) -> None:
    """The record is made to say that it was built of other SQL, and the table is what that other SQL made."""
    record = lake.data_dir / "dbt" / "parity_dev_trino"
    built = Built.read(record)
    assert built is not None
    built.model_copy(update={"models": {**built.models, "dim_course__run": "of other SQL"}}).write(record)
    execute(trino, "update mart.dim_course__run set title = 'old'", "update mart.dim_course__content set title = 'old'")
    shown = lake.olp("parity", "--json", "--models", "dim_course__run")
    assert "SQL of 1 models changed since they were built on iceberg: dim_course__run" in shown.stderr
    assert shown.returncode == 0, shown.stdout
    assert list(json.loads(shown.stdout)["seconds"]) == ["build iceberg", "compare"]
    assert Built.read(record) == built
    assert lake.parity("--models", "dim_course__content")[0] == 1, "it was not built again"
    again = ["run", "--target", "dev_trino", "--select", "dim_course__content"]
    run_dbt(again, dbt_project_dir(os.environ), None, read_stack(lake.data_dir))


# kind → the value on DuckDB, the same on Trino, and another on Trino
PLANTED = {
    "number": ("7::bigint", "bigint '7'", "bigint '8'"),
    "double": ("1.5::double", "double '1.5000000000001'", "double '1.50001'"),
    "decimal": ("1.50::decimal(9, 2)", "cast(1.50 as decimal(9, 2))", "cast(1.51 as decimal(9, 2))"),
    "timestamp": (
        "timestamp '2024-03-31 02:30:00.000001'",
        "timestamp '2024-03-31 02:30:00.000001'",
        "timestamp '2024-03-31 02:30:00.000002'",
    ),
    "instant": (
        "timestamptz '2024-03-31 02:30:00+00'",
        "timestamp '2024-03-31 04:30:00.000000 +02:00'",
        "timestamp '2024-03-31 02:30:00.000000 +02:00'",
    ),
    "date": ("date '2024-02-29'", "date '2024-02-29'", "date '2024-03-01'"),
    "text": ("'ü😀'", "'ü😀'", "'u\u0308😀'"),
    "boolean": ("true", "true", "false"),
    "null": ("null::varchar", "cast(null as varchar)", "''"),
    "json": ("""'{"a": [1], "b": null}'""", """'{"a": [1], "b": null}'""", """'{"a": [1], "b": 0}'"""),
}


@pytest.mark.parametrize("kind", PLANTED)
def test_a_difference_of_every_type_is_found_between_the_engines(kind: str, trino: TrinoEngine, tmp_path: Path) -> None:
    ours, same, other = PLANTED[kind]
    model = Model(f"planted_{kind}", "planted", ("k",))
    with duckdb.connect(tmp_path / "warehouse") as connection:
        connection.execute("create schema planted")
        connection.execute(f"create table planted.{model.name} as select k, {ours} as v from range(5000) r(k)")
    rows = "from unnest(sequence(0, 4999)) t(k)"
    for value, expected in ((same, []), (f"if(k = 4321, {other}, {same})", [{"k": 4321}])):
        execute(
            trino,
            "create schema if not exists planted",
            f"create or replace table planted.{model.name} as select k, {value} as v {rows}",
        )
        with open_duckdb(tmp_path / "warehouse") as here:
            found = compare_model(model, (here, trino))
        assert [difference.key for difference in found.differences] == expected
        assert all((difference.kind, difference.column) == ("value", "v") for difference in found.differences)
    execute(trino, f"drop table planted.{model.name}")


def test_types_that_differ_are_found_before_any_value(trino: TrinoEngine, tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "warehouse") as connection:
        connection.execute("create schema planted; create table planted.sums as select 1::bigint k, sum(1) v")
    execute(trino, "create schema if not exists planted", "drop table if exists planted.sums")
    execute(trino, "create table planted.sums as select bigint '1' as k, sum(1) as v")
    with open_duckdb(tmp_path / "warehouse") as here:
        found = compare_model(Model("sums", "planted", ("k",)), (here, trino))
    assert found.differences == (Difference("type", {"duckdb": "HUGEINT", "trino": "bigint"}, "v"),)


def test_what_trino_refuses_is_said_in_its_words(trino: TrinoEngine) -> None:
    with pytest.raises(SourceRejected, match="no_such_table"):
        trino.row_count(Model("no_such_table", "mart", ()))


def test_a_trino_that_is_gone_is_unavailable() -> None:
    nowhere = TrinoStack("127.0.0.1", 9, "ol_data_lake", "file:///none", "postgresql://none")
    with pytest.raises(SourceUnavailable, match="bin/trino status"), open_trino(nowhere):
        pytest.fail("there is no Trino")
