"""A warehouse small enough to know by heart, built once by the location's own job."""

import hashlib
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakehouse import manifest
from ol_orchestrate.lib.landing import LandedObject, LandingZone, Manifest
from ol_orchestrate.lib.openedx.tracking_chunks import SCHEMA
from ol_orchestrate.lib.warehouse import open_warehouse

RUN = "course-v1:MITx+Toy+1T"


@dataclass(frozen=True)
class Lake:
    """A data directory, and how files come to lie in it."""

    data_dir: Path

    @property
    def warehouse(self) -> Path:
        return self.data_dir / "warehouse" / "ol_warehouse.duckdb"

    @property
    def published(self) -> Path:
        return self.data_dir / "warehouse" / "published.duckdb"

    def land_logs(self, site: str, day: str, files: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        """The current Parquet files of one day of a site's tracking logs."""
        self._land_events(self.data_dir / "sources" / f"{site}-qa-edxapp-tracking", f"valid/{day}", files)

    def land_edxorg_logs(self, file: str, events: Sequence[Mapping[str, Any]]) -> None:
        """The current Parquet file of one file that edX.org delivered."""
        self._land_events(self.data_dir / "landing", f"edxorg/raw_data/tracking_logs/{file}", {"0.parquet": events})

    def land_extract(self, site: str, noun: str, run: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """The current extract of one noun of a course run."""
        suffix = "json" if noun == "course_metadata" else "jsonl"
        text = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
        directory = f"{site}/openedx/processed_data/{noun}/{run}"
        zone = LandingZone(self.data_dir / "landing")
        path = Path(str(zone.path(f"{directory}/{hashlib.sha256(text).hexdigest()}.{suffix}")))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
        zone.write_manifest(directory, Manifest((_landed(path, path.name, len(rows)),)))

    def _land_events(self, root: Path, directory: str, files: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        objects = []
        for key, events in files.items():
            path = root / directory / key
            path.parent.mkdir(parents=True, exist_ok=True)
            rows = [
                {"source_file": f"logs/{key}", "line_number": number, **event} for number, event in enumerate(events, 1)
            ]
            pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path)
            objects.append(_landed(path, key, len(rows)))
        LandingZone(root).write_manifest(directory, Manifest(tuple(objects)))

    @contextmanager
    def held_by_another_process(self) -> Iterator[subprocess.Popen[str]]:
        """Somebody else writes the warehouse until the block ends."""
        self.warehouse.parent.mkdir(parents=True, exist_ok=True)
        code = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('ready', flush=True); input()"
        with subprocess.Popen(
            [sys.executable, "-c", code, self.warehouse], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as holder:
            assert holder.stdout
            holder.stdout.readline()
            yield holder
            holder.kill()

    def query(self, sql: str, path: Path | None = None) -> list[tuple[Any, ...]]:
        """Rows of the published copy, or of another file."""
        with open_warehouse(path or self.published, read_only=True) as connection:
            return connection.execute(sql).fetchall()


def _landed(path: Path, key: str, rows: int) -> LandedObject:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return LandedObject(key, digest, len(content), digest, rows)


def event(name: str, username: str | None = "ada", **more: Any) -> dict[str, Any]:
    """One row of a normalized log, at noon of the first of March."""
    return {
        "username": username,
        "event_source": "browser",
        "event_type": name,
        "event": "{}",
        "context": json.dumps({"course_id": RUN, "user_id": 7}),
        "time": datetime(2024, 3, 1, 12, tzinfo=UTC),
        **more,
    }


GRADED = '{"problem_id": "p1", "success": "correct", "grade": 1, "max_grade": 1}'


def land_toy_university(lake: Lake) -> None:
    """Two sites and edX.org: duplicates over files and platforms, blanks, old names, and one course."""
    monday = {
        "one.log.0.parquet": [
            event("load_video", event='{"id": "v1"}'),
            event("seq_next"),
            event("problem_check", event_source="server", event=GRADED),
            event("edx.forum.thread.created", event='{"id": "t1"}'),
            event("/heartbeat", context=None),
        ],
        "two.log.0.parquet": [
            event("load_video", event='{"id": "v1"}'),
            event("page_close", username=""),
            event("page_close", username="  "),
            event("play_video", username="bob\n", event='{"id": "v1", "currentTime": 3}'),
        ],
    }
    lake.land_logs("mitx", "2024-03-01", monday)
    lake.land_logs("xpro", "2024-03-01", {"one.log.0.parquet": [event("load_video", event='{"id": "v1"}')]})
    old_run = json.dumps({"course_id": "MITx/Old/2012"})
    lake.land_edxorg_logs("mitx-edx-events-2024-03-01", [event("seq_goto", context=old_run)])

    base = {"course_id": RUN}
    outline = [
        ("root", None, 0, 0, "course", "Toy"),
        ("block-v1:MITx+Toy+1T+type@chapter+block@c1", "root", 0, 1, "chapter", "Week 1"),
        ("block-v1:MITx+Toy+1T+type@sequential+block@s1", "block-v1:MITx+Toy+1T+type@chapter+block@c1", 0, 2,
         "sequential", "Lesson"),
        ("block-v1:MITx+Toy+1T+type@problem+block@p1", "block-v1:MITx+Toy+1T+type@sequential+block@s1", 0, 3,
         "problem", None),
    ]  # fmt: skip
    fields = ("usage_key", "parent_usage_key", "position", "depth", "type", "title")
    lake.land_extract("mitx", "course_outline", RUN, [base | dict(zip(fields, row, strict=True)) for row in outline])
    metadata = {"title": "Toy", "institution": "MITx", "course_number": "Toy", "semester": "1T"}
    lake.land_extract("mitx", "course_metadata", RUN, [base | metadata | {"course_start": "2024-02-01T00:00:00Z"}])
    block = {"block_id": "p1", "block_type": "problem", "xml_path": "course/problem/p1.xml", "max_attempts": "3"}
    lake.land_extract("mitx", "course_xml_blocks", RUN, [base | block])


@pytest.fixture(scope="session")
def environ(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of this session: a data directory of its own, and nothing a developer has set."""
    patch = pytest.MonkeyPatch()
    for name in [name for name in os.environ if name.startswith(("OL_", "OPENEDX_", "DAGSTER_", "DBT_"))]:
        patch.delenv(name)
    patch.setenv("OL_DATA_DIR", str(tmp_path_factory.mktemp("data")))
    manifest.build(os.environ)
    yield dict(os.environ)
    patch.undo()


@pytest.fixture
def lake(environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A data directory for one test, which this process uses meanwhile."""
    monkeypatch.setenv("OL_DATA_DIR", str(tmp_path / "data"))
    return Lake(tmp_path / "data")


@pytest.fixture(name="event", scope="session")
def event_fixture() -> Callable[..., dict[str, Any]]:
    """Makes one row of a normalized log."""
    return event


@pytest.fixture(scope="session")
def lake_at() -> Callable[[str], Lake]:
    """The files below a data directory."""
    return lambda data_dir: Lake(Path(data_dir))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@dataclass(frozen=True)
class Built:
    """The toy university, after one run of the location's job."""

    lake: Lake
    defs: dg.Definitions
    result: dg.ExecuteInProcessResult
    environ: dict[str, str]

    def run(self) -> dg.ExecuteInProcessResult:
        """Run the job once more; it may fail."""
        with dg.DagsterInstance.ephemeral() as instance:
            return run_job(self.defs, instance)


@pytest.fixture(scope="session")
def build_lakehouse() -> Callable[[dict[str, str]], Built]:
    """Runs the job of the location as an environment describes it; some twenty seconds."""

    def build(environ: dict[str, str]) -> Built:
        from lakehouse.definitions import build_definitions
        from lakehouse.settings import Settings

        defs = build_definitions(Settings.from_environ(environ))
        with dg.DagsterInstance.ephemeral() as instance:
            return Built(Lake(Path(environ["OL_DATA_DIR"])), defs, run_job(defs, instance), environ)

    return build


@pytest.fixture(scope="session")
def built(environ: dict[str, str], build_lakehouse: Callable[[dict[str, str]], Built]) -> Built:
    land_toy_university(Lake(Path(environ["OL_DATA_DIR"])))
    return build_lakehouse(environ)


def run_job(defs: dg.Definitions, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return defs.resolve_job_def("lakehouse_dbt_job").execute_in_process(instance=instance, raise_on_error=False)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_warehouse(tmp_path / "warehouse.duckdb") as connection:
        yield connection
