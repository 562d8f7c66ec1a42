"""The demo, as a newcomer runs it: the marts equal the truth, and a second run does only what has changed.

One demo for the whole module (half a minute); the tests that change its files come last and say so.
"""

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

OLP = Path(sys.executable).with_name("olp")
FACTS = ("video", "problem", "discussion", "navigation")


def olp(data_dir: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "OL_DATA_DIR": str(data_dir), **variables}
    return subprocess.run([OLP, *arguments], env=environ, text=True, capture_output=True, timeout=280, check=False)


def demo(data_dir: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return olp(data_dir, "demo", "--size", "tiny", *arguments, **variables)


def summary_of(data_dir: Path) -> dict[str, Any]:
    return json.loads((data_dir / "demo" / "summary.json").read_text())


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "data"
    finished = demo(folder)
    assert finished.returncode == 0, finished.stderr
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo as it is without any option."""
    folder = tmp_path_factory.mktemp("small") / "data"
    finished = olp(folder, "demo")
    assert finished.returncode == 0, finished.stderr
    return folder


@pytest.fixture(scope="module", params=["tiny", "small"])
def data_dir(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def truth(data_dir: Path) -> dict[str, Any]:
    return json.loads((data_dir / "truth.json").read_text())


@pytest.fixture(scope="module")
def warehouse(data_dir: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(data_dir / "warehouse" / "published.duckdb", read_only=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def originals(truth: dict[str, Any]) -> list[dict[str, Any]]:
    """The files the marts are fed from; copies lie where another job reads them."""
    return [file for file in truth["files"].values() if not file["copy_of"]]


def test_every_line_of_the_sandbox_is_accounted_for(data_dir: Path, originals: list[dict[str, Any]]) -> None:
    found = summary_of(data_dir)
    assert found["files"] == len(originals)
    assert found["lines"] == sum(file["lines"] for file in originals)
    assert found["blank"] == sum(file["blank"] for file in originals)
    assert found["accepted"] == sum(file["events"] for file in originals)
    assert found["quarantined"] == sum(sum(file["quarantined"].values()) for file in originals)
    assert sum(found["filtered"].values()) == sum(sum(file["filtered"].values()) for file in originals)


def test_bad_rows_are_in_quarantine_for_the_reason_they_were_injected_for(
    data_dir: Path, originals: list[dict[str, Any]]
) -> None:
    injected: dict[str, int] = {}
    for file in originals:
        for reason, count in file["quarantined"].items():
            injected[reason] = injected.get(reason, 0) + count
    assert summary_of(data_dir)["reasons"] == injected
    rows = [
        json.loads(line)
        for path in (data_dir / "quarantine").rglob("*.quarantine.jsonl")
        for line in path.read_text().splitlines()
    ]
    assert len(rows) == sum(injected.values())


def test_staged_events_are_those_of_the_registry(warehouse: duckdb.DuckDBPyConnection, truth: dict[str, Any]) -> None:
    staged = warehouse.sql("select platform, count(*) from staging.stg_openedx__tracking_logs group by all").fetchall()
    kept = warehouse.sql("select platform, count(*) from intermediate.int_activity__events group by all").fetchall()
    platforms = truth["platforms"].items()
    assert dict(staged) == {name: platform["distinct"] for name, platform in platforms if platform["distinct"]}
    assert dict(kept) == {
        name: sum(day["by_learners"] for day in platform["days"].values())
        for name, platform in platforms
        if platform["distinct"]
    }


def test_events_of_a_day_are_those_of_the_registry(warehouse: duckdb.DuckDBPyConnection, truth: dict[str, Any]) -> None:
    rows = warehouse.sql(
        "select platform, event_date::varchar, count(*) from intermediate.int_activity__events group by all"
    ).fetchall()
    expected = {
        (name, day, counts["by_learners"])
        for name, platform in truth["platforms"].items()
        for day, counts in platform["days"].items()
        if counts["by_learners"]
    }
    assert set(rows) == expected


@pytest.mark.parametrize("fact", FACTS)
def test_facts_hold_the_events_of_the_registry(
    warehouse: duckdb.DuckDBPyConnection, truth: dict[str, Any], fact: str
) -> None:
    rows = warehouse.table(f"mart.fct_activity__{fact}_events").aggregate("platform, count(*)").fetchall()
    assert dict(rows) == {
        name: platform["facts"][fact] for name, platform in truth["platforms"].items() if platform["facts"][fact]
    }


def test_course_days_are_those_of_the_registry(warehouse: duckdb.DuckDBPyConnection, truth: dict[str, Any]) -> None:
    rows = warehouse.sql(
        """
        select platform, course_run_id, event_date::varchar, count(*), sum(event_count)::bigint
        from mart.fct_activity__course_day group by all
        """
    ).fetchall()
    expected = {
        (name, day["course_id"], day["day"], day["learners"], day["events"])
        for name, platform in truth["platforms"].items()
        for day in platform["activity"]["course_days"]
    }
    assert set(rows) == expected


def test_courses_are_those_of_the_registry(warehouse: duckdb.DuckDBPyConnection, truth: dict[str, Any]) -> None:
    rows = warehouse.sql(
        "select platform, course_run_id, block_type, count(*) from mart.dim_course__content group by all"
    ).fetchall()
    expected = {
        (course["platform"], course["course_id"], block_type, count)
        for course in truth["courses"]
        for block_type, count in {**course["counts"], "course": 1}.items()
        if count
    }
    assert set(rows) == expected
    runs = warehouse.sql("select platform, course_run_id, title from mart.dim_course__run").fetchall()
    assert set(runs) == {(course["platform"], course["course_id"], course["title"]) for course in truth["courses"]}


def test_the_summary_says_what_dbt_did(data_dir: Path) -> None:
    found = summary_of(data_dir)
    assert found["models_built"] > 10
    assert found["tests_passed"] > 100
    assert found["tests_failed"] == 0
    assert set(found["marts"]) >= {"dim_course__content", "dim_course__run", "fct_activity__course_day"}


def test_help_needs_no_data(tmp_path: Path) -> None:
    finished = demo(tmp_path / "none", "--help")
    assert finished.returncode == 0
    assert "--clean" in finished.stdout
    assert not (tmp_path / "none").exists()


def test_production_is_refused(tmp_path: Path) -> None:
    finished = demo(tmp_path / "none", DAGSTER_ENV="production")
    assert finished.returncode == 2
    assert "DAGSTER_ENV is production" in finished.stderr


def test_an_unknown_site_is_named_with_the_known_ones(tmp_path: Path) -> None:
    finished = demo(tmp_path / "data", "--site", "nowhere")
    assert finished.returncode == 2
    assert "'nowhere'" in finished.stderr
    assert "mitxonline" in finished.stderr


def test_a_folder_of_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "FORMAT").write_text("0\n")
    finished = demo(tmp_path)
    assert finished.returncode == 2
    assert "bin/demo --clean" in finished.stderr


# ── from here on the demo's files are changed ──


def test_a_second_demo_writes_no_object(tiny: Path) -> None:
    finished = demo(tiny)
    assert finished.returncode == 0, finished.stderr
    assert summary_of(tiny)["objects_written"] == 0


def test_exactly_the_dependents_of_a_change_are_rewritten(tiny: Path) -> None:
    before = summary_of(tiny)
    outline = next((tiny / "landing" / "xpro" / "openedx" / "processed_data").rglob("course_outline/*/*.jsonl"))
    content = outline.read_bytes()
    outline.unlink()
    log = max((tiny / "sources" / "xpro-qa-edxapp-tracking" / "logs").rglob("*.gz"), key=lambda p: p.stat().st_size)
    lines = gzip.decompress(log.read_bytes()).removesuffix(b"\n")  # one file of the sandbox does not end in a line end
    log.write_bytes(gzip.compress(lines + b"\nthis line is no event\n", mtime=0))
    finished = demo(tiny)
    assert finished.returncode == 0, finished.stderr
    after = summary_of(tiny)
    assert outline.read_bytes() == content
    assert after["lines"] == before["lines"] + 1
    assert after["quarantined"] == before["quarantined"] + 1
    assert after["accepted"] == before["accepted"]
    # The outline; and of the log: its part, the manifest of its day, its quarantine.
    assert after["objects_written"] == 4
    assert after["marts"] == before["marts"]


def test_a_fault_is_shown_counted_and_gone_with_its_cause(tiny: Path) -> None:
    before = summary_of(tiny)
    for kind in ("log-cut-line", "log-cut-gzip"):
        assert olp(tiny, "sandbox", "break", kind).returncode == 0
    broken = demo(tiny)
    assert broken.returncode == 1, "a damaged file fails its run, and the others are done"
    assert "the gzip data are damaged" in broken.stderr
    found = summary_of(tiny)
    assert found["quarantined"] > before["quarantined"]
    assert len(found["failures"]) == 1
    assert found["tests_failed"] == 0
    replayed = olp(tiny, "quarantine", "replay")
    assert f"0 rows landed, {found['quarantined']} stay in quarantine." in replayed.stdout
    assert olp(tiny, "sandbox", "build", "--size", "tiny").returncode == 0, "the files are delivered again, whole"
    assert demo(tiny).returncode == 0
    repaired = summary_of(tiny)
    # The line that an earlier test appended is gone with the fault.
    assert (repaired["lines"], repaired["accepted"]) == (before["lines"] - 1, before["accepted"])
    assert repaired["marts"] == before["marts"]


def test_clean_removes_everything(tiny: Path) -> None:
    (tiny / "mine.txt").write_text("kept")
    assert demo(tiny, "--clean").returncode == 0
    assert [path.name for path in tiny.iterdir() if path.name != "FORMAT"] == ["mine.txt"]


def test_own_files_take_the_place_of_invented_ones(tmp_path: Path, sample_data: Path) -> None:
    courses = tmp_path / "courses"
    courses.mkdir()
    for name in ("edx-platform-toy.tar.gz", "demo-content-library.tar.gz", "openedx-demo-course.tar.gz"):
        shutil.copyfile(sample_data / "olx" / name, courses / name)
    finished = demo(tmp_path / "data", "--logs", str(sample_data / "tracking"), "--courses", str(courses))
    assert finished.returncode == 0, finished.stderr
    found = summary_of(tmp_path / "data")
    assert (found["lines"], found["blank"], found["accepted"], found["quarantined"]) == (353, 5, 322, 8)
    assert found["courses"] == 2, "a library is no course run"
    assert found["tests_failed"] == 0
