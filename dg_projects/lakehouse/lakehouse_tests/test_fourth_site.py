"""One entry in the list of sites, and nothing else, brings a site into the marts."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from lakehouse import manifest


@pytest.fixture
def four_sites(
    tmp_path: Path, repo_root: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """The environment of a checkout whose process is given another list of sites."""
    root = tmp_path / "checkout"
    shutil.copytree(repo_root / "dg_deployments", root / "dg_deployments", ignore=shutil.ignore_patterns("tests"))
    shutil.copytree(repo_root / "src" / "ol_dbt", root / "src" / "ol_dbt")
    sites = yaml.safe_load((root / "dg_deployments" / "openedx.yaml").read_text())
    sites["deployments"]["bootcamps"] = {
        **sites["deployments"]["xpro"],
        "title": "Bootcamps",
        "raw_prefix": "raw__bootcamps__openedx",
        "tracking_logs": {
            **sites["deployments"]["xpro"]["tracking_logs"],
            "bucket": "bootcamps-{environment}-edxapp-tracking",
        },
    }
    (tmp_path / "sites.yaml").write_text(yaml.safe_dump(sites))
    changed = {
        "OL_PROJECT_ROOT": str(root),
        "OL_OPENEDX_DEPLOYMENTS": str(tmp_path / "sites.yaml"),
        "OL_DATA_DIR": str(tmp_path / "data"),
    }
    for name, value in changed.items():
        monkeypatch.setenv(name, value)
    return environ | changed


def test_a_fourth_site_appears_in_the_marts_without_python_or_sql(
    four_sites: dict[str, str],
    lake_at: Callable[[str], Any],
    build_lakehouse: Callable[[dict[str, str]], Any],
    event: Callable[..., dict[str, Any]],
) -> None:
    manifest.build(four_sites)
    lake = lake_at(four_sites["OL_DATA_DIR"])
    lake.land_logs("bootcamps", "2024-03-01", {"a.parquet": [event("play_video"), event("seq_prev")]})
    lake.land_extract("bootcamps", "course_metadata", "course-v1:B+C+D", [{"course_id": "course-v1:B+C+D",
        "institution": "B", "course_number": "C", "title": "Camp"}])  # fmt: skip
    built = build_lakehouse(four_sites)
    assert built.result.success, [event.message for event in built.result.all_events if event.is_failure]
    assert lake.query("select platform, event_count, video_event_count from mart.fct_activity__course_day") == [
        ("bootcamps", 2, 1)
    ]
    assert lake.query("select platform, title from mart.dim_course__run") == [("bootcamps", "Camp")]
