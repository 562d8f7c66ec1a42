"""The load law: importing a location is pure Python, everywhere, and what it offers changes only on purpose."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

spec = importlib.util.spec_from_file_location("catalogue", Path(__file__).with_name("catalogue.py"))
assert spec is not None
assert spec.loader is not None
catalogue = importlib.util.module_from_spec(spec)
spec.loader.exec_module(catalogue)

SITES = ("mitx", "mitxonline", "xpro")

# Typed by hand, from what users were promised; never generated.
PROMISED_ASSETS = {
    "openedx": [f"{site}/openedx/raw_data/course_xml" for site in SITES]
    + [f"{site}/openedx/processed_data/course_metadata" for site in SITES]
    + [f"{site}/openedx/processed_data/course_video" for site in SITES],
    "edxorg": ["edxorg/raw_tracking_logs", "edxorg/raw_data/tracking_logs"],
    "lakehouse": [
        "ol_warehouse_raw_data/raw__mitx__openedx__tracking_logs",
        "ol_warehouse_raw_data/raw__mitxonline__openedx__tracking_logs",
        "ol_warehouse_raw_data/raw__xpro__openedx__tracking_logs",
        "ol_warehouse_raw_data/raw__edxorg__s3__tracking_logs",
    ],
}
PROMISED_RESOURCES = {
    "openedx": {"io_manager", "s3file_io_manager", "vault", "s3", "duckdb"},
    "edxorg": {"io_manager", "s3file_io_manager", "vault", "s3"},
    "lakehouse": {"duckdb"},
}
TRACKING_LOG_JOBS = (
    "normalize_xpro_{env}_tracking_logs",
    "normalize_mitx_{env}_tracking_logs",
    "normalize_mitxonline_{env}_tracking_logs",
    "normalize_edxorg_{env}_tracking_logs",
    "jsonify_xpro_{env}_tracking_logs",
    "jsonify_mitx_{env}_tracking_logs",
    "jsonify_mitxonline_{env}_tracking_logs",
    "jsonify_edxorg_{env}_tracking_logs",
)
# From the day of each site's first logs: qa's for every environment but production.
FIRST_DAYS = {
    "dev": {"xpro": "2021-03-31", "mitx": "2021-03-10", "mitxonline": "2021-07-26", "edxorg": "2023-10-10"},
    "production": {"xpro": "2019-08-28", "mitx": "2017-06-13", "mitxonline": "2021-08-18", "edxorg": "2019-08-28"},
}


@pytest.fixture(scope="module")
def offered() -> dict[str, dict[str, Any]]:
    """Location → environment → catalogue; each pair costs one interpreter."""
    return {location: loaded(location) for location in catalogue.locations()}


def loaded(location: str) -> dict[str, Any]:
    found = {}
    for environment in catalogue.ENVIRONMENTS:
        # An empty environment means dev, and is the hardest one: not even HOME or PATH is there.
        environ = {} if environment == "dev" else {"DAGSTER_ENV": environment}
        finished = catalogue.in_a_fresh_interpreter(location, environ)
        assert finished.returncode == 0, f"{location} in {environment}:\n{finished.stderr}"
        assert finished.stderr == "", f"{location} in {environment} is not silent:\n{finished.stderr}"
        found[environment] = json.loads(finished.stdout)
    return found


def test_every_location_loads_in_every_environment(offered: dict[str, dict[str, Any]]) -> None:
    assert set(offered) == set(catalogue.locations())
    assert all(set(found) == set(catalogue.ENVIRONMENTS) for found in offered.values())


@pytest.mark.parametrize("location", catalogue.locations())
def test_the_catalogue_is_the_committed_one(location: str, offered: dict[str, dict[str, Any]]) -> None:
    committed = catalogue.SNAPSHOTS / f"{location}.json"
    text = committed.read_text() if committed.is_file() else ""
    assert text == catalogue.as_text(offered[location]), (
        "What the location offers has changed. Meant? Then: python dg_deployments/tests/catalogue.py --write"
    )


@pytest.mark.parametrize("location", sorted(PROMISED_ASSETS))
def test_promised_assets_and_resources_are_there(location: str, offered: dict[str, dict[str, Any]]) -> None:
    for environment, found in offered[location].items():
        assert set(PROMISED_ASSETS[location]) <= set(found["assets"]), environment
        assert PROMISED_RESOURCES[location] <= set(found["resources"]), environment


def test_the_eight_tracking_log_jobs_carry_the_real_environment(offered: dict[str, dict[str, Any]]) -> None:
    for environment, found in offered["openedx"].items():
        assert {name.format(env=environment) for name in TRACKING_LOG_JOBS} <= set(found["jobs"])


@pytest.mark.parametrize("environment", sorted(FIRST_DAYS))
def test_tracking_log_jobs_are_daily_from_the_first_day_of_their_logs(
    environment: str, offered: dict[str, dict[str, Any]]
) -> None:
    jobs = offered["openedx"][environment]["jobs"]
    for site, day in FIRST_DAYS[environment].items():
        for verb in ("normalize", "jsonify"):
            assert jobs[f"{verb}_{site}_{environment}_tracking_logs"] == f"0 0 * * * from {day}"


def test_nothing_starts_by_itself_but_what_was_meant_to(offered: dict[str, dict[str, Any]]) -> None:
    schedules = {name: text for found in offered.values() for name, text in found["dev"]["schedules"].items()}
    assert all(text.endswith("STOPPED") for text in schedules.values()), schedules


@pytest.mark.parametrize("location", catalogue.locations())
def test_an_unknown_environment_refuses_to_start(location: str) -> None:
    finished = catalogue.in_a_fresh_interpreter(location, {"DAGSTER_ENV": "staging"})
    assert finished.returncode != 0
    assert "ConfigurationError" in finished.stderr
    assert "DAGSTER_ENV is 'staging'" in finished.stderr


@pytest.mark.parametrize(
    "offence",
    [
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import subprocess; subprocess.run(['true'])",
        "open('written', 'w')",
        "import pathlib; pathlib.Path('written').touch()",
    ],
)
def test_the_guard_stops_an_import_that_does_more_than_import(offence: str, tmp_path: Path) -> None:
    """The test of the test: each of these would otherwise pass unseen."""
    hook = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import catalogue; "
    guarded = hook + "sys.addaudithook(catalogue.refuse)\ntry:\n    " + offence + "\nexcept Exception: pass\n"
    finished = subprocess.run(
        [sys.executable, "-B", "-c", guarded], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "RefusedError: importing did" in finished.stderr
    assert not list(tmp_path.iterdir())
