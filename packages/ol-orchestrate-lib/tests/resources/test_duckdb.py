import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from ol_orchestrate.lib.container import Limits
from ol_orchestrate.lib.errors import WarehouseBusy
from ol_orchestrate.resources import duckdb as module
from ol_orchestrate.resources.duckdb import BoundedDuckDBResource, this_container

GIB = 1 << 30
SETTINGS = "select current_setting('memory_limit'), current_setting('threads'), current_setting('TimeZone')"


@pytest.fixture
def four_gib_three_cpus(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "this_container", lambda: Limits(4 * GIB, 3))


@pytest.mark.usefixtures("four_gib_three_cpus")
def test_memory_and_threads_are_a_share_of_the_container():
    with BoundedDuckDBResource(database=":memory:").get_connection() as connection:
        assert connection.execute(SETTINGS).fetchone() == ("2.0 GiB", 3, "UTC")


@pytest.mark.usefixtures("four_gib_three_cpus")
def test_what_is_configured_wins():
    resource = BoundedDuckDBResource(
        database=":memory:", memory_share=0.25, max_threads=2, connection_config={"memory_limit": "512MiB"}
    )
    with resource.get_connection() as connection:
        assert connection.execute(SETTINGS).fetchone() == ("512.0 MiB", 2, "UTC")


def test_in_memory_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with BoundedDuckDBResource(database=":memory:").get_connection() as connection:
        connection.execute("create table t as select 1 as a")

    assert list(tmp_path.iterdir()) == []


def test_the_file_and_its_folder_are_made(tmp_path: Path):
    resource = BoundedDuckDBResource(database=str(tmp_path / "warehouse" / "w.duckdb"))
    with resource.get_connection() as connection:
        connection.execute("create table t as select 1 as a")
    with resource.get_connection() as connection:
        assert connection.execute("select a from t").fetchall() == [(1,)]


def test_a_warehouse_another_process_writes_is_busy(tmp_path: Path):
    database = tmp_path / "w.duckdb"
    script = f"import duckdb; c = duckdb.connect({str(database)!r}); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "open\n"
        with pytest.raises(WarehouseBusy), BoundedDuckDBResource(database=str(database)).get_connection():
            pass
        other.communicate("\n")


def test_a_failed_query_leaves_the_file_free(tmp_path: Path):
    resource = BoundedDuckDBResource(database=str(tmp_path / "w.duckdb"))

    def fail() -> None:
        with resource.get_connection():
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with resource.get_connection() as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_it_is_a_resource_whose_database_is_given_at_launch(tmp_path: Path):
    @dg.op
    def count(duckdb: BoundedDuckDBResource) -> int:
        with duckdb.get_connection() as connection:
            return connection.execute("select 42").fetchone()[0]

    @dg.job(resource_defs={"duckdb": BoundedDuckDBResource.configure_at_launch()})
    def counting() -> None:
        count()

    config = {"resources": {"duckdb": {"config": {"database": str(tmp_path / "w.duckdb")}}}}
    assert counting.execute_in_process(run_config=config).output_for_node("count") == 42


def test_this_process_is_granted_something():
    limits = this_container()

    assert limits.memory_bytes > 64 << 20
    assert limits.cpu_count >= 1
