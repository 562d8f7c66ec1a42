"""Incremental models, built again and again on deliveries of every kind, against the same built at once.

Each warehouse has two sets of schemas over the same raw tables: `often`, which is only ever added to, and `once`, which
is always made from the beginning. `bin/test --engines` does the same on Trino.
"""

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from dbt.contracts.graph.nodes import ModelNode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse.loaders import raw_table_loader
from lakehouse.manifest import dbt_executable
from lakehouse.settings import Settings
from ol_orchestrate.lib.iceberg_maintenance import Retention, maintain
from ol_orchestrate.lib.landing import LandingZone
from ol_orchestrate.lib.raw_loader import WarehouseKind
from ol_orchestrate.lib.raw_tables import landed_files
from ol_orchestrate.lib.trino_client import connect_trino
from ol_orchestrate.lib.trino_stack import TrinoStack
from ol_orchestrate.resources.duckdb import BoundedDuckDBResource

pytestmark = pytest.mark.timeout(600)

PARSED = "base_openedx__parsed_tracking_logs"
SLICE = ["base_openedx__tracking_logs+"]
STAGING = ["base_openedx__tracking_logs", PARSED, "base_openedx__repeated_events", "stg_openedx__tracking_logs"]
ENGINES = [pytest.param("duckdb"), pytest.param("iceberg", marks=pytest.mark.engines)]

type Event = Callable[..., dict[str, Any]]


@dataclass
class Warehouse:
    """Raw tables that hold what landed, and the models over them in two sets of schemas."""

    lake: Any
    kind: WarehouseKind
    project: Path
    profiles: Path
    manifests: dict[tuple[Path, str], Manifest]

    def load(self) -> int:
        """Bring the raw tables to what landed; the rows that were read for it."""
        found = Settings.from_environ(os.environ)
        duckdb = BoundedDuckDBResource(database=str(found.storage.warehouse_path))
        inserted = 0
        with raw_table_loader(self.kind, found.storage, duckdb) as loader:
            tables = [table for table in found.raw_tables if table.name.endswith("tracking_logs")]
            loader.ensure_tables(found.raw_tables)
            for table in tables:
                zone = LandingZone(table.source.root_uri(found.storage))
                result = loader.load(table, zone, landed_files(zone, table), loaded_at=datetime.now(UTC))
                inserted += result.rows_inserted
        return inserted

    def dbt(self, target: str, *command: str, project: Path | None = None) -> Any:
        """Run dbt in this process, which has read the project once; its results."""
        folder = project or self.project
        arguments = self.arguments(target, folder)
        key = folder, target
        if key not in self.manifests:
            self.manifests[key] = dbtRunner().invoke(["--quiet", "parse", *arguments]).result  # type: ignore[assignment]
        try:
            return dbtRunner(manifest=self.manifests[key]).invoke(["--quiet", *command, *arguments])
        finally:
            DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call] # as a process that ends

    def arguments(self, target: str, project: Path) -> list[str]:
        """Where dbt finds what, as a program or in this process."""
        folder = self.profiles / f"{project.name}_{target}"
        return [
            *("--project-dir", str(project), "--profiles-dir", str(self.profiles), "--target", target),
            *("--target-path", str(folder), "--log-path", str(folder)),
        ]

    def build(self, target: str, models: Sequence[str] = SLICE, *more: str, project: Path | None = None) -> None:
        """Build the models of one set of schemas."""
        done = self.dbt(target, "run", "--select", *models, *more, project=project)
        assert done.success, [result.message for result in done.result.results] if done.result else done.exception

    def lines_to_read(self, target: str = "often", project: Path | None = None) -> int:
        """How many lines the next build will parse."""
        done = self.dbt(target, "compile", "--select", PARSED, project=project)
        assert done.success, done.exception
        return int(self.query(f"select count(*) from ({done.result.results[0].node.compiled_code}) as fresh")[0][0])

    def differences(self, models: Sequence[str] = SLICE, project: Path | None = None) -> dict[str, Any]:
        """What the two sets of schemas do not have in common, by model; the second is made anew before."""
        self.build("once", models, "--full-refresh", project=project)
        nodes = self.manifests[project or self.project, "once"].nodes
        listed = self.dbt("once", "ls", "--select", *models, "--output", "name", "--resource-type", "model").result
        found = {}
        for node in nodes.values():
            if node.name in listed and isinstance(node, ModelNode):
                schema = node.schema.removesuffix("_once")
                found[node.name] = self._difference(f"{schema}_often", f"{schema}_once", node.name)
        assert found
        return {name: difference for name, difference in found.items() if difference}

    def _difference(self, one: str, other: str, model: str) -> list[Any]:
        columns = (
            "select column_name, data_type from information_schema.columns "
            "where table_schema = '{}' and table_name = '{}' order by ordinal_position"
        )
        if (left := self.query(columns.format(one, model))) != (right := self.query(columns.format(other, model))):
            return [left, right]
        both = ((one, other), (other, one))
        return [
            row
            for left, right in both
            for row in self.query(f"select * from {left}.{model} except all select * from {right}.{model}")
        ]

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a statement on the engine."""
        if self.kind is WarehouseKind.DUCKDB:
            with BoundedDuckDBResource(database=str(self.lake.warehouse)).get_connection() as connection:
                return list(connection.execute(sql).fetchall())
        with self.trino() as connection:
            cursor = connection.cursor()
            cursor.execute(sql)
            return [tuple(row) for row in cursor.fetchall()]

    def trino(self) -> Any:
        """A connection to the stack."""
        return connect_trino(os.environ, self.lake.data_dir, "ol_data_lake")

    def variant(self, folder: Path, change: Callable[[Path], None]) -> Path:
        """A copy of the project that is changed."""
        ignored = shutil.ignore_patterns("target", "logs")
        copy = shutil.copytree(self.project, folder, ignore=ignored)
        change(copy)
        return copy


@pytest.fixture(scope="session")
def profiles(tmp_path_factory: pytest.TempPathFactory, repo_root: Path) -> Callable[[WarehouseKind], Path]:
    """The project's own profile with two more schemas, for an engine."""

    def write(kind: WarehouseKind) -> Path:
        folder = tmp_path_factory.mktemp(kind)
        profile = yaml.safe_load((repo_root / "src" / "ol_dbt" / "profiles.yml").read_text())
        outputs = profile["ol_dbt"]["outputs"]
        ours = outputs["dev" if kind is WarehouseKind.DUCKDB else "dev_trino"]
        profile["ol_dbt"]["outputs"] = {name: ours | {"schema": name} for name in ("often", "once")}
        profile["ol_dbt"]["target"] = "often"
        (folder / "profiles.yml").write_text(yaml.safe_dump(profile))
        return folder

    return write


@pytest.fixture(scope="session")
def warehouses(profiles: Callable[[WarehouseKind], Path], repo_root: Path) -> Callable[[Any, str], Warehouse]:
    """The warehouse of a lake; what dbt has read of the project is kept for the next one."""
    kept: dict[WarehouseKind, tuple[Path, dict[tuple[Path, str], Manifest]]] = {}

    def make(lake: Any, engine: str) -> Warehouse:
        kind = WarehouseKind(engine)
        if kind not in kept:
            kept[kind] = profiles(kind), {}
        return Warehouse(lake, kind, repo_root / "src" / "ol_dbt", *kept[kind])

    return make


@pytest.fixture(params=ENGINES)
def warehouse(
    request: pytest.FixtureRequest,
    lake: Any,
    warehouses: Callable[[Any, str], Warehouse],
    monkeypatch: pytest.MonkeyPatch,
) -> Warehouse:
    """One of each engine. Trino's may hold what another test left: what is built must not depend on it."""
    if request.param == "iceberg":
        stack: TrinoStack = request.getfixturevalue("trino_stack")
        (lake.data_dir / "trino").mkdir(parents=True)
        shutil.copy(request.getfixturevalue("trino_stack_dir") / "trino" / "stack.json", lake.data_dir / "trino")
        for name, value in stack.dbt_variables.items():
            monkeypatch.setenv(name, value)
    return warehouses(lake, request.param)


def land_first_days(lake: Any, event: Event) -> None:
    """Two days of a site, which repeat an event, and one of edX.org."""
    one = event("load_video", event='{"id": "v1"}')
    lake.land_logs("mitx", "2024-03-01", {"a.parquet": [one, event("seq_next")], "b.parquet": [one, event("one")]})
    lake.land_logs("mitx", "2024-03-02", {"c.parquet": [event("two"), event("page_close", username="")]})
    lake.land_edxorg_logs("mitx-edx-events-2024-03-01", [event("seq_goto")])


def test_deliveries_of_every_kind_give_what_a_full_refresh_gives(warehouse: Warehouse, event: Event) -> None:
    """A late file of an old day, the copy of an old file, a file with another line, and one that was taken back."""
    lake, one = warehouse.lake, event("load_video", event='{"id": "v1"}')
    land_first_days(lake, event)
    warehouse.load()
    warehouse.build("often")
    assert warehouse.lines_to_read() == 0

    lake.land_logs(
        "mitx", "2024-03-01", {"a.parquet": [one, event("seq_prev")], "late.parquet": [event("problem_check")] * 2}
    )
    lake.land_logs("xpro", "2024-03-01", {"a.parquet": [one]})
    lake.land_logs("mitx", "2024-03-03", {"copy.parquet": [event("two"), event("page_close", username="")]})
    read = warehouse.load()
    assert read == 2 + 2 + 1 + 2, "b.parquet is gone; only a.parquet and new files are read"
    assert warehouse.lines_to_read() == read
    warehouse.build("often")
    assert warehouse.differences() == {}
    assert warehouse.lines_to_read() == 0


def test_a_second_build_changes_nothing(warehouse: Warehouse, event: Event) -> None:
    land_first_days(warehouse.lake, event)
    warehouse.load()
    warehouse.build("often", STAGING)
    before = state(warehouse)
    assert warehouse.load() == 0
    warehouse.build("often", STAGING)
    assert state(warehouse) == before


def state(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    """What is another after anything was written: snapshots on Iceberg, rows and their places on DuckDB."""
    if warehouse.kind is WarehouseKind.ICEBERG:
        return warehouse.query(f'select snapshot_id from staging_often."{PARSED}$snapshots" order by 1')
    return warehouse.query(f"select rowid, event_id from staging_often.{PARSED} order by 1")


def test_nothing_landed_is_a_table_without_rows(warehouse: Warehouse, event: Event) -> None:
    land_first_days(warehouse.lake, event)
    warehouse.load()
    warehouse.build("often", STAGING)
    for day in ("2024-03-01", "2024-03-02"):
        warehouse.lake.land_logs("mitx", day, {})
    shutil.rmtree(warehouse.lake.data_dir / "landing")
    warehouse.load()
    warehouse.build("often", STAGING)
    assert warehouse.query(f"select count(*) from staging_often.{PARSED}") == [(0,)]
    assert warehouse.differences(STAGING) == {}


def test_whatever_is_missing_or_twice_is_put_right(warehouse: Warehouse, event: Event) -> None:
    """As a kill between two statements would leave it, if there were two, or somebody's hand."""
    land_first_days(warehouse.lake, event)
    warehouse.load()
    warehouse.build("often", STAGING)
    table = f"staging_often.{PARSED}"
    warehouse.query(f"delete from {table} where _object_key like '%a.parquet'")
    warehouse.query(f"delete from {table} where _object_key like '%b.parquet' and line_number = 1")
    warehouse.query(f"insert into {table} select * from {table} where _object_key like '%c.parquet'")
    assert warehouse.lines_to_read() == 6
    warehouse.build("often", STAGING)
    assert warehouse.differences(STAGING) == {}


def test_lines_are_read_again_by_other_rules(warehouse: Warehouse, event: Event, tmp_path: Path) -> None:
    """A changed macro, and a column more: the table is replaced, with the columns in the order of the model."""
    land_first_days(warehouse.lake, event)
    warehouse.load()
    warehouse.build("often", STAGING)
    other = warehouse.variant(tmp_path / "other_rules", shout)
    assert warehouse.lines_to_read(project=other) == 7
    warehouse.build("often", STAGING, project=other)
    assert warehouse.differences(STAGING, project=other) == {}
    names = f"select distinct username, added from staging_often.{PARSED} where username is not null"
    assert warehouse.query(names) == [("ada!", "x")]
    assert warehouse.lines_to_read(project=other) == 0
    warehouse.build("often", STAGING)
    assert warehouse.differences(STAGING) == {}


def shout(project: Path) -> None:
    """Change a macro that the rules use, and the rules."""
    macro, rules = project / "macros" / "blank_to_null.sql", project / "macros" / "openedx" / "parsed_events.sql"
    macro.write_text(macro.read_text().replace("nullif({{ strip(text) }}, '')", "nullif({{ strip(text) }}, '') || '!'"))
    rules.write_text(rules.read_text().replace("        event_id,\n", "        event_id,\n        'x' as added,\n"))


@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
def test_a_build_that_is_killed_leaves_the_table_as_it_was(warehouse: Warehouse, event: Event, tmp_path: Path) -> None:
    """Killed after rows were removed and added, before both are committed."""
    land_first_days(warehouse.lake, event)
    warehouse.load()
    warehouse.build("often", STAGING)
    before = state(warehouse)
    warehouse.lake.land_logs("mitx", "2024-03-01", {"a.parquet": [event("other")]})
    warehouse.load()
    endless = warehouse.variant(tmp_path / "endless", never_end)
    arguments = warehouse.arguments("often", endless)
    with subprocess.Popen([dbt_executable(), "run", "--select", PARSED, *arguments]) as process:
        wait_for(lambda: "begins never to end" in log_of(arguments))
        process.send_signal(signal.SIGKILL)
    assert state(warehouse) == before
    warehouse.build("often", STAGING)
    assert warehouse.differences(STAGING) == {}


def never_end(project: Path) -> None:
    """Give the incremental model a last statement that never ends, within its transaction."""
    hook = "select sum(a.range) from range(1000000000) a, range(1000000000) b /* begins never to end */"
    model = project / "models" / "staging" / "openedx" / f"{PARSED}.sql"
    model.write_text(model.read_text().replace("materialized=", f'post_hook="{hook}",\n    materialized=', 1))


def log_of(arguments: Sequence[str]) -> str:
    log = Path(arguments[-1]) / "dbt.log"
    return log.read_text() if log.is_file() else ""


def wait_for(happened: Callable[[], bool]) -> None:
    pause = threading.Event()
    while not happened():
        pause.wait(0.02)


@pytest.mark.parametrize("warehouse", [pytest.param("iceberg", marks=pytest.mark.engines)], indirect=True)
def test_a_merge_that_is_killed_leaves_the_table_as_it_was(warehouse: Warehouse, event: Event) -> None:
    land_first_days(warehouse.lake, event)
    warehouse.load()
    warehouse.build("often", STAGING)
    before = state(warehouse)
    warehouse.lake.land_logs("mitx", "2024-03-01", {"a.parquet": [event("other")] * 20000})
    warehouse.load()
    killer = threading.Thread(target=kill_the_merge, args=[warehouse])
    killer.start()
    done = warehouse.dbt("often", "run", "--select", PARSED)
    killer.join()
    assert not done.success
    assert state(warehouse) == before
    warehouse.build("often", STAGING)
    assert warehouse.differences(STAGING) == {}


def kill_the_merge(warehouse: Warehouse) -> None:
    """Kill the statement that changes the table, as soon as it runs."""
    running = "select query_id from system.runtime.queries where state = 'RUNNING' and ltrim(query) like '%merge into%'"
    own = "and query not like '%system.runtime%'"
    found: list[tuple[Any, ...]] = []

    def runs() -> bool:
        found.extend(warehouse.query(f"{running} {own}"))
        return bool(found)

    wait_for(runs)
    warehouse.query(f"call system.runtime.kill_query(query_id => '{found[0][0]}', message => 'killed by a test')")


@pytest.mark.parametrize("warehouse", [pytest.param("iceberg", marks=pytest.mark.engines)], indirect=True)
def test_maintenance_leaves_no_file_of_lines_that_were_removed(warehouse: Warehouse, event: Event) -> None:
    """Removed lines are marked first, in files of marks; the next upkeep writes files without them."""
    land_first_days(warehouse.lake, event)
    warehouse.load()
    warehouse.build("often", STAGING)
    warehouse.lake.land_logs("mitx", "2024-03-01", {"a.parquet": [event("seq_next")]})
    warehouse.load()
    warehouse.build("often", STAGING)
    marks = f'select count(*) from staging_often."{PARSED}$files" where content <> 0'
    assert warehouse.query(marks) != [(0,)]
    with warehouse.trino() as connection:
        maintain(connection, "staging_often", PARSED, Retention(7 * 86400, 7 * 86400), dry_run=False)
    assert warehouse.query(marks) == [(0,)]
    assert warehouse.lines_to_read() == 0
    assert warehouse.differences(STAGING) == {}


# A day's files, each of which holds one of three contents or is not there; and whether it is built after that delivery.
DELIVERIES = st.lists(
    st.tuples(
        st.sampled_from(["2024-03-01", "2024-03-02"]),
        st.dictionaries(st.sampled_from(["a.parquet", "b.parquet"]), st.sampled_from(["x", "y", "xx"]), max_size=2),
        st.booleans(),
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deliveries=DELIVERIES)
def test_any_order_of_deliveries_and_builds_gives_what_a_full_refresh_gives(
    deliveries: list[tuple[str, dict[str, str], bool]],
    lake: Any,
    warehouses: Callable[[Any, str], Warehouse],
    event: Event,
) -> None:
    """The warehouse goes on from what the example before has left in it."""
    warehouse = warehouses(lake, "duckdb")
    for day, files, built in deliveries:
        lake.land_logs("mitx", day, {key: [event(name) for name in names] for key, names in files.items()})
        warehouse.load()
        if built:
            warehouse.build("often", STAGING)
    warehouse.build("often", STAGING)
    assert warehouse.differences(STAGING) == {}
