"""Two builds at once on DuckDB: the second is refused at once, and readers see one complete state."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lakehouse.loaders import raw_table_loader
from lakehouse.manifest import all_raw_tables, dbt_executable, dbt_project_dir
from ol_orchestrate.lib.environment import Storage
from ol_orchestrate.lib.errors import WarehouseBusy
from ol_orchestrate.lib.landing import LandingZone
from ol_orchestrate.lib.raw_loader import WarehouseKind
from ol_orchestrate.lib.raw_tables import landed_files
from ol_orchestrate.lib.warehouse import publish
from ol_orchestrate.resources.duckdb import BoundedDuckDBResource

pytestmark = pytest.mark.timeout(300)

BUILD = ("build", "--select", "+dim_course__run", "--indirect-selection", "cautious", "--threads", "1")
MART = "select course_run_id, title from mart.dim_course__run"
RUN = "course-v1:MITx+Toy+1T"


class Dbt:
    """dbt as it is typed, on one warehouse; every invocation has a target folder of its own."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.folder, self.environ = folder, environ

    def start(self, name: str, *command: str) -> subprocess.Popen[str]:
        project, kept = dbt_project_dir(self.environ), self.folder / name
        kept.mkdir(parents=True, exist_ok=True)
        shutil.copy(project / "target" / "partial_parse.msgpack", kept)  # saves some seconds
        folders = ["--project-dir", str(project), "--profiles-dir", str(project)]
        return subprocess.Popen(
            [dbt_executable(), "--no-use-colors", *command, *folders],
            env={**self.environ, "DBT_TARGET_PATH": str(kept), "DBT_LOG_PATH": str(kept), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def run(self, name: str, *command: str) -> tuple[int, str]:
        """Exit code, and what was said."""
        process = self.start(name, *command)
        said, _ = process.communicate(timeout=120)
        return process.returncode, said


def deliver(lake: Any, title: str) -> None:
    """The raw tables hold one course run, with this title."""
    described = {"course_id": RUN, "title": title, "institution": "MITx", "course_number": "Toy", "semester": "1T"}
    lake.land_extract("mitx", "course_metadata", RUN, [described])
    tables = all_raw_tables(os.environ)
    zone = LandingZone(lake.data_dir / "landing")
    duckdb = BoundedDuckDBResource(database=str(lake.warehouse))
    with raw_table_loader(WarehouseKind.DUCKDB, Storage.from_environ(os.environ), duckdb) as loader:
        loader.ensure_tables(tables)
        [table] = [table for table in tables if (table.platform, table.entity) == ("mitx", "course_metadata")]
        loader.load(table, zone, landed_files(zone, table), loaded_at=datetime.now(UTC))


@pytest.fixture
def dbt(lake: Any, tmp_path: Path) -> Dbt:
    return Dbt(tmp_path / "dbt", dict(os.environ))


@contextmanager
def standing_still(dbt: Dbt) -> Iterator[subprocess.Popen[str]]:
    """A build that stopped in the middle, after its first model had begun; it goes on when it is told to."""
    process = dbt.start("first", *BUILD)
    assert process.stdout
    try:
        assert any(" START sql " in line for line in process.stdout), "dbt ended before it began a model"
        process.send_signal(signal.SIGSTOP)
        yield process
    finally:
        process.kill()
        process.communicate()


def test_the_second_is_refused_and_readers_see_one_complete_state(lake: Any, dbt: Dbt) -> None:
    deliver(lake, "before")
    assert dbt.run("undisturbed", *BUILD)[0] == 0
    publish(lake.warehouse, lake.published)
    deliver(lake, "after")

    with standing_still(dbt) as first:
        began = time.monotonic()
        code, said = dbt.run("second", *BUILD)
        assert (code != 0, time.monotonic() - began < 60) == (True, True), said
        assert f"is being written by process {first.pid} " in said
        assert "Wait for that to end or stop it, then run again" in said
        assert "START sql" not in said, "nothing was begun"
        with pytest.raises(WarehouseBusy, match=f"process {first.pid} "):
            publish(lake.warehouse, lake.published)
        assert lake.query(MART) == [(RUN, "before")]
        first.send_signal(signal.SIGCONT)
        said, _ = first.communicate(timeout=120)
        assert first.returncode == 0, said

    assert lake.query(MART) == [(RUN, "before")], "what was built is not published yet"
    publish(lake.warehouse, lake.published)
    assert lake.query(MART) == [(RUN, "after")]
    code, said = dbt.run("second", *BUILD)
    assert code == 0, said
    publish(lake.warehouse, lake.published)
    assert lake.query(MART) == [(RUN, "after")]


def test_a_build_that_was_killed_holds_nothing(lake: Any, dbt: Dbt) -> None:
    deliver(lake, "only")
    with standing_still(dbt) as first:
        first.kill()
        first.wait()
        code, said = dbt.run("second", *BUILD)
    assert code == 0, said
    publish(lake.warehouse, lake.published)
    assert lake.query(MART) == [(RUN, "only")]
